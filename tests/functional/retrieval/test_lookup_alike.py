"""Stored, unknown and wrongly named people are one to whoever asks: same answers, same work.

The time itself is measured by ``make bench ARGS=lookup``; what must hold for it to be the same is asserted here: the
same statements, step by step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import event

from portal.retrieval.proof import sessions
from portal.retrieval.proof.phones import phone_on_file
from tests.support.alike import whole, without_tokens
from tests.support.his import His, outpatient

NAME = "林演安"
STORED = {"ID card": "000000195203150010", "phone": "10000000001", "card": "9900000001"}
UNKNOWN = {"ID card": "000000195203150029", "phone": "10000009999", "card": "9900009999"}


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """What reaches the database."""
    found: list[str] = []
    engine = app.extensions["qupiao"].services.database.engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


class Asked:
    """One browser that types number and name, looks at the page for the code, types a wrong one."""

    def __init__(self, app: Flask, statements: list[str], number: str, name: str) -> None:
        self.client, self._statements = app.test_client(), statements
        page = self.client.get("/h/pgzx").get_data(as_text=True)
        self._token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
        self.steps = [
            self._step("POST", "/h/pgzx", number=number, name=name),
            self._step("GET", "/h/pgzx/code"),
            self._step("POST", "/h/pgzx/code", code="x00000"),
            self._step("GET", "/h/pgzx/code"),
        ]

    def _step(self, method: str, path: str, **form: str) -> tuple[bytes, tuple[str, ...]]:
        self._statements.clear()
        data = form | {"csrf_token": self._token} if form else None
        answer = self.client.open(path, method=method, data=data)
        return without_tokens(whole(answer)), tuple(self._statements)


def test_stored_unknown_and_wrongly_named_are_one(app: Flask, his: His, statements: list[str]) -> None:
    settled = outpatient("A1", idCardNo=STORED["ID card"], cardNo=STORED["card"], tel=STORED["phone"])
    assert his.call("invoiceEBillOutpatient", settled).ok
    Asked(app, statements, "000000000000000000", "谁")  # what is remembered for some seconds is read once
    seen = {}
    for kind, number in STORED.items():
        seen[f"stored {kind}"] = Asked(app, statements, number, NAME).steps
        seen[f"unknown {kind}"] = Asked(app, statements, UNKNOWN[kind], NAME).steps
        seen[f"wrong name, {kind}"] = Asked(app, statements, number, "陈样英").steps
    expected = seen["stored ID card"]
    assert [answer.split(b" ", 1)[0] for answer, _ in expected] == [b"303", b"200", b"303", b"200"]
    assert all(step[1] for step in expected), "every step must be seen to ask the database"
    for kind in STORED:  # the page for the code names what the typed number looks like, whoever has it
        for who in (f"unknown {kind}", f"wrong name, {kind}"):
            assert seen[who] == seen[f"stored {kind}"], who
        assert [queries for _, queries in seen[f"stored {kind}"]] == [queries for _, queries in expected], kind


def test_only_the_stored_are_written_to(app: Flask, his: His, statements: list[str]) -> None:
    """The control: the same sessions do differ for the task that sends the code."""
    assert his.call("invoiceEBillOutpatient", outpatient("A1", idCardNo=STORED["ID card"])).ok
    services, phones = app.extensions["qupiao"].services, []
    for number, name in ((STORED["ID card"], NAME), (UNKNOWN["ID card"], NAME), (STORED["ID card"], "陈样英")):
        asked = Asked(app, statements, number, name)
        with services.database.read() as connection:
            session = sessions.read(services, connection, asked.client.get_cookie("qp_session").value)
            phones.append(phone_on_file(services, connection, session))
    assert phones == ["10000000001", "", ""]
