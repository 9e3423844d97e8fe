"""Money: read exactly or refused, written alike everywhere, said in the words of a bill's face."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.money import commas, decimal_of, fen_of, micro_of, micro_text, number_of, rounded, words, yuan


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (12, "12"),
        (0, "0"),
        (-3, "-3"),
        ("12.50", "12.50"),
        (" -0.5 ", "-0.5"),
        (".5", "0.5"),
        ("99999999999999", "99999999999999"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
    ],
)
def test_a_number_from_outside_is_read_exactly(value: object, number: str) -> None:
    assert number_of(value) == Decimal(number)


@pytest.mark.parametrize("value", [True, False, 1.0, None, b"1", [1]])
def test_what_is_no_number_of_money_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(ValueError, match=r"^不是数字$"):
        number_of(value)


@pytest.mark.parametrize(
    "value",
    ["", "-", ".", "1.", "1,000", "1e3", "١", "１", "+1", "--1", "1" * 15, Decimal("NaN"), Decimal("Infinity")],
)
def test_a_text_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^不是数字或位数过多$"):
        number_of(value)


@pytest.mark.parametrize(
    ("number", "places", "exact"),
    [("0.005", 2, "0.01"), ("-0.005", 2, "-0.01"), ("0.0049", 2, "0.00"), ("12.5", 0, "13"), ("7", 2, "7.00")],
)
def test_halves_are_rounded_away_from_zero(number: str, places: int, exact: str) -> None:
    found = rounded(Decimal(number), places)
    assert found == Decimal(exact)
    assert -found.as_tuple().exponent == places


def test_more_decimals_than_there_is_room_for_are_refused_and_zeros_are_none() -> None:
    assert str(decimal_of("1.5000", 2)) == "1.50"
    with pytest.raises(ValueError, match=r"^小数超过2位$"):
        decimal_of("1.001", 2)
    with pytest.raises(ValueError, match=r"^小数超过2位$"):
        fen_of("1.001")
    with pytest.raises(ValueError, match=r"^小数超过6位$"):
        micro_of("0.0000001")


def test_yuan_are_read_as_fen_and_prices_as_millionths() -> None:
    assert (fen_of("128.50"), fen_of(12), fen_of("-0.01")) == (12850, 1200, -1)
    assert (micro_of("54.25"), micro_of("0.000001"), micro_of(-2)) == (54_250_000, 1, -2_000_000)


@pytest.mark.parametrize(
    ("fen", "text", "read_aloud"),
    [
        (0, "0.00", "0.00"),
        (1, "0.01", "0.01"),
        (-1, "-0.01", "−0.01"),
        (10, "0.10", "0.10"),
        (12850, "128.50", "128.50"),
        (-1234550, "-12345.50", "−12,345.50"),
        (123456789012, "1234567890.12", "1,234,567,890.12"),
    ],
)
def test_fen_are_written_as_yuan(fen: int, text: str, read_aloud: str) -> None:
    assert yuan(fen) == text
    assert commas(fen) == read_aloud


@pytest.mark.parametrize(
    ("micro", "least", "text"),
    [
        (54_250_000, 0, "54.25"),
        (54_000_000, 0, "54"),
        (54_000_000, 2, "54.00"),
        (54_200_000, 2, "54.20"),
        (54_123_456, 2, "54.123456"),
        (0, 0, "0"),
        (1, 0, "0.000001"),
        (-500_000, 0, "-0.5"),
        (10_000_000, 0, "10"),
    ],
)
def test_millionths_are_written_as_short_as_can_be(micro: int, least: int, text: str) -> None:
    assert micro_text(micro, least) == text


def test_millionths_have_no_decimals_where_none_are_asked_for() -> None:
    assert micro_text(3_000_000) == "3"


@given(st.integers(1 - 10**16, 10**16 - 1))
def test_what_is_written_is_read_again(number: int) -> None:
    assert fen_of(yuan(number)) == number
    assert micro_of(micro_text(number)) == number


@pytest.mark.parametrize(
    ("fen", "said"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (13, "壹角叁分"),
        (100, "壹元整"),
        (105, "壹元零伍分"),
        (150, "壹元伍角整"),
        (12850, "壹佰贰拾捌元伍角整"),
        (12855, "壹佰贰拾捌元伍角伍分"),
        (100000, "壹仟元整"),
        (100100, "壹仟零壹元整"),
        (101000, "壹仟零壹拾元整"),
        (110000, "壹仟壹佰元整"),
        (1_000_000, "壹万元整"),
        (1_000_100, "壹万零壹元整"),
        (1_010_000, "壹万零壹佰元整"),
        (1_100_000, "壹万壹仟元整"),
        (10_000_000, "壹拾万元整"),
        (10_234_567, "壹拾万贰仟叁佰肆拾伍元陆角柒分"),
        (10_000_000_000, "壹亿元整"),
        (10_000_000_100, "壹亿零壹元整"),
        (10_010_000_000, "壹亿零壹拾万元整"),
        (1_000_000_000_000, "壹佰亿元整"),
        (100_000_000_000_000, "壹万亿元整"),
        (100_000_001_000_000, "壹万亿零壹万元整"),
        (98_765_432_198_765_432, "玖佰捌拾柒万亿陆仟伍佰肆拾叁亿贰仟壹佰玖拾捌万柒仟陆佰伍拾肆元叁角贰分"),
        (-1, "负壹分"),
        (-12850, "负壹佰贰拾捌元伍角整"),
    ],
)
def test_amounts_are_said_in_the_words_of_a_face(fen: int, said: str) -> None:
    assert words(fen) == said


_DIGIT = {char: place for place, char in enumerate("零壹贰叁肆伍陆柒捌玖")}


def heard(said: str) -> int:
    """The fen that somebody understands who reads the words aloud."""
    sign = -1 if said.startswith("负") else 1
    whole, _, rest = said.removeprefix("负").rpartition("元")
    yuan_heard = group = digit = 0
    for char in whole:
        if char in "拾佰仟":
            group += digit * 10 ** ("拾佰仟".index(char) + 1)
            digit = 0
        elif char == "万":
            yuan_heard, group, digit = yuan_heard + (group + digit) * 10**4, 0, 0
        elif char == "亿":
            yuan_heard, group, digit = (yuan_heard + group + digit) * 10**8, 0, 0
        else:
            digit = _DIGIT[char]
    fen = (yuan_heard + group + digit) * 100
    for char, unit in re.findall(r"([零壹贰叁肆伍陆柒捌玖])([角分])", rest):
        fen += _DIGIT[char] * {"角": 10, "分": 1}[unit]
    return sign * fen


@given(st.integers(-(10**13), 10**13))
def test_whoever_hears_the_words_understands_the_amount(fen: int) -> None:
    said = words(fen)
    assert heard(said) == fen
    assert "零零" not in said
    assert said.endswith(("整", "分"))
