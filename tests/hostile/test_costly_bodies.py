"""Bodies that cost a processor much to read are refused before they are read, whoever sends them."""

from __future__ import annotations

import json
from collections.abc import Callable
from unittest.mock import patch

import pytest
from flask import Flask
from werkzeug import formparser

from portal.core import strict_json
from portal.his_contract import envelope
from tests.support.his import His, encode, outpatient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def calls_of(owner: object, name: str, act: Callable[[], object]) -> int:
    """How often a function is called during an act."""
    with patch.object(owner, name, side_effect=getattr(owner, name)) as watched:
        act()
    return watched.call_count


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'"",', b"1,"])
def test_a_list_of_nothings_is_not_decoded(app: Flask, his: His, piece: bytes) -> None:
    body = b'{"a":[' + piece * 300_000 + b"1]}"
    assert calls_of(strict_json, "decode_object", lambda: his.raw("issue", body)) == 0
    assert his.raw("issue", body).result == "E1001"


def test_what_a_his_sends_is_read_all_the_same(his: His) -> None:
    """The control, with more lines than any bill has."""
    long = outpatient("LONG", listDetail=[])
    assert his.call("invoiceEBillOutpatient", long | {"remark": "a,b" * 60}).result
    body = encode(long)
    assert sum(json.dumps(body).count(mark) for mark in '{[,"') < envelope.MOST_MARKS / 10


@pytest.mark.parametrize("length", [1_200_000, 8_000_000])
@pytest.mark.parametrize("address", ["/h/pgzx", "/console/login", "/kiosk/setup"])
def test_a_form_of_a_million_fields_is_not_taken_apart(app: Flask, address: str, length: int) -> None:
    client = app.test_client()

    def post() -> None:
        body = b"a=1&" * (length // 4)
        answer = client.post(address, data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 413

    assert calls_of(formparser, "parse_qsl", post) == 0
