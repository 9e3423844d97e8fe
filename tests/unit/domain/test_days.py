"""Days as people write them: read exactly or refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.days import day_of


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05",
        "2026/1/5",
        "2026.1.5",
        "20260105",
        "2026年1月5日",
        "2026年01月05日",
        "2026 年 1 月 5 日",
        "２０２６－０１－０５",
        "2026-01-05 00:00:00",
        "2026/1/5 0:00",
        "2026-01-05T00:00:00",
        "2026-01-05T09:41:22.123",
        "2026年1月5日 9:41",
        "20260105 09:41",
    ],
)
def test_a_day_is_read_as_it_is_written(text: str) -> None:
    assert day_of(text) == date(2026, 1, 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026111",
        "2026-111",
        "202611",
        "2026-13-01",
        "2026-02-30",
        "26-1-5",
        "3026-01-05",
        "2026-01-0509:41",
        "今天",
    ],
)
def test_a_day_is_never_guessed(text: str) -> None:
    with pytest.raises(ValueError):
        day_of(text)


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_every_day_is_read_in_every_way_of_writing(day: date) -> None:
    ways = (f"{day:%Y-%m-%d}", f"{day:%Y%m%d}", f"{day.year}/{day.month}/{day.day}", f"{day:%Y年%m月%d日}")
    assert {day_of(text) for text in ways} == {day}
