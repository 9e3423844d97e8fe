"""The audit chain: whatever somebody who owns the database changes, verification names the row."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from portal import audit
from portal.audit import chain
from portal.core import ids
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.worker import build
from tests.support.console import Console

ROUNDS = 100


@pytest.fixture
def services(app: Flask) -> Iterator[Services]:
    """An installation with sixty sealed entries, its anchor removed afterwards (the folder outlives the database)."""
    found: Services = app.extensions["qupiao"].services
    write(found, 60)
    assert chain.seal(found) >= 60
    yield found
    chain.anchor_path(found).unlink()


def write(services: Services, count: int) -> None:
    """So many entries with details."""
    with services.database.write() as connection:
        for number in range(count):
            details = {"n": number, "words": "冲红 1.00 元"}
            audit.record(connection, Actor("his:TEST", request_id="r"), "bill.issued", ("bill", number), details)


def unguard(connection: Connection) -> None:
    """What a database owner can do: take the triggers away."""
    if connection.dialect.name == "sqlite":
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        return
    for table in ("audit_entry", "audit_seal"):
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))


def test_a_clock_that_ran_ahead_leaves_no_entry_unsealed(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of before, during and after a leap of 400 days are all sealed, and none is said to be slipped in."""
    real = ids.time.time_ns
    monkeypatch.setattr(ids, "_last", 0)
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() + 400 * 86_400 * 10**9)
    write(services, 3)
    assert chain.seal(services) == 3
    monkeypatch.setattr(ids, "_last", 0)  # the processes were started again with the right time
    monkeypatch.setattr(ids.time, "time_ns", real)
    write(services, 4)
    assert chain.seal(services) == 4
    with services.database.read() as connection:
        report = chain.verify(services, connection)
    assert report.sound and report.waiting == 0


def test_a_sound_chain_verifies_and_grows(services: Services) -> None:
    with services.database.read() as connection:
        report = chain.verify(services, connection)
    assert report.sound and report.links >= 60 and report.waiting == 0
    write(services, 3)
    with services.database.read() as connection:
        assert chain.verify(services, connection).waiting == 3
    assert chain.seal(services) == 3 and chain.seal(services) == 0
    with services.database.read() as connection:
        assert chain.verify(services, connection).links == report.links + 3


def change(connection: Connection, seq: int, rng: random.Random) -> set[int]:
    """One column of one entry."""
    column, value = rng.choice(
        [
            ("actor", "staff:other"),
            ("action", "bill.viewed"),
            ("object_id", "999"),
            ("object_kind", "party"),
            ("request_id", "forged"),
            ("unit_id", 2),
            ("details", json.dumps({"n": 0})),
            ("at", "2026-01-01 00:00:00.000000"),
        ]
    )
    connection.execute(
        text(f"UPDATE audit_entry SET {column} = :v WHERE id = (SELECT entry_id FROM audit_seal WHERE seq = :s)"),
        {"v": value, "s": seq},
    )
    return {seq}


def delete(connection: Connection, seq: int, rng: random.Random) -> set[int]:
    """One entry, its link left behind."""
    connection.execute(
        text("DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_seal WHERE seq = :s)"), {"s": seq}
    )
    return {seq}


def delete_both(connection: Connection, seq: int, rng: random.Random) -> set[int]:
    """One entry and its link, not the last ones."""
    delete(connection, seq, rng)
    connection.execute(text("DELETE FROM audit_seal WHERE seq = :s"), {"s": seq})
    return {seq}


def reorder(connection: Connection, seq: int, rng: random.Random) -> set[int]:
    """Two entries change places in the chain."""
    other = seq + 1
    ids = [
        connection.execute(text("SELECT entry_id FROM audit_seal WHERE seq = :s"), {"s": s}).scalar_one()
        for s in (seq, other)
    ]
    for place, entry_id in ((seq, -1), (other, ids[0]), (seq, ids[1])):
        connection.execute(text("UPDATE audit_seal SET entry_id = :e WHERE seq = :s"), {"e": entry_id, "s": place})
    return {seq, other}


def truncate(connection: Connection, seq: int, rng: random.Random) -> set[int]:
    """Everything from here to the end, entries and links: only the anchor outside remembers."""
    last = connection.execute(text("SELECT max(seq) FROM audit_seal")).scalar_one()
    where = {"s": seq}
    connection.execute(
        text("DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM audit_seal WHERE seq >= :s)"), where
    )
    connection.execute(text("DELETE FROM audit_seal WHERE seq >= :s"), where)
    return {last}


def slip_in(connection: Connection, seq: int, rng: random.Random) -> set[int]:
    """An entry that claims to be old."""
    connection.execute(
        text(
            "INSERT INTO audit_entry (id, at, actor, action, object_kind, object_id, request_id, details)"
            " SELECT id - 400000000000000000, at, actor, action, object_kind, object_id, request_id, details"
            " FROM audit_entry WHERE id = (SELECT entry_id FROM audit_seal WHERE seq = :s)"
        ),
        {"s": seq},
    )
    return {0}


TAMPERINGS: tuple[Callable[[Connection, int, random.Random], set[int]], ...] = (
    change,
    delete,
    delete_both,
    reorder,
    truncate,
    slip_in,
)


def test_every_tampering_is_found_and_its_row_named(services: Services) -> None:
    rng = random.Random(20261124)
    found = 0
    for number in range(ROUNDS):
        tamper = TAMPERINGS[number % len(TAMPERINGS)]
        with services.database.engine.execution_options(write=True).connect() as connection:
            unguard(connection)
            expected = tamper(connection, rng.randrange(2, 59), rng)
            report = chain.verify(services, connection)
            connection.rollback()
        named = {problem.seq for problem in report.problems}
        assert expected <= named, (tamper.__name__, expected, report.problems)
        found += not report.sound
    assert found == ROUNDS
    with services.database.read() as connection:
        assert chain.verify(services, connection).sound, "nothing of it stayed"


def test_without_the_master_key_no_link_can_be_computed(services: Services) -> None:
    """Positive control: a plain hash would let an owner of the database mend the chain."""
    from portal.core.crypto.field_cipher import hmac_sm3

    with services.database.read() as connection:
        first = next(chain._links(connection))
        assert first.digest == chain._link(chain._key(services), b"", 1, first)
        assert first.digest != hmac_sm3(b"\0" * 32, b"" + (1).to_bytes(8, "big") + chain.canonical(first))


def test_the_worker_seals_and_the_auditor_verifies(app: Flask, services: Services) -> None:
    write(services, 2)
    build(app).drain()
    auditor = Console(app, "auditor")
    shown = auditor.send("/console/system/log", "校验日志链")
    assert shown.status_code == 200 and "校验通过" in shown.text
    assert "接口 TEST" in auditor.get("/console/system/log").text
    log = auditor.get("/console/system/log?about=audit").text
    assert "校验日志链" in log and ">关某</td>" in log and ">auditor</td>" not in log
    assert "校验日志链" in auditor.get("/console/system/log?about=audit&actor=关").text, "found by the name, too"
    with services.database.engine.execution_options(write=True).connect() as connection:
        unguard(connection)
        delete(connection, 7, random.Random(1))
        connection.commit()
    shown = auditor.send("/console/system/log", "校验日志链")
    assert "发现 1 处异常" in shown.text and "日志记录被删除" in shown.text
