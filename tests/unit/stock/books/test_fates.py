"""The check of a segment's books: each way in which ledger, ranges and documents can disagree has its name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from portal.domain.states.stock import Fate
from portal.stock.books.fates import Difference, Run, _replay, _Segment
from portal.stock.books.uses import Tally

POINT = 7
SEGMENT: Any = SimpleNamespace(id=3, bill_code="99060126", first=1, last=100)


def moved(kind: str, source: tuple[str, int | None], target: tuple[str, int | None], first: int, last: int) -> Any:
    places = {"from_place": source[0], "from_point_id": source[1], "to_place": target[0], "to_point_id": target[1]}
    return SimpleNamespace(slip=f"{kind}-1", kind=kind, first=first, last=last, **places)


def held(first: int, following: int, last: int, number: int = 1) -> Any:
    return SimpleNamespace(id=number, point_id=POINT, first=first, next=following, last=last)


RECEIVED = moved("receipt", ("finance", None), ("unit", None), 1, 100)
HANDED_OUT = moved("hand_out", ("unit", None), ("point", POINT), 1, 10)


def check(movements: list[Any], ranges: list[Any], tallies: dict[int, Tally]) -> _Segment:
    return _Segment(SEGMENT, _replay(SEGMENT, movements), ranges, tallies)


def test_books_that_agree_have_no_differences_and_balances_that_hold() -> None:
    segment = check([RECEIVED, HANDED_OUT], [held(1, 4, 10)], {1: Tally(3, 1, 3, 1)})
    assert segment.differences() == []
    figures = {
        each.place: (each.received, each.used, each.void, each.returned, each.remaining) for each in segment.balances()
    }
    assert figures == {"all": (100, 2, 1, 0, 97), "unit": (100, 0, 0, 10, 90), "7": (10, 2, 1, 0, 7)}


def test_a_movement_of_numbers_that_are_not_there_breaks_the_ledger() -> None:
    again = moved("hand_out", ("unit", None), ("point", POINT), 5, 6)
    told = [str(each) for each in check([RECEIVED, HANDED_OUT, again], [held(1, 1, 10)], {}).differences()]
    assert told[0] == "99060126 号段 3 all：流水不连续，应为 ，实为 hand_out-1 hand_out：5–6 不在"


def test_numbers_that_never_came_are_missing_in_the_receipt() -> None:
    found = check([moved("receipt", ("finance", None), ("unit", None), 1, 60)], [], {}).differences()
    assert Difference("99060126", 3, "all", "入库份数", "100", "流水不足") in found


def test_ranges_that_overlap_and_ranges_without_a_movement_are_named() -> None:
    overlapping = check([RECEIVED, HANDED_OUT], [held(1, 1, 10), held(10, 10, 12, 2)], {}).differences()
    assert Difference("99060126", 3, "7", "号段重叠", "", "10–12 已有") in overlapping
    unbooked = check([RECEIVED], [held(1, 1, 10)], {}).differences()
    assert Difference("99060126", 3, "7", "开票点号码", "无", "0000000001–0000000010") in unbooked


def test_taken_numbers_without_a_document_are_named() -> None:
    (found,) = check([RECEIVED, HANDED_OUT], [held(1, 4, 10)], {1: Tally(2, 1, 2)}).differences()[-1:]
    assert found.what == "已用号码与票据"
    assert (found.expected, found.found) == (
        "3 张（0000000001–0000000003）",
        "2 张（0000000001–0000000002）",
    )


def test_a_document_outside_of_what_was_taken_is_named() -> None:
    outside = check([RECEIVED, HANDED_OUT], [held(1, 4, 10)], {1: Tally(3, 1, 5)}).differences()
    assert [each.what for each in outside] == ["已用号码与票据"]


def test_a_run_counts_both_its_ends() -> None:
    assert Run(5, 5, Fate.UNIT).count == 1
