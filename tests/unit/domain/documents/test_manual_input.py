"""What a person types: figures read exactly or refused, rows of nothing left out, texts that survive their seal."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.documents.manual_input import Entry, clean, entry, fields, figure, line_fen, own_fields
from portal.domain.documents.settlement import Scene
from portal.domain.money import micro_text, yuan


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("128.50", 12850),
        ("１２８．５", 12850),
        ("¥1,234.5", 123450),
        ("￥1,234,567", 123456700),
        ("-1,234.5", -123450),
        ("0", 0),
        ("-3", -300),
        (" 7 ", 700),
        ("1 200", 120000),
        ("+2", 200),
        ("5元", 500),
        ("9999999999", 999_999_999_900),
        ("-9999999999", -999_999_999_900),
    ],
)
def test_figures_are_read_as_people_write_them(text: str, fen: int) -> None:
    assert figure(text, 2) == fen


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1e3", "是科学计数形式，已看不出原来的数"),
        ("-4.40E+17", "是科学计数形式，已看不出原来的数"),
        ("9999999999.01", "数值过大"),
        ("-9999999999.01", "数值过大"),
        ("1.005", "小数超过2位"),
        ("", "不是数字或位数过多"),
        ("12,34", "不是数字或位数过多"),
        ("1,234,56", "不是数字或位数过多"),
        ("1234,567", "不是数字或位数过多"),
        ("abc", "不是数字或位数过多"),
        ("=1+1", "不是数字或位数过多"),
        ("NaN", "不是数字或位数过多"),
        ("inf", "不是数字或位数过多"),
        ("X5X", "不是数字或位数过多"),
        ("元5", "不是数字或位数过多"),
        ("1.2.3", "不是数字或位数过多"),
        ("٣", "不是数字或位数过多"),
        ("٣e3", "不是数字或位数过多"),
        ("--1", "不是数字或位数过多"),
        ("1e400", "是科学计数形式，已看不出原来的数"),
    ],
)
def test_figures_are_never_guessed(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        figure(text, 2)
    assert str(refused.value) == reason


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_line_is_its_product_or_refused(quantity: int, price: int) -> None:
    exact = Decimal(quantity) * Decimal(price) / Decimal(10**12)
    if exact * 100 == int(exact * 100) and exact <= 9_999_999_999:
        assert line_fen(quantity, price) == exact * 100
    else:
        with pytest.raises(ValueError):
            line_fen(quantity, price)


def test_a_line_that_is_no_whole_fen_or_too_large_is_refused() -> None:
    assert line_fen(2_000_000, 6_250_000) == 1250
    assert line_fen(1_000_000, 9_999_999_999_000_000) == 999_999_999_900
    with pytest.raises(ValueError, match=r"^数量乘以标准不是整分，请调整数量或标准$"):
        line_fen(3_000_000, 333_000)
    for price in (9_999_999_999_010_000, -9_999_999_999_020_000):
        with pytest.raises(ValueError, match=r"^金额过大$"):
            line_fen(1_000_000, price)


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


def test_equal_entries_give_equal_texts_whatever_their_order() -> None:
    one = Entry(Scene.DEALING, {"remark": "林", "basis": "约"})
    other = Entry(Scene.DEALING, {"basis": "约", "remark": "林"})
    assert (
        one.text()
        == other.text()
        == '{"fields":{"basis":"约","remark":"林"},"kind":"dealing","lines":[],"payments":[]}'
    )


@given(st.text(max_size=40))
def test_cleaning_is_stable(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_blanks_are_one_and_a_text_is_bounded() -> None:
    assert clean("  林\u3000\u200b 演\n安 ") == "林 演 安"
    assert clean(12.5) == "12.5"
    assert clean("字" * 2001) == "字" * 2000


@given(st.integers(-999_999_999_900, 999_999_999_900))
def test_what_we_print_we_read(fen: int) -> None:
    assert figure(yuan(fen), 2) == fen
    assert figure(micro_text(fen * 10_000, 2), 6) == fen * 10_000


def test_an_entry_has_exactly_the_fields_of_its_kind() -> None:
    made = entry(Scene.DEALING, {"category": " 押金 ", "fund": "3", "payer_name": "林\n安"}, [], [])
    assert made.kind is Scene.DEALING
    assert list(made.fields) == [item.name for item in fields(Scene.DEALING)]
    assert made.fields["category"] == "押金" and made.fields["payer_name"] == "林 安" and made.fields["basis"] == ""
    assert "fund" not in made.fields
    assert [item.name for item in own_fields(Scene.DEALING)] == ["category", "counterparty", "basis"]


def test_rows_of_nothing_are_left_out_and_the_rest_is_bounded() -> None:
    lines = [{}, {"code": " "}, {"remark": "x"}, *({"code": str(place)} for place in range(30))]
    made = entry(Scene.OUTPATIENT, {}, lines, [])
    assert len(made.lines) == 18
    assert made.lines[0] == dict.fromkeys(("code", "name", "unit", "quantity", "price", "amount"), "") | {"remark": "x"}
    assert made.lines[1]["code"] == "0" and made.lines[-1]["code"] == "16"


@pytest.mark.parametrize(
    ("row", "kept"),
    [({"channel": "cash"}, True), ({"amount": "5"}, True), ({"reference": "W1"}, True), ({"other": "x"}, False)],
)
def test_a_payment_is_one_as_soon_as_something_is_typed(row: dict[str, str], kept: bool) -> None:
    made = entry(Scene.OUTPATIENT, {}, [], [{}, row])
    assert made.payments == ([{"channel": "", "amount": "", "reference": ""} | row] if kept else [])


def test_a_bill_has_six_payments_at_most() -> None:
    made = entry(Scene.OUTPATIENT, {}, [], [{"channel": "cash", "amount": str(place)} for place in range(9)])
    assert [row["amount"] for row in made.payments] == ["0", "1", "2", "3", "4", "5"]
