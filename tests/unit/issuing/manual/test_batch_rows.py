"""The rows of a batch file that are one bill: what they become, and what is wrong said at its row and column."""

from __future__ import annotations

from datetime import date

import pytest

from portal.domain.documents.settlement import Donation, Scene, Settlement
from portal.issuing.manual.batch import Terms, judge
from portal.issuing.manual.batch_file import Found, Group, entry_of, located, read
from portal.issuing.manual.entry import Problem
from portal.rendering.pdf import fonts
from tests.factories.batch_files import csv_file, row
from tests.factories.manual_entries import CONTEXT

fonts.ensure()  # here, so that no test pays for reading them

TERMS = Terms(None, CONTEXT, "01", "复核员乙")  # type: ignore[arg-type]  # the account is for issuing only
TODAY = "2026-11-24"


def groups(rows: list[dict]) -> list[Group]:
    return read(csv_file(rows, "utf-8")).groups


def judged(rows: list[dict]) -> tuple[list[Settlement | None], list[tuple[int, str, str, str]]]:
    """What becomes of the bills of a file, and everything that is said of them."""
    found = groups(rows)
    settlements = [judge(group, TERMS)[0] for group in found]
    return settlements, [(one.row, one.title, one.reason, one.remedy) for group in found for one in group.problems]


AGREE = "同一张票据的这一列应相同，或只填第一行"
TOGETHER = "同一张票据的各行要连在一起"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(1), row(2)], []),
        (
            [row(1), row(2), row(1)],
            [
                (2, "业务流水号", "业务流水号在文件中重复（另见第 4 行）", TOGETHER),
                (4, "业务流水号", "业务流水号在文件中重复（另见第 2 行）", TOGETHER),
            ],
        ),
        (
            [row(1), row(2), row(1), row(3), row(1)],
            [
                (2, "业务流水号", "业务流水号在文件中重复（另见第 4 行）", TOGETHER),
                (2, "业务流水号", "业务流水号在文件中重复（另见第 6 行）", TOGETHER),
                (4, "业务流水号", "业务流水号在文件中重复（另见第 2 行）", TOGETHER),
                (6, "业务流水号", "业务流水号在文件中重复（另见第 2 行）", TOGETHER),
            ],
        ),
        ([row(1), row(1)], [(3, "序号", "序号 1 重复", "请核对是否多粘贴了一行")]),
        ([row(1, order="")], [(2, "序号", "不能为空", "请填写 1、2、3 …")]),
        (
            [row(1), row(1, order="2", payer_name="别人")],
            [(3, "交款人", "与同一票据的第 2 行不一致", AGREE)],
        ),
        ([row(1), row(1, order="2", payer_name="", kind="", payer_kind="")], []),
        (
            [row(1, serial=""), row(2, serial="")],
            [
                (2, "业务流水号", "不能为空", "请填写，每张票据一个"),
                (3, "业务流水号", "不能为空", "请填写，每张票据一个"),
            ],
        ),
        (
            [row(1, serial="SG12345678901")],
            [(2, "业务流水号", "以 SG 开头的流水号由平台编号", "请改用收费系统的流水号")],
        ),
        ([row(1, serial="SG123456789")], []),
        ([row(1, serial="S" * 50)], []),
        ([row(1, serial="S" * 51)], [(2, "业务流水号", "超过 50 个字或含有控制字符", "请缩短")]),
        ([row(1, serial="S\x01")], [(2, "业务流水号", "超过 50 个字或含有控制字符", "请缩短")]),
        ([row(1, kind="")], [(2, "票据种类", "不能为空", "请从下拉列表中选择")]),
        (
            [row(1, kind="发票" * 20)],
            [
                (
                    2,
                    "票据种类",
                    "“发票发票发票发票发票发票发票发票发票发票”不在可选范围内",
                    "可填：医疗门诊收费票据、医疗住院收费票据、资金往来结算票据、公益事业捐赠票据",
                )
            ],
        ),
        ([row(1, kind="outpatient", payer_kind="1", channel="wechat")], []),
        ([row(1, channel="")], [(2, "缴款渠道", "不能为空", "请从下拉列表中选择")]),
        (
            [row(1, channel="比特币")],
            [
                (
                    2,
                    "缴款渠道",
                    "“比特币”不在可选范围内",
                    "可填：现金、POS刷卡、微信、支付宝、转账、支票、院内卡、自助机、线上、医保统筹、医保个人账户、预交金、误差、其他",
                )
            ],
        ),
        (
            [row(1, code="", quantity="", price="", amount="")],
            [(2, "项目编码", "这一行没有收费项目", "请填写，或删去这一行")],
        ),
        ([row(1, amount="")], [(2, "金额", "不能为空", "请填写数量乘以标准的金额")]),
        ([row(1, order=str(place)) for place in range(20)], []),
        (
            [row(1, order=str(place)) for place in range(21)],
            [(2, "序号", "一张票据有 21 行，多于 20 行", "请合并项目，或分成几张票据")],
        ),
    ],
)
def test_what_is_wrong_with_the_rows_of_a_bill_is_said_at_row_and_column(rows: list[dict], said: list) -> None:
    found = groups(rows)
    for group in found:
        entry_of(group, "01", "复核员乙", TODAY)
    told = [(one.row, one.title, one.reason, one.remedy) for group in found for one in group.problems]
    assert told == said


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"id_no": 440101199001011234}, [(2, "证件号/信用代码")]),
        ({"serial": "4.40E+17"}, [(2, "业务流水号")]),
        ({"quantity": "=1+1", "amount": "=2"}, [(2, "数量"), (2, "金额")]),
        ({"business_day": "2099-01-01"}, [(2, "开票日期")]),
        ({"business_day": "2026111"}, [(2, "开票日期")]),
        ({"amount": -12.5, "quantity": -1}, [(2, "数量"), (2, "金额")]),
        ({"amount": 12.505}, [(2, "金额")]),
        ({"price": 13, "amount": 13}, [(2, "标准")]),
        ({"kind": "医疗住院收费票据"}, [(2, "门诊号/住院号"), (2, "入院日期"), (2, "出院日期")]),
        ({"kind": "公益事业捐赠票据", "code": "J0101"}, [(2, "捐赠项目"), (2, "捐赠形式")]),
        ({"payer_name": "林😀安"}, [(2, "交款人")]),
        ({"payer_name": ""}, [(2, "交款人")]),
        ({"code": "没有"}, [(2, "项目编码")]),
        ({"remark": "★复诊"}, []),
    ],
)
def test_what_the_entry_finds_is_said_at_row_and_column(changes: dict, places: list) -> None:
    settlements, said = judged([row(1, **changes)])
    assert [(number, title) for number, title, _, _ in said if title != "第 1 条金额"] == places
    assert (settlements == [None]) is bool(places)


