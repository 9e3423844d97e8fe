"""The file of 批量导入: its columns, its rows, and the rows that are one bill.

Rows that follow each other with the same 业务流水号 are one bill. What a row says of the whole bill may be left blank
in its later rows; what is there must agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from portal.core import spreadsheet
from portal.domain.documents.manual_input import (
    CURRENCIES,
    DEALINGS,
    DONATION_FORMS,
    ID_TYPES,
    KINDS,
    MOST_LINES,
    OUTPATIENT_SCENES,
    PAYER_KINDS,
    Entry,
    entry,
    figure,
)
from portal.domain.documents.settlement import CHANNELS, Scene
from portal.domain.errors import Refusal
from portal.domain.money import yuan
from portal.issuing.manual import cells
from portal.issuing.manual.entry import OWN_SERIAL, Problem

SHEET = "批量开票"
MOST_BILLS = 5_000
RESULTS = ("结果", "错误字段", "原因", "建议")
"""What the failure file adds; ignored when it is sent again."""


@dataclass(frozen=True, slots=True)
class Column:
    """``part``: bill (may stand in the first row only) or line; ``choices``: words on screen → our codes."""

    name: str
    title: str
    part: str = "bill"
    required: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    day: bool = False
    hint: str = ""


def _words(choices: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {title: code for code, title in choices}


COLUMNS = (
    Column("order", "序号", "line", True, hint="同一张票据内不能重复"),
    Column("serial", "业务流水号", "line", True, hint="连续的几行写同一流水号，就是同一张票据；设为文本格式"),
    Column("kind", "票据种类", required=True, choices=_words((kind.value, title) for kind, title in KINDS.items())),
    Column("payer_kind", "交款人类型", required=True, choices=_words(PAYER_KINDS)),
    Column("payer_name", "交款人", required=True, hint="匿名捐赠写“匿名”"),
    Column("id_type", "证件类型", choices=_words(ID_TYPES), hint="个人可填，不填则按号码识别"),
    Column("id_no", "证件号/信用代码", hint="设为文本格式，否则 Excel 会丢掉末尾几位"),
    Column("phone", "手机号", hint="有手机号才能短信通知取票"),
    Column("email", "邮箱"),
    Column("business_day", "开票日期", day=True, hint="不填为导入当天，例如 2026-01-05"),
    Column("scene", "业务类型", choices=_words(OUTPATIENT_SCENES), hint="门诊票据可填，不填为门诊"),
    Column("code", "项目编码", "line", True, hint="见“收费明细”工作表"),
    Column("name", "项目名称", "line"),
    Column("unit", "单位", "line"),
    Column("quantity", "数量", "line", True),
    Column("price", "标准", "line", True, hint="元"),
    Column("amount", "金额", "line", True, hint="元，等于数量乘以标准"),
    Column("channel", "缴款渠道", "line", choices=_words(CHANNELS.items()), hint="实物捐赠不填"),
    Column("remark", "备注"),
    Column("category", "往来类别", choices=_words(DEALINGS), hint="往来票据必填"),
    Column("counterparty", "对方单位"),
    Column("basis", "依据", hint="往来票据必填"),
    Column("project", "捐赠项目", hint="捐赠票据必填"),
    Column("donation_form", "捐赠形式", choices=_words(DONATION_FORMS), hint="捐赠票据必填"),
    Column("currency", "币种", choices=_words(CURRENCIES)),
    Column("original", "原币金额"),
    Column("rate", "汇率"),
    Column("patient_no", "门诊号/住院号", hint="住院票据必填"),
    Column("department", "就诊科室"),
    Column("in_date", "入院日期", day=True, hint="住院票据必填"),
    Column("out_date", "出院日期", day=True, hint="住院票据必填"),
)
BY_NAME = {column.name: column for column in COLUMNS}
_BY_TITLE = {column.title: column for column in COLUMNS}


@dataclass(slots=True)
class Group:
    """The rows of one bill: their numbers in the file and their texts by column name, and what is wrong already."""

    serial: str
    numbers: list[int] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    problems: list[Found] = field(default_factory=list)

    def text(self) -> str:
        """As JSON, for sealing."""
        problems = [(item.row, item.title, item.reason, item.remedy) for item in self.problems]
        values = {"serial": self.serial, "numbers": self.numbers, "rows": self.rows, "problems": problems}
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> Group:
        """Back from :meth:`text`."""
        values = json.loads(text)
        problems = [Found(*item) for item in values["problems"]]
        return cls(values["serial"], values["numbers"], values["rows"], problems)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing wrong: row number in the file (0: the whole bill), column, reason, what to do."""

    row: int
    title: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that could be read. ``ignored``: headings we do not know."""

    groups: list[Group]
    rows: int
    ignored: list[str]


def read(data: bytes) -> File:
    """Read a file. Raises Refusal FILE_REFUSED when it is no table of ours at all; rows are judged one by one."""
    try:
        rows = spreadsheet.read(data, SHEET)
    except spreadsheet.SheetRefused as refused:
        raise Refusal("FILE_REFUSED", reason=str(refused), advice=refused.remedy) from refused
    heads = next((place for place, row in enumerate(rows[:10]) if _is_head(row)), None)
    if heads is None:
        raise Refusal("FILE_REFUSED", reason="没有找到表头“业务流水号”", advice="请使用下载的模板，不要改动表头")
    titles = [cells.title(cell.text) for cell in rows[heads].cells]
    columns = [_BY_TITLE.get(title) for title in titles]
    _check_heads(titles, columns)
    body = [row for row in rows[heads + 1 :] if not cells.is_blank(row)]
    if not body:
        raise Refusal("FILE_REFUSED", reason="表头下面没有内容", advice="请填写后再导入")
    groups = _groups(body, columns)
    if len(groups) > MOST_BILLS:
        reason = f"有 {len(groups):,} 张票据，多于 {MOST_BILLS:,} 张"
        raise Refusal("FILE_REFUSED", reason=reason, advice="请分成几个文件导入")
    _find_repeats(groups)
    ignored = [title for title, column in zip(titles, columns, strict=True) if title and not column]
    return File(groups, len(body), [title for title in ignored if title not in RESULTS])


def _is_head(row: spreadsheet.Row) -> bool:
    return "业务流水号" in {cells.title(cell.text) for cell in row.cells}


def _check_heads(titles: Sequence[str], columns: Sequence[Column | None]) -> None:
    known = [column.title for column in columns if column]
    if twice := sorted({title for title in known if known.count(title) > 1}):
        raise Refusal("FILE_REFUSED", reason=f"表头重复：{'、'.join(twice)}", advice="请使用下载的模板")
    if missing := [column.title for column in COLUMNS if column.required and column.title not in titles]:
        raise Refusal("FILE_REFUSED", reason=f"缺少列：{'、'.join(missing)}", advice="请使用下载的模板，不要删除列")


def _groups(rows: Iterable[spreadsheet.Row], columns: Sequence[Column | None]) -> list[Group]:
    found: list[Group] = []
    for row in rows:
        problems = [Found(row.number, "", *cells.HIDDEN)] if row.hidden else []
        texts = {
            column.name: _value(row.number, column, cell, problems)
            for column, cell in zip(columns, row.cells, strict=False)
            if column
        }
        serial = texts.get("serial", "")
        if not (found and serial and found[-1].serial == serial):
            found.append(Group(serial))
        group = found[-1]
        group.numbers.append(row.number)
        group.rows.append({name: text for name, text in texts.items() if text})
        group.problems += problems
    return found


def _value(number: int, column: Column, cell: spreadsheet.Cell, problems: list[Found]) -> str:
    if wrong := cells.complaint(cell, column.name in _NUMBERS):
        problems.append(Found(number, column.title, *wrong))
    return cells.day(cell) if column.day else cells.text_of(cell)


_LINE = ("code", "name", "unit", "quantity", "price", "amount")
_NUMBERS = frozenset({"serial", "id_no", "phone", "patient_no"})


def _find_repeats(groups: list[Group]) -> None:
    """Refuse a serial that comes again further down: it is two bills or a mistake, and neither is taken."""
    first: dict[str, Group] = {}
    for group in groups:
        known = first.setdefault(group.serial, group)
        if known is group or not group.serial:
            continue
        for one, other in ((known, group), (group, known)):
            reason = f"业务流水号在文件中重复（另见第 {other.numbers[0]} 行）"
            one.problems.append(Found(one.numbers[0], "业务流水号", reason, "同一张票据的各行要连在一起"))


def entry_of(group: Group, point_code: str, checker: str, today: str) -> Entry:
    """Return the entry that a group of rows means; what cannot be read into one is added to the group's problems."""
    bill = {name: _agreed(group, column) for name, column in BY_NAME.items() if column.part == "bill"}
    kind = _kind(group, bill["kind"])
    bill |= {"point_code": point_code, "checker": checker, "business_day": bill["business_day"] or today}
    if kind is Scene.OUTPATIENT:
        bill["scene"] = bill["scene"] or Scene.OUTPATIENT.value
    bill["hospital_no"] = bill["patient_no"]
    if bill["payer_name"] in ("匿名", "匿名捐赠人") and kind is Scene.DONATION:
        bill["anonymous"] = "1"
    _check_serial(group)
    _check_lines(group)
    lines = [{name: row.get(name, "") for name in _LINE} for row in group.rows]
    return entry(kind, bill, lines, _payments(group) if bill["donation_form"] != "goods" else [])


