"""So many a minute to each, and whoever waits has a turn of his own."""

from __future__ import annotations

from portal.providers.pace import Pace


def test_a_full_minute_goes_at_once_then_each_in_turn_and_nobody_else_waits() -> None:
    moment = [100.0]
    pace = Pace(6, lambda: moment[0])
    assert [pace.wait("qq.com") for _ in range(8)] == [0, 0, 0, 0, 0, 0, 10, 20]
    assert pace.wait("163.com") == 0
    moment[0] = 110.0
    assert [pace.wait("qq.com") for _ in range(2)] == [0, 20], "the third in the line"
    moment[0] = 1000.0
    assert [pace.wait("qq.com") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10], "no more than one minute is saved up"


def test_a_long_queue_is_through_at_its_pace() -> None:
    """A thousand at 60 a minute: done after some 16 minutes, having asked less than three times each."""
    moment = [0.0]
    pace = Pace(60, lambda: moment[0])
    due, asked, sent = [(0.0, number) for number in range(1000)], 0, 0
    while due:
        due.sort()
        at, number = due.pop(0)
        moment[0] = max(moment[0], at)
        asked += 1
        if pause := pace.wait("qq.com"):
            due.append((moment[0] + pause, number))
        else:
            sent += 1
    assert sent == 1000 and 900 < moment[0] < 1000 and asked < 3000
