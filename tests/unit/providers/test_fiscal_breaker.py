"""Leaving finance alone while it is down."""

from __future__ import annotations

from portal.core.breaker import Breaker


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _opened(clock: Clock) -> Breaker:
    breaker = Breaker(most=3, pause=2.0, longest=10.0, clock=clock)
    assert [breaker.failed() for _ in range(3)] == [False, False, True]
    return breaker


def test_open_only_after_failures_in_a_row() -> None:
    """A success between them starts the count anew."""
    breaker = Breaker(most=3, clock=Clock())
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        assert breaker.wait() == 0
        breaker.succeeded()
    assert breaker.wait() == 0


def test_one_probe_a_pause() -> None:
    """While open, the first caller after the pause goes, the others wait on."""
    clock = Clock()
    breaker = _opened(clock)
    assert breaker.wait() == 2.0
    clock.now += 2.0
    assert breaker.wait() == 0
    assert breaker.wait() == 2.0


def test_pauses_grow_to_the_longest_and_the_alarm_rings_once() -> None:
    """2, 4, 8, 10, 10 … seconds; only the opening failure says so."""
    clock = Clock()
    breaker = _opened(clock)
    pauses = []
    for _ in range(6):
        pauses.append(breaker.wait())
        clock.now += pauses[-1]
        assert breaker.wait() == 0
        assert breaker.failed() is False
    assert pauses == [2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_a_success_closes_it() -> None:
    """All may go again at once."""
    clock = Clock()
    breaker = _opened(clock)
    breaker.succeeded()
    assert [breaker.wait() for _ in range(3)] == [0, 0, 0]
    assert breaker.failed() is False
