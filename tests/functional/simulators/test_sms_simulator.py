"""The SMS gateway simulator's contract over real HTTP."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from portal.demo.settings import DemoSettings
from tests.support.processes.simulators import Simulators, running_simulators

ACCOUNT = DemoSettings()
_phones = itertools.count(13800000000)
_ids = itertools.count(1)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    """One process for this file."""
    with running_simulators(tmp_path_factory.mktemp("sms")) as simulators:
        yield simulators


@pytest.fixture
def gateway(process: Simulators) -> Simulators:
    """The process with all switches off and the operator's usual limits."""
    process.faults("sms")
    process.post("/sms/limits", {"60": 1, "3600": 5, "86400": 10})
    return process


def message(**changes: Any) -> dict[str, Any]:
    """A code for a phone that no other call gets."""
    fields = {"phone": str(next(_phones)), "template": "code", "params": {"code": "482913"}}
    return fields | {"out_id": f"test-{next(_ids)}"} | changes


def signed(body: bytes, key: str = ACCOUNT.sms_app_key, age: int = 0) -> dict[str, str]:
    """The headers of the contract, computed here from its description."""
    stamp, nonce = str(int(time.time()) - age), "n1"
    text = f"{ACCOUNT.sms_app_id}\n{stamp}\n{nonce}\n{hashlib.sha256(body).hexdigest()}"
    return {
        "X-Sms-App-Id": ACCOUNT.sms_app_id,
        "X-Sms-Timestamp": stamp,
        "X-Sms-Nonce": nonce,
        "X-Sms-Signature": hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest(),
    }


def post(
    gateway: Simulators, body: bytes, headers: dict[str, str] | None = None, timeout: float = 10
) -> httpx.Response:
    """One request."""
    headers = signed(body) if headers is None else headers
    return httpx.post(gateway.url("/sms/send"), content=body, headers=headers, timeout=timeout, trust_env=False)


def send(gateway: Simulators, fields: Any) -> httpx.Response:
    """One signed request."""
    return post(gateway, json.dumps(fields).encode())


def inbox(gateway: Simulators, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """What arrived for this phone, newest first."""
    return [row for row in gateway.get("/sms/messages") if row["phone"] == fields["phone"]]


def test_message_arrives_readable(gateway: Simulators) -> None:
    """In the JSON inbox first, and on the page."""
    fields = message()
    answer = send(gateway, fields)
    assert answer.status_code == 200
    assert answer.json()["code"] == "OK"
    newest = gateway.get("/sms/messages")[0]
    assert (newest["phone"], newest["params"]["code"], newest["out_id"]) == (
        fields["phone"],
        "482913",
        fields["out_id"],
    )
    assert "验证码482913" in newest["text"]
    page = gateway.page("/sms")
    assert "482913" in page
    assert "演示" in page


def test_same_out_id_is_sent_once(gateway: Simulators) -> None:
    """The same again gets the same answer, above the limit too; other content is refused."""
    fields = message()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(gateway, fields), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["biz_id"] for answer in answers}) == 1
    [row] = inbox(gateway, fields)
    assert row["attempts"] == 8
    other = send(gateway, fields | {"params": {"code": "000000"}})
    assert (other.status_code, other.json()["code"]) == (409, "OutIdConflict")
    assert len(inbox(gateway, fields)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Sms-Signature": "0" * 64},
        {"X-Sms-Signature": "é"},
        {"X-Sms-App-Id": "OTHER"},
        {"X-Sms-Nonce": ""},
        {"X-Sms-Nonce": "n2"},
        {"X-Sms-Timestamp": "1"},
    ],
)
def test_wrong_signature_sends_nothing(gateway: Simulators, changes: dict[str, str]) -> None:
    """Every signed part counts."""
    fields = message()
    body = json.dumps(fields).encode()
    headers = {name: value.encode() for name, value in (signed(body) | changes).items()}
    assert post(gateway, body, headers).status_code == 401  # type: ignore[arg-type]
    assert inbox(gateway, fields) == []


def test_altered_body_old_request_and_foreign_key(gateway: Simulators) -> None:
    """Another phone under the same signature; a request of six minutes ago; a key that is not the account's."""
    fields = message()
    body = json.dumps(fields).encode()
    assert post(gateway, body.replace(b"138", b"139", 1), signed(body)).status_code == 401
    assert post(gateway, body, signed(body, age=360)).status_code == 401
    assert post(gateway, body, signed(body, age=-360)).status_code == 401
    assert post(gateway, body, signed(body, key="another")).status_code == 401
    assert post(gateway, body, {}).status_code == 401
    assert inbox(gateway, fields) == []
    assert post(gateway, body, signed(body, age=240)).status_code == 200


