"""Guessing who is a patient, their codes and their links: short here, at full length in a soak."""

from __future__ import annotations

import random
import re
import secrets
from collections import Counter
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.access import limits
from portal.domain.errors import Refusal
from portal.domain.identity import id_check_character, normalise_name
from portal.ledger import bills
from portal.models.tables import AUDIT_ENTRY, ONE_TIME_CODE
from portal.retrieval.proof import identify, sessions
from portal.retrieval.proof.sessions import Claim
from tests.support.his import His, outpatient
from tests.support.length import SOAK

LOOKUPS, PERSONS, ADDRESSES = (10_000, 100, 50) if SOAK else (400, 8, 5)
CODES = 100_000 if SOAK else 600
LINKS = 1_000_000 if SOAK else 3_000
REPLAYS = 1_000 if SOAK else 40
NAME, ID_NO = "林演安", "000000195203150010"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(autouse=True)
def _one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """All attempts fall into one window of every length."""
    monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: 1_800_000_000.0))


def id_numbers(count: int) -> list[str]:
    """Well-formed ID numbers of nobody."""
    first = [f"00000019{year:02d}0101{place:03d}" for year, place in ((n % 90, n) for n in range(count))]
    return [text + id_check_character(text) for text in first]


def look_up(client: FlaskClient, token: str, number: str, address: str) -> int:
    """One look-up from an address: its status, which for a refusal is that of the page to which it leads."""
    client.delete_cookie("qp_session")  # a browser that has asked the same a moment ago is led on without a look-up
    form, place = {"csrf_token": token, "number": number, "name": NAME}, {"REMOTE_ADDR": address}
    answer = client.post("/h/pgzx", data=form, environ_base=place)
    if answer.location.endswith("/code"):
        return answer.status_code
    return client.get(answer.location, environ_base=place).status_code


def form_token(client: FlaskClient) -> str:
    """The form's token."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/h/pgzx").text)
    assert found
    return found[1]


def test_look_ups_are_slowed_by_person_and_by_address(app: Flask, his: His) -> None:
    """A2: five a person, sixty an address, an alarm; the patient's slip still opens the bill."""
    link = his.call("invoiceEBillOutpatient", outpatient("A2")).payload["pictureUrl"].rpartition("/")[2]
    client, rng = app.test_client(), random.Random(2)
    token, numbers = form_token(client), [ID_NO, *id_numbers(PERSONS - 1)]
    persons, addresses = Counter[str](), Counter[str]()
    for _ in range(LOOKUPS):
        number, address = rng.choice(numbers), f"127.1.0.{rng.randrange(ADDRESSES) + 1}"
        status = look_up(client, token, number, address)
        assert status in (303, 429), status
        persons[number] += status == 303
        addresses[address] += status == 303
    assert max(persons.values()) == 5 and min(persons[number] for number in numbers) == 5
    assert max(addresses.values()) <= 60
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        alarms = select(func.count()).where(AUDIT_ENTRY.c.action == "patient.guessing")
        assert connection.scalar(alarms) == 1
    opened = client.post(
        f"/b/{link}", data={"csrf_token": token, "name": NAME}, environ_base={"REMOTE_ADDR": "127.2.0.1"}
    )
    assert opened.status_code == 303, opened.text[:500]


def test_an_address_is_slowed_whatever_it_asks(app: Flask) -> None:
    client = app.test_client()
    token = form_token(client)
    statuses = Counter(look_up(client, token, number, "127.3.0.1") for number in id_numbers(70))
    assert statuses == {303: 60, 429: 10}


def test_codes_are_not_guessed(app: Flask) -> None:
    """A3: five tries a code, then even the right one is refused; a code is good once and in its own session."""
    services = app.extensions["qupiao"].services
    counter, name = app.extensions["qupiao"].limits, services.index.digest("name", normalise_name(NAME)).hex()
    rng = random.Random(3)

    def begun() -> tuple[sessions.Session, str]:
        number = rng.randbytes(32).hex()  # of one person no more than some twenty may be tried a day
        with services.database.write() as connection:
            cookie = sessions.start(services, connection, 1, 0, Claim(number, name))
            digest = services.index.digest("session", cookie)
            identify.send_code(services, connection, digest)
            row = connection.execute(
                select(ONE_TIME_CODE.c.id, ONE_TIME_CODE.c.code).where(ONE_TIME_CODE.c.session_digest == digest)
            ).one()
            session = sessions.by_digest(services, connection, digest)
        assert session is not None
        return session, services.cipher.decrypt_text("one_time_code.code", row.id, row.code)

    def tried(session: sessions.Session, code: str) -> bool:
        try:
            return bool(identify.confirm(services, counter, session, code))
        except Refusal as refusal:
            return refusal.code != "CODE_WRONG"

    hits = 0
    for _ in range(CODES // 5):
        session, code = begun()
        guesses = [f"{rng.randrange(1_000_000):06d}" for _ in range(5)]
        guessed = sum(tried(session, guess) for guess in guesses)
        assert guessed == (code in guesses)
        hits += guessed
        assert not tried(session, code), "worn out or used"
    assert hits <= 3, f"{hits} of {CODES}; 0.1 are to be expected of 100,000"
    for _ in range(REPLAYS):
        (mine, code), (other, _) = begun(), begun()
        assert not tried(other, code)
        assert tried(mine, code) and not tried(mine, code)


def test_links_are_not_guessed(app: Flask, his: His) -> None:
    """A4: a link with one or more characters changed opens nothing, and looks like any other that opens nothing."""
    services, rng = app.extensions["qupiao"].services, random.Random(4)
    real = his.call("invoiceEBillOutpatient", outpatient("A4")).payload["pictureUrl"].rpartition("/")[2]
    assert len(real) >= 22, "128 bits and the key's name"

    def altered() -> str:
        place = rng.randrange(len(real))
        changed = real[:place] + rng.choice(ALPHABET.replace(real[place], "")) + real[place + 1 :]
        return changed if rng.random() < 0.9 else real[0] + secrets.token_urlsafe(40)[: len(real) - 1]

    with services.database.read() as connection:
        assert bills.by_link(services, connection, services.index.digest("link", real)) is not None
        for _ in range(LINKS):
            digest = services.index.digest("link", altered())
            assert bills.by_link(services, connection, digest) is None
    client = app.test_client()
    for _ in range(60):
        answer = client.get(f"/b/{altered()}")
        assert answer.status_code in (200, 404)
        assert "128.50" not in answer.text and "交款人" not in answer.text and "林" not in answer.text
