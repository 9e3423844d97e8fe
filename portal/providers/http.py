"""Calls to addresses that an operator typed: the rule for hosts, and a transport that calls no other (SSRF).

The name is resolved once, every address it has is judged, and exactly a judged address is connected to; so a name that
changes between the check and the call (DNS rebinding) changes nothing. TLS still proves the name.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

import httpx

Address = IPv4Address | IPv6Address
METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
"""Metadata services of clouds outside 169.254.0.0/16."""
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))
"""Networks whose addresses end in an IPv4 address."""
MOST_BYTES = 64 * 1024
MOST_SECONDS = 25.0


class AddressRefused(ValueError):
    """An address that must not be called; its text is the Chinese reason."""


def _resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class OutRule:
    """Which addresses may be called. ``hosts``: names, addresses and networks inside the hospital that may be.

    ``this_machine`` also allows the one we run on. Metadata services, link-local and multicast addresses are never
    called.
    """

    def __init__(
        self, hosts: Iterable[str], this_machine: bool, resolve: Callable[[str, int], list[str]] = _resolve
    ) -> None:
        self._names: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for entry in filter(None, (host.strip().lower() for host in hosts)):
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry)
        self._this_machine = this_machine
        self._resolve = resolve

    def check(self, url: str) -> None:
        """Raise :class:`AddressRefused` for an address that must not be called or whose host does not exist."""
        try:
            self.addresses(url)
        except OSError:
            raise AddressRefused("域名解析不到，请核对地址") from None

    def addresses(self, url: str) -> list[str]:
        """Resolve the host to its addresses, each allowed. Raises :class:`AddressRefused`, OSError (no such host)."""
        scheme, host, port = _parts(url)
        found = [host] if _literal(host) else self._resolve(host, port)
        inside = [self._judge(host, ipaddress.ip_address(one.partition("%")[0])) for one in found]
        if scheme == "http" and not all(inside):
            raise AddressRefused("院外地址必须使用 https")
        return found

    def _judge(self, host: str, address: Address) -> bool:
        """Return whether the address is one of the named ones, or of this machine where that is allowed.

        Raises :class:`AddressRefused` for an address that is neither that nor public.
        """
        address = _inner(address)
        local = address.is_loopback or address.is_unspecified
        if local and self._this_machine:
            return True
        if local or address.is_link_local or address.is_multicast or address in METADATA:
            raise AddressRefused("不能填写本机、链路本地或云平台元数据地址")
        if host in self._names or any(address in network for network in self._networks):
            return True
        if not address.is_global:
            raise AddressRefused("院内地址须先由运维在 QUPIAO_PUSH_HOSTS 中登记")
        return False


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for: a translator (NAT64, 6to4) would lead there."""
    if not isinstance(address, IPv6Address) or address.is_loopback or address.is_unspecified:
        return address
    last = IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (last if any(address in one for one in _TRANSLATED) else address)


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _parts(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise AddressRefused("地址格式不正确") from None
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or any(one.isspace() for one in url):
        raise AddressRefused("应为 http:// 或 https:// 开头的完整地址")
    if "@" in parts.netloc or "#" in url:
        raise AddressRefused("地址中不能有用户名、密码或 #")
    return parts.scheme, host, port


class RuledTransport(httpx.BaseTransport):
    """Connects only where the rule allows; follows nothing, uses no proxy, reads no more than an answer needs.

    Raises :class:`AddressRefused`; httpx errors as any transport, ConnectError for a host that does not resolve.
    """

    def __init__(self, rule: OutRule) -> None:
        self._rule = rule
        self._inner = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Try the host's addresses in their order until one takes the connection."""
        try:
            found = self._rule.addresses(str(request.url))
        except OSError as error:
            raise httpx.ConnectError(type(error).__name__, request=request) from error
        more = request.extensions | {"sni_hostname": request.url.host}
        for number, address in enumerate(found, 1):
            url = request.url.copy_with(host=address)
            pinned = httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=more)
            try:
                return self._inner.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(found):
                    raise
        raise httpx.ConnectError("no address", request=request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class RuledClient:
    """POSTs under a rule. Safe for many threads."""

    def __init__(self, rule: OutRule, timeout: float = 10.0) -> None:
        self._http = httpx.Client(transport=RuledTransport(rule), timeout=timeout, trust_env=False)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Post a body; status and at most 64 kB of the answer. Raises AddressRefused, httpx.HTTPError."""
        until = time.monotonic() + MOST_SECONDS
        with self._http.stream("POST", url, content=body, headers=headers) as answer:
            read = b""
            for chunk in answer.iter_bytes():
                read += chunk
                if len(read) > MOST_BYTES or time.monotonic() > until:
                    raise httpx.ReadTimeout("the answer does not end", request=answer.request)
            return answer.status_code, read
