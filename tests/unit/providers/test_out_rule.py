"""Which addresses an operator may have us call: not this machine, not a cloud's insides, no unnamed network."""

from __future__ import annotations

import httpx
import pytest

from portal.providers.http import AddressRefused, OutRule, RuledTransport

PUBLIC = "93.184.216.34"
NAMES = {
    "bank.example": [PUBLIC],
    "his.local": ["10.1.2.3"],
    "two.example": [PUBLIC, "127.0.0.1"],
    "six.example": ["::ffff:169.254.169.254"],
}


def resolve(host: str, _port: int) -> list[str]:
    """Names of the table; an address is itself."""
    if host in NAMES:
        return NAMES[host]
    if host.replace(".", "").isdigit() or ":" in host:
        return [host]
    raise OSError("no such host")


def rule(*hosts: str, this_machine: bool = False) -> OutRule:
    return OutRule(hosts, this_machine, resolve)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://0.0.0.0/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/x",
        "https://100.100.100.200/latest/meta-data",
        "https://six.example/x",
        "https://224.0.0.1/x",
        "https://two.example/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://[64:ff9b::a9fe:a9fe]/latest/meta-data",
        "https://[2002:7f00:1::]/x",
        "https://[::127.0.0.1]/x",
    ],
)
def test_this_machine_and_metadata_are_never_called_whatever_is_named(url: str) -> None:
    named = rule("0.0.0.0/0", "::/0", "two.example", "six.example", "127.0.0.1")
    with pytest.raises(AddressRefused, match="不能填写本机"):
        named.check(url)


@pytest.mark.parametrize(
    "url", ["https://10.1.2.3/x", "http://his.local/x", "https://[fd00::5]/x", "https://100.64.0.9/"]
)
def test_inside_the_hospital_only_what_is_named(url: str) -> None:
    with pytest.raises(AddressRefused, match="QUPIAO_PUSH_HOSTS"):
        rule("192.168.0.0/16").check(url)
    rule("10.0.0.0/8", "fd00::/8", "100.64.0.0/10").check(url)


def test_a_named_host_may_be_called_by_its_name_also_plainly_and_others_need_tls() -> None:
    rule("HIS.local").check("http://his.local:8080/events")
    rule().check("https://bank.example/events")
    with pytest.raises(AddressRefused, match="https"):
        rule("his.local").check("http://bank.example/events")
    rule(this_machine=True).check("http://127.0.0.1:8001/push/events")
    with pytest.raises(AddressRefused, match="不能填写本机"):
        rule(this_machine=True).check("http://169.254.169.254/")


@pytest.mark.parametrize(
    "url",
    ["", "bank.example", "ftp://bank.example/", "https://a:b@bank.example/", "https://bank.example/#x", "https://["],
)
def test_what_is_no_plain_address_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(AddressRefused):
        rule().check(url)
    with pytest.raises(AddressRefused, match="解析不到"):
        rule().check("https://nowhere.example/")


def test_the_call_goes_to_the_address_that_was_judged() -> None:
    """A name that answers otherwise the second time (rebinding) reaches nothing: there is no second time."""
    answers = [[PUBLIC], ["127.0.0.1"]]
    turning = OutRule((), False, lambda _host, _port: answers.pop(0))
    turning.check("https://turn.example/x")
    with pytest.raises(AddressRefused), httpx.Client(transport=RuledTransport(turning)) as client:
        client.post("https://turn.example/x")
    assert answers == []
