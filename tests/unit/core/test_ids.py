"""Row ids: as many as one likes in a millisecond, in any thread, whatever the clock does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.core import ids


def test_many_at_once_are_all_different_and_grow() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: [ids.new_id() for _ in range(25_000)], range(4)))
    assert all(one == sorted(one) for one in made)
    assert len({number for one in made for number in one}) == 100_000


def test_they_read_as_times_of_62_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last", 0)
    before = time.time_ns() // 1_000_000
    made = ids.new_id()
    assert before <= (made >> 21) + 1_767_225_600_000 <= time.time_ns() // 1_000_000 and made < 1 << 62


def test_a_clock_that_is_put_back_makes_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    last, moment = ids.new_id(), time.time_ns()
    for back in (0, 10**9, 3600 * 10**9, 0):
        monkeypatch.setattr(time, "time_ns", lambda back=back: moment - back)
        made = [ids.new_id() for _ in range(100)]
        assert made == sorted(made) and made[0] > last
        last = made[-1]
