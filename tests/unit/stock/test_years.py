"""The year in a bill code: whose numbers may be issued, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.stock import years
from tests.support import clock

NEW_YEARS_EVE = datetime(2026, 12, 31, 15, 59, tzinfo=UTC)
"""One minute to midnight in the hospital."""
NEW_YEAR = datetime(2026, 12, 31, 16, 0, 1, tzinfo=UTC)
"""In the hospital it is 2027 already."""


@pytest.mark.parametrize(("moment", "year"), [(NEW_YEARS_EVE, 2026), (NEW_YEAR, 2027)])
def test_the_year_turns_at_midnight_of_the_hospital(
    monkeypatch: pytest.MonkeyPatch, moment: datetime, year: int
) -> None:
    clock.move(monkeypatch, moment)
    assert years.this_year() == year
    assert years.code_of("990601") == f"990601{year - 2000}"
    assert years.code_of("990601", 1) == f"990601{year - 1999}"
    assert years.code_at("990601", moment) == f"990601{year - 2000}"


def test_a_code_is_of_the_year_within_fifty_of_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, NEW_YEARS_EVE)
    codes = ("99060126", "99060127", "99060125", "99060175", "99060176", "99060199", "99060100")
    assert [years.year_of(code) for code in codes] == [2026, 2027, 2025, 2075, 1976, 1999, 2000]


def test_a_code_is_over_when_its_year_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, NEW_YEARS_EVE)
    assert [years.is_over(f"990601{year}") for year in (25, 26, 27)] == [True, False, False]
    clock.move(monkeypatch, NEW_YEAR)
    assert years.is_over("99060126")


@pytest.mark.parametrize(
    ("moment", "code", "days"),
    [
        (NEW_YEARS_EVE, "99060126", 1),
        (NEW_YEARS_EVE, "99060127", 366),
        (NEW_YEAR, "99060126", 0),
        (NEW_YEAR, "99060125", 0),
        (NEW_YEAR, "99060127", 365),
    ],
)
def test_today_is_one_of_the_days_left(monkeypatch: pytest.MonkeyPatch, moment: datetime, code: str, days: int) -> None:
    clock.move(monkeypatch, moment)
    assert years.days_left(code) == days


@pytest.mark.parametrize(
    ("moment", "announced"),
    [
        (datetime(2026, 11, 30, 15, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 30, 16, 0, 1, tzinfo=UTC), True),
        (NEW_YEARS_EVE, True),
        (NEW_YEAR, False),
    ],
)
def test_the_next_year_is_announced_from_the_day_that_is_set(
    monkeypatch: pytest.MonkeyPatch, moment: datetime, announced: bool
) -> None:
    asked: list[object] = []

    def setting(*key: object) -> str:
        asked.append(key)
        return "12-01"

    clock.move(monkeypatch, moment)
    monkeypatch.setattr(years.parameters, "value", setting)
    assert years.is_announced("connection", 3) is announced  # type: ignore[arg-type]
    assert asked == [("connection", 3, "stock.next-year-from")]
