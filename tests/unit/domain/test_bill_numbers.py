"""Bill numbers as they are read aloud and as they are looked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portal.domain.numbers import BillNumber, NumberRun, bill_number, in_groups, searchable

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
