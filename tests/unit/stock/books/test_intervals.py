"""Sets of numbers as runs: whatever is added and removed, they are the set they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.stock.books.intervals import Intervals

STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 8)), max_size=25)


@given(STEPS)
def test_runs_are_the_set_they_stand_for(steps: list[tuple[bool, int, int]]) -> None:
    runs, numbers = Intervals(), set[int]()
    for adding, first, more in steps:
        part = set(range(first, first + more + 1))
        assert runs.has(first, first + more) == (part <= numbers)
        inside = [number for low, high in runs.overlap(first, first + more) for number in range(low, high + 1)]
        assert inside == sorted(part & numbers)
        if adding and not part & numbers:
            runs.add(first, first + more)
            numbers |= part
        elif not adding and part <= numbers:
            runs.remove(first, first + more)
            numbers -= part
        else:
            with pytest.raises(ValueError):
                (runs.add if adding else runs.remove)(first, first + more)
        assert [number for low, high in runs for number in range(low, high + 1)] == sorted(numbers)
        assert all(low <= high for low, high in runs)
        assert all(one[1] + 1 < other[0] for one, other in zip(list(runs)[:-1], list(runs)[1:], strict=True))
        assert runs.count == len(numbers)
        for count in (0, 3, 100):
            lowest = [number for low, high in runs.lowest(count) for number in range(low, high + 1)]
            assert lowest == sorted(numbers)[:count]


def test_neighbours_are_joined_and_a_hole_parts_them() -> None:
    runs = Intervals([(1, 3), (7, 9)])
    assert len(runs) == 2 and runs.count == 6
    runs.add(4, 6)
    assert list(runs) == [(1, 9)]
    runs.remove(5, 5)
    assert list(runs) == [(1, 4), (6, 9)]
    runs.remove(1, 4)
    runs.remove(9, 9)
    assert list(runs) == [(6, 8)]


def test_neither_a_number_twice_nor_one_that_is_not_there() -> None:
    runs = Intervals([(10, 20)])
    with pytest.raises(ValueError, match=r"^20–25 已有$"):
        runs.add(20, 25)
    with pytest.raises(ValueError, match=r"^9–10 不在$"):
        runs.remove(9, 10)
    with pytest.raises(ValueError, match=r"^20–21 不在$"):
        runs.remove(20, 21)
    assert list(runs) == [(10, 20)]


def test_sets_of_the_same_numbers_are_equal_and_have_no_hash() -> None:
    assert Intervals([(1, 2), (3, 4)]) == Intervals([(1, 4)])
    assert Intervals([(1, 4)]) != Intervals([(1, 5)])
    assert Intervals([(1, 4)]) != [(1, 4)]
    assert repr(Intervals([(1, 4)])) == "Intervals([(1, 4)])"
    with pytest.raises(TypeError):
        hash(Intervals())


def test_the_lowest_numbers_end_inside_of_a_run() -> None:
    runs = Intervals([(1, 3), (10, 20)])
    assert runs.lowest(5) == [(1, 3), (10, 11)]
    assert runs.lowest(3) == [(1, 3)]
    assert runs.lowest(-1) == []
