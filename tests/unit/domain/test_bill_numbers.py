"""Bill numbers as they are read aloud and as they are looked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portal.domain.numbers import (
    BillNumber,
    CheckCode,
    NumberRun,
    Sheet,
    bill_code,
    bill_number,
    in_groups,
    searchable,
)

CODES = st.integers(0, 10**8 - 1).map("{:08d}".format)
NUMBERS = st.integers(0, 10**10 - 1)


@given(CODES, NUMBERS)
def test_a_number_in_a_sheet_is_the_one_on_the_paper(code: str, number: int) -> None:
    assert searchable(bill_number(code, number)) == str(BillNumber(code, number))


def test_texts_around_a_number_and_other_texts_stay() -> None:
    assert searchable(str(NumberRun("99060126", 1, 20))) == "99060126 0000000001 至 99060126 0000000020，20 份"
    assert searchable("2026-11-24 09:41") == "2026-11-24 09:41"
    assert searchable("1 2-3") == "1 2-3"


def test_a_number_is_grouped_one_way_wherever_it_stands() -> None:
    """List and search of the console, slip, pages: people compare them by eye."""
    assert in_groups("9000000412") == "90 0000 0412"
    assert bill_number("99060126", 9000000412) == "9906 0126-90 0000 0412"
    assert in_groups("QP7KM2XPTA") == "QP 7KM2 XPTA"
    assert in_groups("a1b2c3", 2) == "a1 b2 c3" and in_groups("") == ""


def test_a_bill_code_ends_in_the_digits_of_its_year() -> None:
    assert bill_code("990601", 2026) == "99060126"
    assert bill_code("990601", 2107) == "99060107"


def test_a_number_is_printed_with_ten_digits_and_read_aloud_in_groups() -> None:
    number = BillNumber("99060126", 9000000412)
    assert (number.digits, str(number)) == ("9000000412", "99060126 9000000412")
    assert BillNumber("99060126", 7).digits == "0000000007"
    assert bill_number("99060126", "412") == "9906 0126-00 0000 0412"


def test_a_run_counts_both_its_ends() -> None:
    assert NumberRun("99060126", 5, 5).count == 1
    assert str(NumberRun("99060126", 1, 12_000)).endswith("，12,000 份")


def test_a_sheet_is_never_a_bill() -> None:
    assert Sheet("99060126", 7) != BillNumber("99060126", 7)
    assert Sheet("99060126", 7) == Sheet("99060126", 7)


def test_a_check_code_is_six_characters_that_nobody_can_guess() -> None:
    drawn = [CheckCode.draw() for _ in range(50)]
    assert all(isinstance(code, CheckCode) and len(code) == 6 and int(code, 16) >= 0 for code in drawn)
    assert len(set(drawn)) > 45
