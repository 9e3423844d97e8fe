"""The guards of the tests themselves can fail."""

from __future__ import annotations

import socket

import pytest

from tests.support import guard


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("10.0.0.1", 80)])
def test_another_machine_is_out_of_reach(address: tuple[str, int]) -> None:
    with socket.socket() as probe, pytest.raises(guard.LeavesTheMachine):
        probe.connect(address)
    with pytest.raises(guard.LeavesTheMachine):
        socket.getaddrinfo("hospital.example", 443)
    assert [stray.split()[0] for stray in guard.strays] == ["socket.connect", "socket.getaddrinfo"]
    guard.strays.clear()  # otherwise this very test would fail, which is what the fixture is for


@pytest.mark.parametrize("host", [None, "", "localhost", "127.0.0.1", "127.9.9.9", b"127.0.0.1", "::1"])
def test_this_machine_is_local(host: str | bytes | None) -> None:
    assert guard.is_local(host)


@pytest.mark.parametrize("host", ["1.1.1.1", "hospital.example", "::ffff:192.0.2.1", "localhost.example"])
def test_others_are_not(host: str) -> None:
    assert not guard.is_local(host)
