"""Who called, behind proxies: ``X-Forwarded-For`` and ``-Proto`` are believed of the proxies that the settings name.

Whoever calls directly may write there what they like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from portal.core.settings import Networks

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class TrustedProxies:
    """Puts the caller's own address and scheme into each request that comes through trusted proxies."""

    def __init__(self, application: Application, proxies: Networks) -> None:
        self._application, self._proxies = application, proxies

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Read what the nearest proxies say, from the nearest on, as far as they are trusted."""
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
            while len(hops) > 1 and self._trusts(hops[-1]):
                hops.pop()
            if hops and _is_address(hops[-1]):
                environ["REMOTE_ADDR"] = hops[-1]
            # With several proxies the first one speaks with the caller; each one after it adds its own, or none.
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower()
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        return self._application(environ, start_response)

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in one for one in self._proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
