"""Deliveries against a gateway and a mail server that fail three times in ten, while workers are killed (R7).

Every message has one effect or a named final state; nobody gets another's; the database's connections stay few.
Short form: 60 deliveries and one kill; under QUPIAO_SOAK 10,000 and a hundred.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from portal.access import parameters
from portal.app import create_app
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.ledger import ATTEMPT, DELIVERY, Wanted, open_delivery
from portal.domain.actor import Actor
from portal.domain.delivery import AttemptState, DeliveryState, Purpose, Step
from portal.issuing.queries import BILL
from tests.conftest import SOAK
from tests.his import His, outpatient
from tests.installation import ROOT
from tests.services import wait_for
from tests.simulators import Simulators, running_simulators

DELIVERIES = 10_000 if SOAK else 60
KILLS = 100 if SOAK else 1
PATIENCE = 3600 if SOAK else 150
SCALE = 0.02
BILLS = DELIVERIES // 30
SOME = {"probability": 0.1}
"""Each fault strikes one message in ten; three of them on each channel."""
FINAL = {state.value for state in AttemptState if not state.active}


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[Simulators]:
    """A gateway and a mail server in a bad way."""
    with running_simulators(tmp_path / "simulators") as started:
        started.faults("sms", down=SOME, answer_lost=SOME, half_answer=SOME)
        started.faults("mail", busy=SOME, answer_lost=SOME, half_answer=SOME)
        yield started


@pytest.fixture
def services(database_url: str, data_dir: Path, simulators: Simulators) -> Iterator[Services]:
    """The platform, with everything queued and nobody at work yet."""
    app = create_app(
        Settings(
            demo=True,
            data_dir=data_dir,
            database_url=database_url,
            sms_url=simulators.url("/sms/send"),
            smtp_host=f"127.0.0.1:{simulators.get('/mail/port')}",
            smtp_tls="none",
        )
    )
    services, his = app.extensions["qupiao"], His(app)
    for number in range(BILLS):
        assert his.call("invoiceEBillOutpatient", outpatient(f"FIRE{number:05d}")).ok
    with services.database.write() as connection:
        parameters.change(connection, "delivery.mail-form", "link", Actor("staff:test", "", 1))
        bills = connection.scalars(select(BILL.c.id).order_by(BILL.c.serial)).all()
        for number in range(DELIVERIES):
            channel = "mail" if number % 3 == 0 else "sms"
            wanted = Wanted(
                1, "bill", bills[number % BILLS], Purpose.REQUESTED, (Step(channel),), "test", address(number)
            )
            open_delivery(services, connection, wanted)
    yield services
    services.database.engine.dispose()


def address(number: int) -> str:
    """Everybody has one of their own."""
    return f"m{number}@example.com" if number % 3 == 0 else f"100{number:08d}"


def start(services: Services) -> subprocess.Popen[bytes]:
    """One worker process."""
    settings = services.settings
    environment = os.environ | {
        "QUPIAO_DEMO": "1",
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "QUPIAO_SMS_URL": settings.sms_url,
        "QUPIAO_SMTP_HOST": settings.smtp_host,
        "QUPIAO_SMTP_TLS": "none",
        "PGAPPNAME": "delivery-worker",
    }
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "tests.delivery_worker", str(SCALE)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)


def ended(services: Services) -> int:
    """How many deliveries have come to their end."""
    with services.database.read() as connection:
        open_ones = func.count().filter(DELIVERY.c.state != DeliveryState.OPEN.value)
        return int(connection.scalar(select(open_ones).select_from(DELIVERY)) or 0)


def connections(services: Services) -> int:
    """How many connections the workers are using at PostgreSQL now; those resting in a pool are nobody's."""
    if services.database.dialect == "sqlite":
        return 0
    with services.database.read() as connection:
        used = "application_name = 'delivery-worker' AND state <> 'idle'"
        counted = text(f"SELECT count(*) FROM pg_stat_activity WHERE {used}")
        return int(connection.execute(counted).scalar_one())


def test_every_message_has_one_effect_or_a_named_end(services: Services, simulators: Simulators) -> None:
    workers, held = [start(services), start(services)], 0
    try:
        for number in range(KILLS):
            goal = DELIVERIES * (number + 1) // (KILLS + 2)
            wait_for(lambda goal=goal: ended(services) >= goal, PATIENCE, f"{goal} deliveries")  # type: ignore[misc]
            held = max(held, connections(services))
            victim = workers.pop(0)
            victim.kill()
            victim.wait(10)
            workers.append(start(services))
        wait_for(lambda: ended(services) == DELIVERIES, PATIENCE, "every delivery's end")
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(10)
    assert held <= 2 * 8, "of two workers with three threads a channel: none is held while a provider is spoken to"
    with services.database.read() as connection:
        rows = connection.execute(
            select(
                ATTEMPT.c.channel, ATTEMPT.c.state, ATTEMPT.c.blind, ATTEMPT.c.delivery_id, DELIVERY.c.object_id
            ).select_from(ATTEMPT.join(DELIVERY, DELIVERY.c.id == ATTEMPT.c.delivery_id))
        ).all()
    assert len(rows) == DELIVERIES and {row.state for row in rows} <= FINAL
    assert max(row.blind for row in rows) <= 1
    states = Counter((row.channel, row.state) for row in rows)
    texts = [one["phone"] for one in messages(simulators, "sms")]
    mails = [one["to"] for one in messages(simulators, "mail")]
    everybody = [address(number) for number in range(DELIVERIES)]
    assert set(texts + mails) <= set(everybody), "nobody else got anything"
    assert max(Counter(texts).values()) == 1 and max(Counter(mails).values()) == 1, "nobody got anything twice"
    arrived = states["sms", "accepted"] + states["mail", "accepted"]
    assert arrived <= len(texts) + len(mails) <= arrived + states["sms", "dead"] + states["mail", "uncertain"]
    assert states["sms", "accepted"] + states["sms", "dead"] == DELIVERIES - len(range(0, DELIVERIES, 3)), states
    assert arrived > DELIVERIES * 0.9, states


def messages(simulators: Simulators, service: str) -> list[dict[str, str]]:
    """Everything a simulator has taken."""
    found: list[dict[str, str]] = simulators.get(f"/{service}/messages?most={DELIVERIES * 2}")
    return found