def _agreed(group: Group, column: Column) -> str:
    texts = [row.get(column.name, "") for row in group.rows]
    for number, text in zip(group.numbers[1:], texts[1:], strict=True):
        if text and text != texts[0]:
            reason = f"与同一票据的第 {group.numbers[0]} 行不一致"
            group.problems.append(Found(number, column.title, reason, "同一张票据的这一列应相同，或只填第一行"))
    return _coded(group, column, texts[0], group.numbers[0])


def _coded(group: Group, column: Column, text: str, number: int) -> str:
    if not column.choices or not text:
        return text
    code = column.choices.get(text) or next((code for code in column.choices.values() if code == text), "")
    if not code:
        remedy = f"可填：{'、'.join(column.choices)}"
        group.problems.append(Found(number, column.title, f"“{text[:20]}”不在可选范围内", remedy))
    return code


def _kind(group: Group, code: str) -> Scene:
    if not code and not any(found.title == "票据种类" for found in group.problems):
        group.problems.append(Found(group.numbers[0], "票据种类", "不能为空", "请从下拉列表中选择"))
    return Scene(code) if code else Scene.OUTPATIENT


def _check_serial(group: Group) -> None:
    serial = group.serial
    if not serial:
        group.problems.append(Found(group.numbers[0], "业务流水号", "不能为空", "请填写，每张票据一个"))
    elif len(serial) > 50 or not serial.isprintable():
        group.problems.append(Found(group.numbers[0], "业务流水号", "超过 50 个字或含有控制字符", "请缩短"))
    elif re.fullmatch(rf"{OWN_SERIAL}\d{{10,}}", serial):
        reason = f"以 {OWN_SERIAL} 开头的流水号由平台编号"
        group.problems.append(Found(group.numbers[0], "业务流水号", reason, "请改用收费系统的流水号"))


