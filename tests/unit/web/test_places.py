"""Places on the net and in our addresses: networks, and paths that are clean."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from portal.access import attempts
from portal.demo.settings import DemoSettings
from portal.web import clean_address

TOKEN = "A" + "b-_0" * 5 + "xy"


def test_one_line_of_ipv6_is_one_place() -> None:
    assert attempts.network("2001:db8:1:2::1") == attempts.network("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert attempts.network("::ffff:192.0.2.7") == "192.0.2.7" and attempts.network("odd") == "odd"


def test_a_list_that_is_none_refuses_the_start() -> None:
    with pytest.raises(ValidationError):
        DemoSettings(trusted_proxies="10.0.0.0/8, the proxy")


@pytest.mark.parametrize("address", [f"/b/{TOKEN}", f"/b/{TOKEN}/not-me", "/h/pgzx", "/h/Nowhere", "/", "/b/"])
def test_a_clean_address_stays(address: str) -> None:
    assert clean_address.tidy(address) == (address if address != "/b/" else "/b")