def test_a_thing_is_said_once_for_a_place() -> None:
    _, said = judged([row(1, order="1"), row(1, order="2", amount="")])
    assert [one for one in said if one[0] == 3] == [(3, "金额", "不能为空", "请填写数量乘以标准的金额")]
    assert [one[1] for one in said if one[0] == 2] == ["缴款渠道"], "the sum of the payments"


def test_a_bill_without_kind_is_called_so_once_only() -> None:
    _, said = judged([row(1, kind="发票")])
    assert [(number, title) for number, title, _, _ in said] == [(2, "票据种类")]


@pytest.mark.parametrize(
    "amount", ["1,200.00", "￥1200", "¥1,200.0", "１，２００．００", "1200.000", "1200元", "1 200.00"]
)
def test_an_amount_is_read_alike_as_line_and_as_payment(amount: str) -> None:
    (settlement,), said = judged([row(1, quantity="９６", price="￥12.50", amount=amount)])
    assert said == []
    assert settlement is not None and settlement.total_fen == 120000
    assert [(payment.channel, payment.amount_fen) for payment in settlement.payments] == [("wechat", 120000)]


def test_days_agree_in_any_spelling() -> None:
    ways = ["2026年11月20日", "2026-11-20 00:00:00", "2026/11/20 0:00", "2026-11-20T00:00:00"]
    (settlement,), said = judged([row(9, order=str(place), business_day=way) for place, way in enumerate(ways)])
    assert said == []
    assert settlement is not None and settlement.business_at.date() == date(2026, 11, 20)


def test_each_channel_is_one_payment_of_its_rows() -> None:
    (group,) = groups(
        [
            row(1, order="1"),
            row(1, order="2", channel="现金", amount="3"),
            row(1, order="3", amount="1.5"),
            row(1, order="4", channel="现金", amount="viel"),
        ]
    )
    made = entry_of(group, "01", "复核员乙", TODAY)
    assert [(one["channel"], one["amount"]) for one in made.payments] == [("wechat", "14.00"), ("cash", "3.00")]


# --- from rows to an entry -------------------------------------------------------------------------------------------


def test_rows_become_an_entry_of_our_codes() -> None:
    (group,) = groups([row(1, remark="复诊", name="布洛芬", unit="盒"), row(1, order="2", code="F0001")])
    made = entry_of(group, "01", "复核员乙", TODAY)
    assert made.kind is Scene.OUTPATIENT
    expected = {"payer_kind": "1", "payer_name": "林演安", "id_no": "000000195203150010", "phone": "10000000001"}
    expected |= {"point_code": "01", "checker": "复核员乙", "business_day": TODAY, "remark": "复诊"}
    assert {name: text for name, text in made.fields.items() if text} == expected | {"scene": "outpatient"}
    first = {"code": "Y0002", "name": "布洛芬", "unit": "盒", "quantity": "1", "price": "12.5", "amount": "12.5"}
    assert made.lines[0] == first | {"remark": ""}
    assert made.lines[1]["code"] == "F0001" and made.lines[1]["name"] == ""
    assert made.payments == [{"channel": "wechat", "amount": "25.00", "reference": ""}]


