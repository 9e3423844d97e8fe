"""Limits slow down whoever fails, and nobody who is right; who called is believed of trusted proxies alone."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from portal.access import attempts
from portal.app import create_app
from portal.demo.settings import DemoSettings
from portal.web.gateway import DELAY
from tests.support.his import His, outpatient
from tests.support.patients import deliver

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NAME = "林演安"


def token(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found
    return found[1]


def link_of(his: His, serial: str, **changes: object) -> str:
    return "/b/" + his.call("invoiceEBillOutpatient", outpatient(serial, **changes)).payload["pictureUrl"][-23:]


def opened(app: Flask, link: str, name: str, address: str = "127.8.0.1") -> int:
    client = app.test_client()
    form, place = {"csrf_token": token(client, link), "name": name}, {"REMOTE_ADDR": address}
    answer = client.post(link, data=form, environ_base=place)
    told = "f=" in answer.location  # a refusal is shown at the form's own address
    return (client.get(answer.location, environ_base=place) if told else answer).status_code


def test_two_hundred_payers_of_one_address_open_their_links(app: Flask, his: His) -> None:
    links = [link_of(his, f"WIFI{number}") for number in range(200)]
    assert Counter(opened(app, link, NAME) for link in links) == {303: 200}


def test_somebody_may_open_their_own_link_as_often_as_they_like(app: Flask, his: His) -> None:
    link = link_of(his, "AGAIN")
    assert [opened(app, link, NAME) for _ in range(12)] == [303] * 12
    assert [opened(app, link, "王某") for _ in range(6)] == [422] * 5 + [429], "the control: wrong names are counted"
    assert opened(app, link, NAME) == 429, "and close the link for a while, also for the right one"
    assert opened(app, link_of(his, "OTHER"), NAME) == 303, "but no other way"


def test_somebody_who_types_the_right_code_may_come_again(app: Flask, his: His) -> None:
    """A look-up is right when its code is; more than five in half an hour are then no guessing."""
    assert his.call("invoiceEBillOutpatient", outpatient("CODES")).ok
    runtime = app.extensions["qupiao"]
    for turn in range(8):
        runtime.limits.give_back("anything", 60)
        client = app.test_client()
        form = {"csrf_token": token(client, "/h/pgzx"), "number": "000000195203150010", "name": NAME}
        assert client.post("/h/pgzx", data=form).status_code == 303, turn
        with runtime.services.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM attempt_count WHERE bucket LIKE 'sms.phone.%'")
        code = deliver(app).sent[-1][2]["code"]
        answer = client.post("/h/pgzx/code", data={"csrf_token": token(client, "/h/pgzx/code"), "code": code})
        assert answer.status_code == 303


def test_answers_to_an_address_that_fails_are_delayed_before_they_are_refused(app: Flask) -> None:
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    guard, seen = attempts.Guard("test", "thing", 5, 1800), []
    for number in range(70):
        attempts.DELAY.set(0.0)
        try:
            attempts.begin(services, limits, guard, str(number), "127.8.0.2")
        except attempts.Refusal:
            seen.append(-1.0)
        else:
            seen.append(attempts.DELAY.get())
    attempts.DELAY.set(0.0)
    assert seen[:50] == [0.0] * 50, "at once"
    assert seen[50:60] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 8.0, 8.0], "later and later"
    assert seen[60:] == [-1.0] * 10, "not in this minute"


def test_the_delay_is_handed_to_the_gateway_and_holds_no_thread(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.test_client()
    monkeypatch.setattr(attempts, "AT_ONCE", 0)
    served, delays = app.wsgi_app, []

    def gateway(environ: dict[str, Any], start_response: Any) -> Any:
        answer = served(environ, start_response)
        delays.append(environ[DELAY])
        return answer

    monkeypatch.setattr(app, "wsgi_app", gateway)
    form = {"csrf_token": token(client, "/h/pgzx"), "number": "000000195203150010", "name": NAME}
    assert client.post("/h/pgzx", data=form).status_code == 303
    assert client.get("/h/pgzx").status_code == 200
    assert delays[-2:] == [1.0, 0.0], "the answer is delayed, the next page is not"


def test_from_own_networks_many_more_may_fail(settings: DemoSettings, app: Flask) -> None:
    services = create_app(settings.model_copy(update={"own_networks": "127.9.0.0/16"})).extensions["qupiao"].services
    limits, guard = app.extensions["qupiao"].limits, attempts.Guard("test", "thing", 5, 1800)
    for number in range(600):
        attempts.begin(services, limits, guard, str(number), "127.9.0.1")
    with pytest.raises(attempts.Refusal):
        attempts.begin(services, limits, guard, "600", "127.9.0.1")
    services.database.engine.dispose()


@pytest.mark.parametrize(
    ("trusted", "peer", "said", "counted"),
    [
        ("10.0.0.0/8", "10.1.1.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.0/8", "10.1.1.1", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.0/8, 198.51.100.7", "10.1.1.1", "203.0.113.5, 198.51.100.7", "203.0.113.5"),
        ("10.0.0.0/8", "192.0.2.1", "203.0.113.5", "192.0.2.1"),
        ("", "10.1.1.1", "203.0.113.5", "10.1.1.1"),
        ("10.0.0.0/8", "10.1.1.1", "no address", "10.1.1.1"),
    ],
)
def test_who_called_is_believed_of_trusted_proxies(
    settings: DemoSettings, trusted: str, peer: str, said: str, counted: str
) -> None:
    made = create_app(settings.model_copy(update={"trusted_proxies": trusted}))
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        seen.append((str(request.remote_addr), request.is_secure))

    made.before_request_funcs.setdefault(None, []).insert(0, look)
    headers = {"X-Forwarded-For": said, "X-Forwarded-Proto": "https"}
    answer = made.test_client().get("/h/pgzx", headers=headers, environ_base={"REMOTE_ADDR": peer})
    believed = trusted != "" and peer.startswith("10.")
    assert seen == [(counted, believed)]
    cookie = answer.headers["Set-Cookie"]
    assert ("Secure" in cookie and cookie.startswith("__Host-")) is believed
    assert ("Strict-Transport-Security" in answer.headers) is believed
    made.extensions["qupiao"].services.database.engine.dispose()
