"""A typed bill: sums that agree or say where they do not, and what is wrong said at its field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.documents.settlement import (
    Donation,
    Scene,
)
from portal.domain.money import yuan
from portal.issuing.manual.entry import ANONYMOUS, check
from tests.factories.manual_entries import CONTEXT, line, typed, wheres

LINES = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 200_000)), min_size=1, max_size=20)


@given(LINES, st.lists(st.integers(0, 10**6), min_size=2, max_size=5))
def test_sums_agree_or_the_bill_is_refused(rows: list[tuple[int, int]], parts: list[int]) -> None:
    lines = [line(quantity=str(number), price=yuan(price)) for number, price in rows]
    total = sum(number * price for number, price in rows)
    paid = [{"channel": "cash", "amount": yuan(part)} for part in parts]
    checked = check(typed(lines=lines, payments=paid), CONTEXT)
    assert checked.total_fen == total
    assert checked.paid_fen == sum(parts)
    if sum(parts) == total:
        settlement = checked.settlement
        assert settlement is not None
        assert settlement.total_fen == sum(row.amount_fen for row in settlement.charges) == total
        assert sum(row.amount_fen for row in settlement.payments) == total
        split = settlement.split
        assert split.fund_fen + split.other_fund_fen + split.account_fen + split.own_cash_fen == total
    else:
        assert checked.settlement is None
        assert "payments" in wheres(checked)


@given(LINES)
def test_a_split_that_agrees_is_taken_and_one_fen_more_is_not(rows: list[tuple[int, int]]) -> None:
    lines = [line(quantity=str(number), price=yuan(price)) for number, price in rows]
    total = sum(number * price for number, price in rows)
    fund = total // 3
    good = check(typed(lines=lines, fund=yuan(fund), own_cash=yuan(total - fund)), CONTEXT)
    assert good.settlement is not None and good.own_cash_fen == total - fund
    bad = check(typed(lines=lines, fund=yuan(fund + 1), own_cash=yuan(total - fund)), CONTEXT)
    assert bad.settlement is None and wheres(bad) == {"own_cash"}


STAY = {"kind": Scene.INPATIENT, "hospital_no": "ZY1", "in_date": "2026-11-01", "out_date": "2026-11-03"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lines": [line(quantity="-1")]}, [("lines.0.quantity", "第 1 行数量", "不能为负数", "退费请在冲红中办理")]),
        (
            {"lines": [line(quantity="0")]},
            [("lines.0.quantity", "第 1 行数量", "不能为 0", "请填写数量，或删去这一行")],
        ),
        ({"lines": [line(quantity="")]}, [("lines.0.quantity", "第 1 行数量", "不能为空", "请填写第 1 行数量")]),
        (
            {"lines": [line(price="1.0000001")]},
            [("lines.0.price", "第 1 行标准", "小数超过6位", "请填写最多 6 位小数的数字，例如 12.50")],
        ),
        ({"lines": [line(price="")]}, [("lines.0.price", "第 1 行标准", "不能为空", "请填写第 1 行标准")]),
        (
            {"lines": [line(quantity="3", price="0.333")]},
            [("lines.0.amount", "第 1 行金额", "数量乘以标准不是整分，请调整数量或标准", "金额应是两位小数")],
        ),
        (
            {"lines": [line(amount="10.001")]},
            [("lines.0.amount", "第 1 行金额", "小数超过2位", "请填写最多 2 位小数的数字，例如 12.50")],
        ),
        (
            {"lines": [line(amount="11")]},
            [("lines.0.amount", "第 1 行金额", "数量乘以标准是 10.00，填的是 11.00", "请更正，或把金额留空")],
        ),
        (
            {"lines": [line(code="F0001", price="6.01")]},
            [("lines.0.price", "第 1 行标准", "高于标准上限 6.00 元", "请核对收费标准")],
        ),
        (
            {"lines": [line(code="J0101")]},
            [("lines.0.code", "第 1 行项目编码", "收费明细中没有“J0101”", "请从收费明细中选择编码")],
        ),
        (
            {"lines": [line(code="W01")]},
            [("lines.0.code", "第 1 行项目编码", "收费明细中没有“W01”", "请从收费明细中选择编码")],
        ),
        (
            {"lines": [line(code=""), line()]},
            [
                ("lines.0.code", "第 1 行项目编码", "不能为空", "请填写第 1 行项目编码"),
                ("lines.0.name", "第 1 行项目名称", "不能为空", "请填写第 1 行项目名称"),
            ],
        ),
        (
            {"lines": [line(code="F0001", price="6", name="拔罐")]},
            [("lines.0.name", "第 1 行项目名称", "编码 F0001 是“普通门诊诊查费”", "请核对编码和名称")],
        ),
        (
            {"lines": [line(), line(remark="注" * 101)]},
            [("lines.1.remark", "第 2 行备注", "超过 100 个字", "请缩短后再试")],
        ),
        ({"lines": [line(), line(unit="一" * 21)]}, [("lines.1.unit", "第 2 行单位", "超过 20 个字", "请缩短后再试")]),
        ({"lines": []}, [("lines", "项目", "没有收费项目", "请至少填写一行")]),
        ({"payer_name": ""}, [("payer_name", "交款人", "不能为空", "请填写交款人")]),
        (
            {"payer_name": "林\x01安"},
            [("payer_name", "交款人", "含有看不见的控制字符", "请删除后重新输入，不要从其他软件粘贴")],
        ),
        ({"payer_name": "???"}, [("payer_name", "交款人", "汉字已变成问号或乱码", "请核对文件的字符编码，或重新输入")]),
        ({"payer_name": "林" * 101}, [("payer_name", "交款人", "超过 100 个字", "请缩短后再试")]),
        ({"payer_name": "林😀安"}, [("payer_name", "交款人", "“😀”是表情符号，票面不印", "请删除，只写文字")]),
        (
            {"payer_name": "\U0002ebf1\U00030000"},
            [
                (
                    "payer_name",
                    "交款人",
                    "“U+2EBF1 \U00030000”不在 GB 18030-2022 字库内，票面印不出",
                    "请核对这个字的写法",
                )
            ],
        ),
        (
            {"id_no": "000000195203150011"},
            [
                (
                    "id_no",
                    "证件号码或统一社会信用代码",
                    "与证件类型不符，或校验位不对",
                    "请核对号码；其他证件请把类型选为“其他”",
                )
            ],
        ),
        (
            {"id_type": "id_card", "id_no": "12345"},
            [
                (
                    "id_no",
                    "证件号码或统一社会信用代码",
                    "与证件类型不符，或校验位不对",
                    "请核对号码；其他证件请把类型选为“其他”",
                )
            ],
        ),
        (
            {"payer_kind": "2", "id_no": "12440000TEST0000!"},
            [
                (
                    "id_no",
                    "证件号码或统一社会信用代码",
                    "不是统一社会信用代码，或校验位不对",
                    "应为 18 位数字和大写字母，请核对",
                )
            ],
        ),
        ({"payer_kind": "3"}, [("payer_kind", "交款人类型", "不在可选范围内", "可选：个人、单位")]),
        ({"phone": "123"}, [("phone", "手机号", "不是手机号", "应为 11 位内地手机号，港澳台及境外号码收不到短信")]),
        ({"email": "a@b"}, [("email", "邮箱", "不是邮箱地址", "例如 name@example.com")]),
        (
            {"business_day": "2026-11-25"},
            [("business_day", "开票日期", "2026-11-25 还没有到", "请填写今天或以前的日期")],
        ),
        (
            {"business_day": "2025-11-22"},
            [("business_day", "开票日期", "2025-11-22 在一年以前", "请核对年份；更早的业务请联系票据管理员")],
        ),
        ({"business_day": "2026-02-30"}, [("business_day", "开票日期", "不是日期", "请按 2026-01-05 的格式填写")]),
        (
            {"serial": "SG1234567890"},
            [("serial", "业务流水号", "以 SG 开头的流水号由平台编号", "请改用收费系统的流水号")],
        ),
        ({"point_code": "77"}, [("point_code", "开票点", "77 没有登记或已停用", "请从列表中选择开票点")]),
        (
            {"scene": "donation"},
            [("scene", "业务类型", "不在可选范围内", "可选：门诊、急诊、门特、体检、挂号、免疫接种")],
        ),
        (
            {"fund": "20"},
            [
                (
                    "own_cash",
                    "个人现金支付",
                    "统筹、其他、个人账户、个人现金合计 20.00，票面合计 10.00",
                    "请核对四项金额，或把个人现金留空",
                )
            ],
        ),
        (
            {"fund": "1", "own_cash": "8"},
            [
                (
                    "own_cash",
                    "个人现金支付",
                    "统筹、其他、个人账户、个人现金合计 9.00，票面合计 10.00",
                    "请核对四项金额，或把个人现金留空",
                )
            ],
        ),
        ({"fund": "-1"}, [("fund", "医保统筹基金支付", "不能为负数", "退费请在冲红中办理")]),
        ({"fund": "x"}, [("fund", "医保统筹基金支付", "不是数字或位数过多", "请填写最多 2 位小数的数字，例如 12.50")]),
        (
            {"payments": [{"channel": "bitcoin", "amount": "10"}]},
            [("payments.0.channel", "第 1 条缴款渠道", "不在可选范围内", "请从列表中选择")],
        ),
        (
            {"payments": [{"channel": "", "amount": "10"}]},
            [("payments.0.channel", "第 1 条缴款渠道", "不能为空", "请选择第 1 条缴款渠道")],
        ),
        (
            {"payments": [{"channel": "cash", "amount": "9.99"}]},
            [
                (
                    "payments",
                    "缴款渠道",
                    "缴款渠道合计 9.99 与票面合计 10.00 不一致",
                    "请核对各渠道金额；医保支付的部分另写一条“医保统筹”",
                )
            ],
        ),
        (
            {"payments": [{"channel": "cash", "amount": "10"}, {"channel": "pos"}]},
            [("payments.1.amount", "第 2 条金额", "不能为空", "几种渠道时请各填金额")],
        ),
        (
            {"payments": [{"channel": "cash", "reference": "号" * 61}]},
            [("payments.0.reference", "第 1 条交易号", "超过 60 个字", "请缩短后再试")],
        ),
        (
            {"kind": Scene.INPATIENT, "hospital_no": "ZY1"},
            [
                ("in_date", "入院日期", "不能为空", "请填写入院日期"),
                ("out_date", "出院日期", "不能为空", "请填写出院日期"),
            ],
        ),
        (
            STAY | {"kind": Scene.INPATIENT, "out_date": "2026-10-31"},
            [("out_date", "出院日期", "早于入院日期", "请核对两个日期")],
        ),
        (
            STAY | {"kind": Scene.INPATIENT, "days": "2.5"},
            [("days", "住院天数", "不是整数", "请填写整数，例如 3")],
        ),
        (
            {"kind": Scene.DEALING, "lines": [line(code="W0101", price="0")]},
            [("lines", "金额", "合计为 0", "往来和捐赠票据的合计应大于 0")],
        ),
        (
            {"kind": Scene.DEALING, "lines": [line(code="W0101")], "category": "", "basis": ""},
            [("category", "往来类别", "不能为空", "请选择往来类别"), ("basis", "依据", "不能为空", "请填写依据")],
        ),
        (
            {"kind": Scene.DONATION, "lines": [line(code="J0101")], "currency": "USD"},
            [
                ("original", "原币金额", "捐赠美元时不能为空", "请按银行结汇单填写"),
                ("rate", "汇率", "捐赠美元时不能为空", "请按银行结汇单填写"),
            ],
        ),
        (
            {"kind": Scene.DONATION, "lines": [line(code="J0101")], "currency": "JPY", "rate": "0", "original": "1"},
            [("rate", "汇率", "捐赠日元时不能为空", "请按银行结汇单填写")],
        ),
        (
            {"kind": Scene.DONATION, "lines": [line(code="J0101")], "rate": "7"},
            [("rate", "汇率", "只用于外币", "人民币和实物捐赠请留空")],
        ),
        (
            {"kind": Scene.DONATION, "lines": [line(code="J0101")], "original": "7"},
            [("original", "原币金额", "只用于外币", "人民币和实物捐赠请留空")],
        ),
        (
            {
                "kind": Scene.DONATION,
                "lines": [line(code="J0101", price="712.35")],
                "currency": "USD",
                "original": "100",
                "rate": "7.1234",
            },
            [
                (
                    "original",
                    "原币金额",
                    "原币乘以汇率是 712.34 元，各行合计是 712.35 元",
                    "请核对原币金额、汇率和行金额",
                )
            ],
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(changes: dict, said: list[tuple[str, str, str, str]]) -> None:
    checked = check(typed(**changes), CONTEXT)
    assert [(one.where, one.title, one.reason, one.remedy) for one in checked.problems] == said
    assert checked.settlement is None


def test_zero_prices_of_care_are_a_bill_and_a_formula_is_only_a_text() -> None:
    checked = check(typed(lines=[line(price="0")], payments=[{"channel": "cash"}], payer_name="=1+1"), CONTEXT)
    assert checked.settlement is not None and checked.settlement.total_fen == 0
    assert checked.settlement.payer.name == "=1+1"


def test_rare_characters_of_the_standard_are_printed() -> None:
    assert check(typed(payer_name="冯𬭎𠮷䶮"), CONTEXT).settlement is not None


def test_twenty_lines_are_taken_and_blank_ones_are_not_counted() -> None:
    lines = [line("F0002" if place % 2 else "0109", price="1.5") for place in range(20)] + [line("", "", "")] * 3
    checked = check(typed(lines=lines), CONTEXT)
    assert checked.settlement is not None
    assert checked.total_fen == 3000
    assert [row.code for row in checked.settlement.charges] == ["0109", "0101"]
    assert len(checked.settlement.details) == 20
    assert sum(row.amount_micro for row in checked.settlement.details) == 3000 * 10_000


def test_goods_have_no_channel_and_an_anonymous_donor_leaves_nothing() -> None:
    lines = [line("J0201", "10", "680", name="轮椅", unit="台")]
    made = typed(
        Scene.DONATION,
        lines,
        donation_form="goods",
        anonymous="1",
        payer_name="演示爱心人士",
        id_no="000000195203150010",
        phone="10000000001",
    )
    settlement = check(made, CONTEXT).settlement
    assert settlement is not None
    assert settlement.payer.name == ANONYMOUS and not (settlement.payer.id_no or settlement.payer.phone)
    assert settlement.payments == () and settlement.total_fen == 680_000
    assert settlement.purpose == Donation("助医", True)
    assert settlement.details[0].name == "轮椅"


def test_foreign_money_is_billed_in_yuan_at_its_rate() -> None:
    foreign = {"currency": "USD", "original": "100", "rate": "7.1234"}
    good = check(typed(Scene.DONATION, [line("J0101", price="712.34")], **foreign), CONTEXT)
    assert good.settlement is not None
    assert good.settlement.purpose == Donation("助医", False, "USD", 100_000_000, 7_123_400)
    bad = check(typed(Scene.DONATION, [line("J0101", price="712.35")], **foreign), CONTEXT)
    assert wheres(bad) == {"original"}
