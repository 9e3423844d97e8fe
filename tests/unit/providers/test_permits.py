"""Calls while somebody waits: few at a time, and none to a party that is silent."""

from __future__ import annotations

import threading

import pytest

from portal.providers.faults import ChannelFault, FaultKind
from portal.providers.permits import Permits


def test_the_last_thread_is_never_given_to_a_slow_party() -> None:
    permits, inside, go_on = Permits(2), threading.Barrier(3), threading.Event()

    def slow() -> None:
        with permits.call("wechat"):
            inside.wait(30)
            go_on.wait(30)

    threads = [threading.Thread(target=slow) for _ in range(2)]
    for one in threads:
        one.start()
    inside.wait(30)
    with pytest.raises(ChannelFault) as refused, permits.call("wechat"):
        pass
    assert (refused.value.kind, refused.value.code) == (FaultKind.RETRY, "busy"), "at once, without a call"
    go_on.set()
    for one in threads:
        one.join(30)
    with permits.call("wechat"):
        pass


@pytest.mark.parametrize(("kind", "left_alone"), [(FaultKind.UNKNOWN, True), (FaultKind.USER, False)])
def test_a_silent_party_is_left_alone_and_one_that_refuses_is_not(kind: FaultKind, left_alone: bool) -> None:
    permits, calls = Permits(2), []

    def ask() -> None:
        with permits.call("wechat"):
            calls.append(1)
            raise ChannelFault("wechat", kind, "x")

    for _ in range(10):
        with pytest.raises(ChannelFault):
            ask()
    assert len(calls) == (3 if left_alone else 10)
    with permits.call("alipay"):
        pass