def test_a_day_and_a_scene_that_are_typed_stay() -> None:
    (group,) = groups([row(1, business_day="2026-11-20", scene="急诊", patient_no="M1")])
    made = entry_of(group, "01", "复核员乙", TODAY)
    assert (made.fields["business_day"], made.fields["scene"], made.fields["patient_no"]) == (
        "2026-11-20",
        "emergency",
        "M1",
    )


def test_the_number_of_a_patient_is_that_of_the_stay_on_an_inpatient_bill() -> None:
    (group,) = groups([row(1, kind="医疗住院收费票据", patient_no="ZY1")])
    assert entry_of(group, "01", "复核员乙", TODAY).fields["hospital_no"] == "ZY1"


@pytest.mark.parametrize(
    ("name", "kind", "anonymous"),
    [
        ("匿名", "公益事业捐赠票据", "1"),
        ("匿名捐赠人", "公益事业捐赠票据", "1"),
        ("林演安", "公益事业捐赠票据", ""),
        ("匿名", "资金往来结算票据", None),
    ],
)
def test_a_donor_may_be_anonymous_and_nobody_else(name: str, kind: str, anonymous: str | None) -> None:
    (group,) = groups([row(1, payer_name=name, kind=kind)])
    assert entry_of(group, "01", "复核员乙", TODAY).fields.get("anonymous") == anonymous


def test_goods_have_no_channel() -> None:
    goods = {"kind": "公益事业捐赠票据", "project": "助残", "donation_form": "实物", "code": "J0201", "id_no": ""}
    settlements, said = judged([row(4, name="轮椅", price=680, quantity=10, amount=6800, channel="", **goods)])
    assert said == []
    assert settlements[0] is not None and settlements[0].payments == ()
    assert settlements[0].purpose == Donation("助残", True)


@pytest.mark.parametrize(
    ("kind", "columns", "fields"),
    [
        (
            "医疗住院收费票据",
            {"patient_no": "ZY1", "in_date": "2026/11/1", "out_date": "20261103", "department": "内科"},
            {"hospital_no": "ZY1", "in_date": "2026-11-01", "out_date": "2026-11-03", "department": "内科"},
        ),
        (
            "资金往来结算票据",
            {"category": "押金", "counterparty": "五金厂", "basis": "规定", "id_type": "护照", "email": "a@b.cn"},
            {
                "category": "押金",
                "counterparty": "五金厂",
                "basis": "规定",
                "id_type": "passport",
                "email": "a@b.cn",
            },
        ),
        (
            "公益事业捐赠票据",
            {"project": "助残", "donation_form": "货币", "currency": "美元", "original": "100", "rate": "7.1"},
            {"project": "助残", "donation_form": "money", "currency": "USD", "original": "100", "rate": "7.1"},
        ),
    ],
)
def test_every_kind_of_bill_has_its_columns(kind: str, columns: dict, fields: dict) -> None:
    (group,) = groups([row(1, kind=kind, **columns)])
    made = entry_of(group, "01", "复核员乙", TODAY)
    assert {name: made.fields[name] for name in fields} == fields
    assert group.problems == []


# --- problems of the entry in the file -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "row_number", "title"),
    [
        ("lines.1.price", 7, "标准"),
        ("lines.0.code", 4, "项目编码"),
        ("lines.0.nothing", 4, "本来"),
        ("lines", 4, "本来"),
        ("hospital_no", 4, "门诊号/住院号"),
        ("id_no", 4, "证件号/信用代码"),
        ("days", 4, "出院日期"),
        ("payer_name", 4, "交款人"),
        ("payments.0.channel", 4, "本来"),
        ("own_cash", 4, "本来"),
        ("lines.x.price", 4, "本来"),
    ],
)
def test_a_problem_of_the_entry_has_its_row_and_column(where: str, row_number: int, title: str) -> None:
    group = Group("S1", [4, 7], [{}, {}])
    assert located(group, Problem(where, "本来", "因", "法")) == Found(row_number, title, "因", "法")


def test_an_amount_beyond_the_limit_of_a_file_goes_to_the_desk() -> None:
    [group] = groups([row(1, quantity=1_000_000, amount=12_500_000)])
    settlement, total = judge(group, TERMS)
    assert settlement is None and total >= 5_000_000
    assert [(one.row, one.title, one.remedy) for one in group.problems] == [
        (group.numbers[0], "金额", "请核对数量和单价；无误的请在手工开票中单张开具")
    ]
