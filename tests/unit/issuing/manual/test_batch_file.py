"""The batch file: its headings, rows and cells, read as people's programs write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from portal.core.spreadsheet import Cell, Row
from portal.domain.errors import Refusal
from portal.issuing.manual import batch_file
from portal.issuing.manual.batch import Terms, judge
from portal.issuing.manual.batch_file import COLUMNS, Found, Group, read
from portal.rendering.pdf import fonts
from tests.factories.batch_files import NAMES, bad_row, csv_file, row, xlsx
from tests.factories.manual_entries import CONTEXT

fonts.ensure()  # here, so that no test pays for reading them

TERMS = Terms(None, CONTEXT, "01", "复核员乙")  # type: ignore[arg-type]  # the account is for issuing only
TODAY = "2026-11-24"


def groups(rows: list[dict]) -> list[Group]:
    return read(csv_file(rows, "utf-8")).groups


def table(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Cell | str]], hidden: int = 0) -> list[Group]:
    """A workbook with cells of these kinds, as the reader of workbooks gives it."""
    cells = [tuple(Cell("text", column.title) for column in COLUMNS)]
    for found in rows:
        made = [found.get(name, "") for name in NAMES]
        cells.append(tuple(one if isinstance(one, Cell) else Cell("text", str(one)) for one in made))
    lines = [Row(number, line, number == hidden) for number, line in enumerate(cells, 1)]
    monkeypatch.setattr(batch_file.spreadsheet, "read", lambda data, sheet: lines if sheet == "批量开票" else [])
    return read(b"").groups


# --- the file as a whole ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [lambda rows: csv_file(rows, "utf-8-sig"), lambda rows: csv_file(rows, "gbk"), xlsx])
def test_rows_that_follow_each_other_with_one_serial_are_one_bill(form: Callable[[list], bytes]) -> None:
    file = read(form([row(1), row(3, order="1"), row(3, order="2", code="F0001"), row(2)]))
    assert (file.rows, file.ignored) == (4, [])
    assert [(group.serial, group.numbers) for group in file.groups] == [
        ("MZ000001", [2]),
        ("MZ000003", [3, 4]),
        ("MZ000002", [5]),
    ]
    assert [line["code"] for line in file.groups[1].rows] == ["Y0002", "F0001"]
    assert file.groups[0].rows[0] == {
        "order": "1",
        "serial": "MZ000001",
        "kind": "医疗门诊收费票据",
        "payer_kind": "个人",
        "payer_name": "林演安",
        "id_no": "000000195203150010",
        "phone": "10000000001",
        "code": "Y0002",
        "quantity": "1",
        "price": "12.5",
        "amount": "12.5",
        "channel": "微信",
    }


def test_a_blank_serial_joins_nothing() -> None:
    assert [group.numbers for group in groups([row(1, serial=""), row(1, serial="")])] == [[2], [3]]


@pytest.mark.parametrize(
    ("data", "reason", "advice"),
    [
        (b"", "文件是空的", "请选择填好的文件"),
        (b"a,b\n1,2\n", "没有找到表头“业务流水号”", "请使用下载的模板，不要改动表头"),
        (csv_file([], "utf-8"), "表头下面没有内容", "请填写后再导入"),
        (
            "业务流水号,金额,序号\n1,2,3\n".encode(),
            "缺少列：票据种类、交款人类型、交款人、项目编码、数量、标准",
            "请使用下载的模板，不要删除列",
        ),
        ("业务流水号,金额,业务流水号,金额\n1,2\n".encode(), "表头重复：业务流水号、金额", "请使用下载的模板"),
        (
            csv_file([row(number) for number in range(5001)], "utf-8"),
            "有 5,001 张票据，多于 5,000 张",
            "请分成几个文件导入",
        ),
        (
            ("x\n" * 10).encode() + csv_file([row(1)], "utf-8"),
            "没有找到表头“业务流水号”",
            "请使用下载的模板，不要改动表头",
        ),
    ],
)
def test_what_is_no_table_of_ours_is_refused_whole(data: bytes, reason: str, advice: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(data)
    assert refused.value.code == "FILE_REFUSED"
    assert refused.value.fields == {"reason": reason, "advice": advice}


def test_the_largest_file_is_taken() -> None:
    assert len(groups([row(number) for number in range(5000)])) == 5000


def test_headings_are_known_with_their_marks_and_the_rest_is_named() -> None:
    titles = [f" ＊{column.title}（必填）*" for column in COLUMNS]
    lines = [
        ["填写说明"] * 3,
        [*titles, "院区", "", "结果", "原因"],
        [str(row(1).get(name, "")) for name in NAMES] + ["东"],
    ]
    file = read("\n".join(",".join(line) for line in lines).encode())
    assert file.ignored == ["院区"]
    assert [(group.serial, group.numbers) for group in file.groups] == [("MZ000001", [3])]


def test_a_heading_stands_in_the_first_ten_rows() -> None:
    assert read(b"x\n" * 9 + csv_file([row(1)], "utf-8")).groups[0].numbers == [11]


def test_columns_that_nobody_must_fill_may_be_missing() -> None:
    needed = [column for column in COLUMNS if column.required]
    assert len(needed) == 9
    lines = [[column.title for column in needed], [str(row(1).get(column.name, "")) for column in needed]]
    file = read("\n".join(",".join(line) for line in lines).encode())
    assert file.groups[0].serial == "MZ000001" and file.groups[0].rows[0]["amount"] == "12.5"


def test_a_group_survives_its_seal() -> None:
    group = groups([row(1), bad_row(1)])[0]
    group.problems.append(Found(2, "交款人", "不能为空", "请填写"))
    assert Group.of_text(group.text()) == group
    assert Group("S", [2], [{"code": "甲"}], [Found(0, "a", "b", "c")]).text() == (
        '{"serial":"S","numbers":[2],"rows":[{"code":"甲"}],"problems":[[0,"a","b","c"]]}'
    )


# --- one cell --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ('="ZZ1C"', "ZZ1C"),
        ('="a""b"', 'a"b'),
        ('=" 0123 "', "0123"),
        ("'0002", "0002"),
        ("'测试甲", "测试甲"),
        ("'t Hooft", "'t Hooft"),
        ("'十五'计划", "'十五'计划"),
        ("  林  演安 ", "林 演安"),
        ("'x", "'x"),
        ("''x", "''x"),
        ('="x', '="x'),
    ],
)
def test_what_programs_put_around_a_text_is_taken_off(typed: str, read_as: str) -> None:
    (group,) = groups([row(1, remark=typed)])
    assert group.rows[0]["remark"] == read_as
    assert group.problems == []


LONG = "长号码被 Excel 变成科学计数或丢了末尾几位"
AS_TEXT = "请先把这一列设为文本格式，再重新填写号码"


@pytest.mark.parametrize(
    ("name", "cell", "text", "problem"),
    [
        ("serial", Cell("number", "1234"), "1234", None),
        ("serial", Cell("text", "4.40E+17"), "4.40E+17", ("业务流水号", LONG, AS_TEXT)),
        ("phone", Cell("text", "1e10"), "1e10", ("手机号", LONG, AS_TEXT)),
        ("id_no", Cell("long", "440101199001011200"), "440101199001011200", ("证件号/信用代码", LONG, AS_TEXT)),
        ("remark", Cell("text", "4.40E+17"), "4.40E+17", None),
        ("remark", Cell("long", "440101199001011200"), "440101199001011200", ("备注", LONG, AS_TEXT)),
        ("serial", Cell("date", "2026-01-05"), "2026-01-05", ("业务流水号", "号码被 Excel 变成了日期", AS_TEXT)),
        (
            "patient_no",
            Cell("styled", "46000"),
            "46000",
            ("门诊号/住院号", "Excel 的数字格式给号码添了字，单元格里没有", AS_TEXT),
        ),
        ("remark", Cell("date", "2026-01-05"), "2026-01-05", None),
        ("quantity", Cell("formula", "=1+1"), "", ("数量", "单元格是公式", "请复制后用“粘贴为数值”")),
        ("amount", Cell("error", "#N/A"), "", ("金额", "单元格的值是 #N/A", "请填写实际的内容")),
        ("remark", Cell("number", "'5"), "'5", None),
        ("business_day", Cell("date", "2026-01-05"), "2026-01-05", None),
        ("business_day", Cell("number", "46027"), "2026-01-05", None),
        ("business_day", Cell("styled", "46027"), "2026-01-05", None),
        ("business_day", Cell("text", "46027"), "46027", None),
        ("business_day", Cell("number", "46027.75"), "2026-01-05", None),
        ("business_day", Cell("number", "20260105"), "2026-01-05", None),
        ("business_day", Cell("number", "20000"), "1954-10-03", None),
        ("business_day", Cell("number", "19999"), "19999", None),
        ("business_day", Cell("number", "73050"), "2099-12-31", None),
        ("business_day", Cell("number", "73051"), "73051", None),
        ("business_day", Cell("text", "2026年1月5日"), "2026-01-05", None),
        ("in_date", Cell("text", "2026/1/5 0:00"), "2026-01-05", None),
        ("out_date", Cell("text", "2026111"), "2026111", None),
        ("remark", Cell("text", "2026年1月5日"), "2026年1月5日", None),
    ],
)
def test_a_cell_is_read_by_its_kind_and_its_column(
    monkeypatch: pytest.MonkeyPatch, name: str, cell: Cell, text: str, problem: tuple[str, str, str] | None
) -> None:
    (group,) = table(monkeypatch, [row(1) | {name: cell}])
    assert group.rows[0].get(name, "") == text
    assert group.problems == ([Found(2, *problem)] if problem else [])


def test_a_row_of_formulas_only_is_a_row_and_one_of_blanks_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = table(monkeypatch, [{"amount": Cell("formula", "")}, {"remark": " "}, row(1)])
    assert [group.numbers for group in found] == [[2], [4]]


def test_a_hidden_row_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = table(monkeypatch, [row(1), row(2)], hidden=3)
    assert [group.problems for group in found] == [
        [],
        [Found(3, "", "这一行在 Excel 中被隐藏或筛选掉了", "请取消隐藏或筛选后再看一遍；不要的行请删去")],
    ]


def test_dates_and_numbers_of_excel_are_read_as_shown() -> None:
    day = date(2026, 11, 20)
    days = [day, day.isoformat(), f"{day:%Y/%m/%d}", int(f"{day:%Y%m%d}"), (day - date(1899, 12, 30)).days]
    rows = [row(number, business_day=one, phone=10000000001, price=0.1 + 12.4) for number, one in enumerate(days)]
    found = read(xlsx(rows)).groups
    assert {line["business_day"] for group in found for line in group.rows} == {"2026-11-20"}
    assert {(line["phone"], line["price"]) for group in found for line in group.rows} == {("10000000001", "12.5")}
    assert all(judge(group, TERMS)[0] for group in found)
