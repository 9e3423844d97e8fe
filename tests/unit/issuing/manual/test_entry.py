"""What people type: numbers read exactly or refused, and sums that agree or say where they do not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.documents.manual_input import Entry, clean, entry, figure, line_fen
from portal.domain.documents.settlement import Donation, Scene
from portal.domain.money import micro_text, yuan
from portal.issuing.manual.catalogue import Catalogue, Priced
from portal.issuing.manual.entry import ANONYMOUS, Checked, Context, check
from portal.rendering.pdf import fonts

fonts.ensure()  # here, so that no example of a property pays for reading them


def priced(area: str, code: str, name: str, charge: str, low: str = "", high: str = "") -> Priced:
    bounds = [figure(text, 6) if text else None for text in (low, high)]
    return Priced(1, area, code, name, charge, "次", None, *bounds, None, None, True)


CATALOGUE = Catalogue(
    {
        item.code: item
        for item in (
            priced("medical", "F0001", "普通门诊诊查费", "0101", "0", "6"),
            priced("medical", "F0002", "急诊诊查费", "0101"),
            priced("dealing", "W0101", "住院陪护床押金", "W01"),
            priced("donation", "J0101", "捐资助医", "J01"),
            priced("donation", "J0201", "捐赠物资", "J02"),
        )
    },
    {"0101": "诊查费", "0109": "西药费", "W01": "押金", "J01": "货币捐赠", "J02": "实物捐赠"},
)
CONTEXT = Context(
    CATALOGUE, {"01"}, "收费员甲", "收费员甲", "SG1234567890", datetime(2026, 11, 24, 2, tzinfo=UTC), "卫生院"
)


def line(code: str = "0109", quantity: str = "1", price: str = "10", amount: str = "", **more: str) -> dict[str, str]:
    return {"code": code, "quantity": quantity, "price": price, "amount": amount} | more


def typed(
    kind: Scene = Scene.OUTPATIENT, lines: list | None = None, payments: list | None = None, **more: str
) -> Entry:
    head = {"payer_kind": "1", "payer_name": "林演安", "business_day": "2026-11-24", "checker": "复核员乙"}
    head |= {"point_code": "01", "scene": "outpatient", "category": "押金", "basis": "陪护床管理规定"}
    head |= {"project": "助医", "donation_form": "money"}
    return entry(kind, head | more, [line()] if lines is None else lines, payments or [{"channel": "cash"}])


def wheres(checked: Checked) -> set[str]:
    return {problem.where for problem in checked.problems}


@pytest.mark.parametrize(
    ("text", "fen"),
    [("128.50", 12850), ("１２８．５", 12850), ("¥1,234.5", 123450), ("0", 0), ("-3", -300), (" 7 ", 700), ("+2", 200)],
)
def test_figures_are_read_as_people_write_them(text: str, fen: int) -> None:
    assert figure(text, 2) == fen


@pytest.mark.parametrize(
    "text",
    ["", "1.005", "1e3", "4.40E+17", "12,34", "abc", "=1+1", "NaN", "inf", "1e400", "9" * 13, "1.2.3", "٣", "--1"],
)
def test_figures_are_never_guessed(text: str) -> None:
    with pytest.raises(ValueError):
        figure(text, 2)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_line_is_its_product_or_refused(quantity: int, price: int) -> None:
    exact = Decimal(quantity) * Decimal(price) / Decimal(10**12)
    if exact * 100 == int(exact * 100) and exact <= 9_999_999_999:
        assert line_fen(quantity, price) == exact * 100
    else:
        with pytest.raises(ValueError):
            line_fen(quantity, price)


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


@given(
    st.builds(
        Entry,
        st.sampled_from(list(Scene)),
        st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=4),
        st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9)), max_size=3),
        st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9)), max_size=3),
    )
)
def test_an_entry_survives_its_seal(made: Entry) -> None:
    assert Entry.of_text(made.text()) == made


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        ({"lines": [line(quantity="-1")]}, "lines.0.quantity", "负数"),
        ({"lines": [line(quantity="0")]}, "lines.0.quantity", "不能为 0"),
        ({"lines": [line(price="1.0000001")]}, "lines.0.price", "小数超过6位"),
        ({"lines": [line(quantity="3", price="0.333")]}, "lines.0.amount", "整分"),
        ({"lines": [line(amount="10.001")]}, "lines.0.amount", "小数超过2位"),
        ({"lines": [line(amount="11")]}, "lines.0.amount", "10.00"),
        ({"lines": [line("F0001", price="6.01")]}, "lines.0.price", "标准上限 6.00"),
        ({"lines": [line("J0101")]}, "lines.0.code", "没有"),
        ({"lines": [line("W01")]}, "lines.0.code", "没有"),
        ({"lines": [line("F0001", price="6", name="拔罐")]}, "lines.0.name", "普通门诊诊查费"),
        ({"lines": []}, "lines", "没有收费项目"),
        ({"payer_name": ""}, "payer_name", "不能为空"),
        ({"payer_name": "林\x01安"}, "payer_name", "控制字符"),
        ({"payer_name": "\U0002ebf1\U00030000"}, "payer_name", "字库"),
        ({"id_no": "000000195203150011"}, "id_no", "校验位"),
        ({"id_type": "id_card", "id_no": "12345"}, "id_no", "证件类型"),
        ({"phone": "123"}, "phone", "11 位"),
        ({"email": "a@b"}, "email", "邮箱"),
        ({"business_day": "2026-11-25"}, "business_day", "还没有到"),
        ({"business_day": "2026-02-30"}, "business_day", "不是日期"),
        ({"serial": "SG12345678901"}, "serial", "平台编号"),
        ({"point_code": "77"}, "point_code", "没有登记"),
        ({"scene": "donation"}, "scene", "可选"),
        ({"fund": "20"}, "own_cash", "票面合计 10.00"),
        ({"payments": [{"channel": "bitcoin", "amount": "10"}]}, "payments.0.channel", "可选"),
        ({"payments": [{"channel": "cash", "amount": "9.99"}]}, "payments", "9.99"),
        ({"kind": Scene.INPATIENT}, "in_date", "不能为空"),
        ({"kind": Scene.DEALING, "lines": [line("W0101", price="0")]}, "lines", "大于 0"),
        ({"kind": Scene.DONATION, "lines": [line("J0101")], "currency": "USD"}, "rate", "美元"),
        ({"kind": Scene.DONATION, "lines": [line("J0101")], "rate": "7"}, "rate", "外币"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(changes: dict, where: str, said: str) -> None:
    checked = check(typed(**changes), CONTEXT)
    found = [problem for problem in checked.problems if problem.where == where]
    assert found, checked.problems
    assert said in found[0].reason + found[0].remedy
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


@given(st.text(max_size=40))
def test_cleaning_is_stable(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.integers(-999_999_999_900, 999_999_999_900))
def test_what_we_print_we_read(fen: int) -> None:
    assert figure(yuan(fen), 2) == fen
    assert figure(micro_text(fen * 10_000, 2), 6) == fen * 10_000
