"""Whatever is typed into whichever form, the answer is a page that says something: patients' and staff's.

Forms are found by following the links from page to page, and sent again and again with some fields as they stand and
the others full of what breaks readers of numbers, days, names and identifiers. Long with ``QUPIAO_SOAK=1``.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.access.limits import Limits
from portal.access.permissions import Role
from tests.support.addresses import forms, pages_of
from tests.support.console import Console, FormOnPage, valid
from tests.support.his import His, outpatient
from tests.support.length import SOAK
from tests.support.pages import Pages, Rules
from tests.support.patients import PERSONAL, identified

FILLS = 40 if SOAK else 1
"""How often each form is sent."""
TYPED = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\x01\x1f\x7f\x85",
        "\ufffe\ufdd0",
        "\u202e2.00",
        "\ud7ff\U0010ffff",
        "\U00031350",
        "\r\n\t",
    ),
    *("0", "-1", "1.005", "1e309", "NaN", "Infinity", "٣", "９９", "1_000", "+1", "0x10", "9" * 300, str(2**63)),
    *("2026-02-30", "0000-00-00", "9999-12-31", "0001-01-01", "2026-11-28T10:00", "10000-01-01", "1969-12-31"),
    *("99060126", "0000000001", "99060126-0000000001", "000000195203150010", "10000000001", "林演安", "字" * 2000),
    *(
        "=1+1",
        "%",
        "_",
        "\\",
        "'",
        '"',
        "{{7*7}}",
        "%s%n",
        "../../etc/passwd",
        "//x.example",
        "javascript:1",
        "\r\nX: y",
    ),
    *("İ", "ſ", "ẞ", "ﷺ", "a@b", "a@xn--", "a@例子.中国", "true", "null", "[]", "{}", "<b>", "&#0;", "?", "#", ";"),
)

LEAVES = re.compile(r"/(leave|logout|login)\b")
"""Where forms go after which one is signed in no more."""


def filled(form: FormOnPage, chance: random.Random) -> dict[str, object]:
    """The form with anything in some of its fields; its token stays."""
    share = chance.choice((0.2, 0.6, 1.0))
    values: dict[str, object] = {}
    for name, value in form.values.items():
        kept = name == "csrf_token" or chance.random() > share
        values[name] = value if kept else chance.choice(TYPED)
        if not kept and chance.random() < 0.1:
            values[name] = "".join(
                chr(chance.choice((chance.randrange(0x20), chance.randrange(0x3000)))) for _ in range(9)
            )
    return values


def throw(client: FlaskClient, where: str, form: FormOnPage, chance: random.Random) -> int:
    """Send one form; its answer is whole, whatever it says. Returns its status."""
    values = filled(form, chance)
    said = f"{where}: {values!r}"[:1500]
    if form.method == "get":
        answer = client.get(form.action, query_string=values)
    else:
        answer = client.post(form.action, data=values)
        if "f=" in (answer.location or ""):  # a refusal is shown at the form's own address
            answer = client.get(answer.location)
    assert answer.status_code < 500, said
    if answer.mimetype == "text/html" and answer.status_code not in (302, 303):
        try:
            valid(answer.text)
        except AssertionError as error:
            raise AssertionError(f"{error} {said}") from None
    return answer.status_code


@pytest.fixture(autouse=True)
def _no_door(monkeypatch: pytest.MonkeyPatch, app: Flask) -> None:
    """Nobody is sent away for having tried too often."""
    monkeypatch.setattr(Limits, "hit", lambda *_: True)
    app.config["PROPAGATE_EXCEPTIONS"] = True


def run(again: Callable[[], dict[str, FormOnPage]], client: FlaskClient, least: int) -> Counter[int]:
    """Send all forms ``FILLS`` times each, in any order; who was signed out by one of them signs in again."""
    chance, answers = random.Random(20260301), Counter[int]()
    found = again()
    assert len(found) >= least, sorted(found)
    for _ in range(FILLS):
        names = sorted(found)
        chance.shuffle(names)
        for name in names:
            status = throw(client, name, found[name], chance)
            answers[status] += 1
            if status == 401 or LEAVES.search(found[name].action):
                found |= again()
    again()  # what was stored is on pages now
    return answers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_patients_may_type_anything(app: Flask, his: His) -> None:
    for number in range(3):
        assert his.call("invoiceEBillOutpatient", outpatient(f"F{number}")).ok
    client = app.test_client()

    def again() -> dict[str, FormOnPage]:
        listed = identified(Pages(client, Rules(personal=PERSONAL)), app)
        return forms(client, [listed.url, "/h/pgzx", "/h/pgzx/verify"], ("/h/pgzx", "/b/"))

    answers = run(again, client, 12)
    assert answers[303] and answers[422] and answers[200], answers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", Role if SOAK else [Role.AUDITOR])
def test_staff_may_type_anything(app: Flask, his: His, role: Role) -> None:
    for number in range(3):
        assert his.call("invoiceEBillOutpatient", outpatient(f"F{number}")).ok
    person = Console(app, role.value)

    def again() -> dict[str, FormOnPage]:
        if person.client.get("/console/home/sessions").status_code != 200:
            person.sign_in(role.value)
        return forms(person.client, pages_of(app), ("/console/",))

    answers = run(again, person.client, 5)
    assert answers[200] and answers[303] and answers[422], answers