def test_operator_limits(gateway: Simulators) -> None:
    """One a minute to one phone and template; another phone is not touched; the limit is a setting for tests."""
    fields = message()
    assert send(gateway, fields).status_code == 200
    again = fields | {"out_id": "again"}
    limited = send(gateway, again)
    assert (limited.status_code, limited.json()["code"]) == (429, "isv.BUSINESS_LIMIT_CONTROL")
    assert send(gateway, message()).status_code == 200
    gateway.post("/sms/limits", {"60": 100})
    assert send(gateway, again).status_code == 200
    assert [send(gateway, again | {"out_id": f"more-{n}"}).status_code for n in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"phone": "12345"}, 422),
        ({"phone": "１３８００００００００"}, 422),
        ({"phone": 13800000000}, 422),
        ({"template": "unknown"}, 422),
        ({"template": ["code"]}, 422),
        ({"params": {}}, 422),
        ({"params": {"code": "x" * 36}}, 422),
        ({"params": {"code": "https://x.cn"}}, 422),
        ({"params": {"code": 1}}, 400),
        ({"out_id": ""}, 400),
        ({"out_id": "a b"}, 400),
        ({"more": 1}, 400),
    ],
)
def test_wrong_fields_send_nothing(gateway: Simulators, fields: dict[str, Any], status: int) -> None:
    """Each with a code of the operator's, none an error page."""
    before = len(gateway.get("/sms/messages"))
    answer = send(gateway, message(**fields))
    assert answer.status_code == status
    assert answer.json()["code"].startswith("isv.")
    assert len(gateway.get("/sms/messages")) == before


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"[" * 10_000, b"\xff", b'"x"'])
def test_wrong_bodies(gateway: Simulators, body: bytes) -> None:
    """Signed nonsense is 400."""
    assert post(gateway, body).status_code == 400


def test_large_body(gateway: Simulators) -> None:
    """More than any message needs."""
    assert send(gateway, message(params={"code": "x" * 20_000})).status_code == 413


def test_faults(gateway: Simulators) -> None:
    """Down sends nothing; a lost answer has sent; slow is slow; the repeat after each is one message."""
    fields = message()
    gateway.faults("sms", down={"count": 1})
    assert send(gateway, fields).status_code == 503
    assert inbox(gateway, fields) == []
    gateway.faults("sms", answer_lost={"count": 1})
    with pytest.raises(httpx.HTTPError):
        send(gateway, fields)
    assert len(inbox(gateway, fields)) == 1
    gateway.faults("sms", slow={"count": 1, "value": 1500})
    with pytest.raises(httpx.TimeoutException):
        post(gateway, json.dumps(fields).encode(), timeout=0.5)
    assert send(gateway, fields).status_code == 200
    assert len(inbox(gateway, fields)) == 1


def test_switches_by_form(gateway: Simulators) -> None:
    """What the page's forms send: on, off, all off; nonsense is refused with a page."""

    def form(**fields: str) -> int:
        url = gateway.url("/sms/switch")
        return httpx.post(url, data=fields, trust_env=False, follow_redirects=True).status_code

    assert form(name="slow", act="on", percent="50", count="3", value="200") == 200
    switch = gateway.get("/sms/faults")["slow"]
    assert (switch["probability"], switch["remaining"], switch["value"], switch["on"]) == (0.5, 3, 200, True)
    assert "已打开：50%，还有 3 次" in gateway.page("/sms")
    assert form(name="slow", act="off") == 200
    assert gateway.get("/sms/faults")["slow"]["on"] is False
    assert form(name="down", act="on", percent="100") == 200
    assert form(act="clear") == 200
    assert gateway.get("/sms/faults")["down"]["on"] is False
    assert form(name="slow", act="on", value="-1") == 400
    assert form(name="other", act="on") == 400


def test_inbox_survives_kill(gateway: Simulators) -> None:
    """kill -9 and restart."""
    fields = message()
    assert send(gateway, fields).status_code == 200
    gateway.kill()
    gateway.start()
    assert len(inbox(gateway, fields)) == 1
    assert send(gateway, fields).status_code == 200
    assert len(inbox(gateway, fields)) == 1
