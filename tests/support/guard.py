"""No test speaks to another machine: every look-up and connection that Python makes is watched."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

strays: list[str] = []
"""Where a test wanted to go. A test that leaves something here fails, even if it swallowed the error."""


class LeavesTheMachine(OSError):
    """A test wanted to speak to another machine."""


def is_local(host: Any) -> bool:
    """Whether a host of a socket address is this machine; ``None`` and ``""`` are."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    if name in ("", "localhost", "0.0.0.0", "::"):
        return True
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # text and bytes are names of Unix sockets
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not is_local(host):
        strays.append(f"{event} {host!r}")
        raise LeavesTheMachine(f"a test may speak to this machine only, not to {host!r}")


def install() -> None:
    """Watch this process from now on; there is no way back."""
    sys.addaudithook(_watch)