def _check_lines(group: Group) -> None:
    if len(group.rows) > MOST_LINES:
        reason = f"一张票据有 {len(group.rows)} 行，多于 {MOST_LINES} 行"
        group.problems.append(Found(group.numbers[0], "序号", reason, "请合并项目，或分成几张票据"))
    seen: set[str] = set()
    for number, row in zip(group.numbers, group.rows, strict=True):
        order = row.get("order", "")
        if not order:
            group.problems.append(Found(number, "序号", "不能为空", "请填写 1、2、3 …"))
        elif order in seen:
            group.problems.append(Found(number, "序号", f"序号 {order} 重复", "请核对是否多粘贴了一行"))
        seen.add(order)
        if not any(row.get(name) for name in _LINE):
            group.problems.append(Found(number, "项目编码", "这一行没有收费项目", "请填写，或删去这一行"))
        elif not row.get("amount"):
            group.problems.append(Found(number, "金额", "不能为空", "请填写数量乘以标准的金额"))


def _payments(group: Group) -> list[dict[str, str]]:
    """Each row's amount under its channel; the same channel of several rows is one payment."""
    column, sums = BY_NAME["channel"], dict[str, int]()
    for number, row in zip(group.numbers, group.rows, strict=True):
        text = row.get("channel", "")
        if not text:
            group.problems.append(Found(number, column.title, "不能为空", "请从下拉列表中选择"))
        code = _coded(group, column, text, number)
        if code:
            with suppress(ValueError):  # the line itself says what is wrong with its amount
                sums[code] = sums.get(code, 0) + figure(row.get("amount", ""), 2)
    return [{"channel": code, "amount": yuan(amount)} for code, amount in sums.items()]


_ENTRY_TITLES = {"hospital_no": "门诊号/住院号", "id_no": "证件号/信用代码", "days": "出院日期"}


def located(group: Group, problem: Problem) -> Found:
    """Return a problem of the entry as one of the file: which row, which column."""
    place, _, name = problem.where.removeprefix("lines.").partition(".")
    if problem.where.startswith("lines.") and place.isdigit():
        column = BY_NAME.get(name)
        return Found(
            group.numbers[int(place)], column.title if column else problem.title, problem.reason, problem.remedy
        )
    title = _ENTRY_TITLES.get(problem.where) or (
        BY_NAME[problem.where].title if problem.where in BY_NAME else problem.title
    )
    return Found(group.numbers[0], title, problem.reason, problem.remedy)
