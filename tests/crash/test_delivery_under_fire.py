"""Deliveries against providers that fail three times in ten, while workers are killed (R3, R7).

Every message has one effect or a named final state; nobody gets another's; tokens are fetched once an expiry; the
database's connections stay few. Short form: 60 deliveries and one kill; under QUPIAO_SOAK 10,000 and a thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from portal.access import parameters
from portal.app import create_app
from portal.core.platforms import DEMO_WECHAT
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.ledger import ATTEMPT, Wanted, open_delivery
from portal.domain.actor import Actor
from portal.domain.delivery import AttemptState, Purpose, Step
from portal.issuing.queries import BILL
from tests.conftest import SOAK
from tests.delivery_worker import work
from tests.his import His, outpatient
from tests.services import wait_for
from tests.simulators import PROCESSES, Simulators, running_simulators

DELIVERIES = 10_000 if SOAK else 60
KILLS = 1_000 if SOAK else 1
WORKERS = 4 if SOAK else 2
PATIENCE = 3600 if SOAK else 150
SCALE = 0.02
BILLS = DELIVERIES // 30
SOME = {"probability": 0.1}
"""Each fault strikes one message in ten; three of them on each channel."""
FINAL = {state.value for state in AttemptState if not state.active}
CHANNELS = ("mail", "sms", "wechat")


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[Simulators]:
    """Providers in a bad way."""
    with running_simulators(tmp_path / "simulators") as started:
        started.faults("sms", down=SOME, answer_lost=SOME, half_answer=SOME)
        started.faults("mail", busy=SOME, answer_lost=SOME, half_answer=SOME)
        started.faults("wechat", busy=SOME, answer_lost=SOME, half_answer=SOME)
        for number in range(2, DELIVERIES, len(CHANNELS)):
            person = {"openid": address(number), "appid": DEMO_WECHAT.appid, "follows": 1}
            started.post("/wechat/people", person)
        yield started


@pytest.fixture
def app(database_url: str, data_dir: Path, simulators: Simulators) -> Iterator[Flask]:
    """The platform, with nobody at work yet."""
    made = create_app(
        Settings(
            demo=True,
            data_dir=data_dir,
            database_url=database_url,
            sms_url=simulators.url("/sms/send"),
            wechat_url=simulators.url("/wechat"),
            smtp_host=f"127.0.0.1:{simulators.get('/mail/port')}",
            smtp_tls="none",
        )
    )
    his = His(made)
    for number in range(BILLS):
        assert his.call("invoiceEBillOutpatient", outpatient(f"FIRE{number:05d}")).ok
    yield made
    made.extensions["qupiao"].database.engine.dispose()


@pytest.fixture
def services(app: Flask) -> Services:
    """Its services."""
    services: Services = app.extensions["qupiao"]
    return services


def queue(services: Services) -> None:
    """One delivery for each address."""
    with services.database.write() as connection:
        parameters.change(connection, "delivery.mail-form", "link", Actor("staff:test", "", 1))
        bills = connection.scalars(select(BILL.c.id).order_by(BILL.c.serial)).all()
        for number in range(DELIVERIES):
            step = (Step(CHANNELS[number % len(CHANNELS)]),)
            wanted = Wanted(1, "bill", bills[number % BILLS], Purpose.REQUESTED, step, "test", address(number))
            open_delivery(services, connection, wanted)


def address(number: int) -> str:
    """Everybody has one of their own."""
    return (f"m{number}@example.com", f"100{number:08d}", f"oFIRE-follower-{number:08d}")[number % len(CHANNELS)]


def start(services: Services) -> ForkServerProcess:
    """One worker process."""
    settings = services.settings
    environment = {
        "QUPIAO_DEMO": "1",
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "QUPIAO_SMS_URL": settings.sms_url,
        "QUPIAO_WECHAT_URL": settings.wechat_url,
        "QUPIAO_SMTP_HOST": settings.smtp_host,
        "QUPIAO_SMTP_TLS": "none",
        "PGAPPNAME": "delivery-worker",
    }
    process = PROCESSES.Process(target=work, args=(environment, CHANNELS, SCALE), daemon=True)
    process.start()
    return process


def kill(worker: ForkServerProcess) -> None:
    """``kill -9``."""
    worker.kill()
    worker.join(10)
    worker.close()


def ended(services: Services) -> int:
    """How many messages are out or have come to another end (a receipt may still follow)."""
    with services.database.read() as connection:
        return int(connection.scalar(select(func.count()).where(ATTEMPT.c.state.in_(FINAL))) or 0)


def connections(services: Services) -> int:
    """How many connections the workers are using at PostgreSQL now; those resting in a pool are nobody's."""
    if services.database.dialect == "sqlite":
        return 0
    with services.database.read() as connection:
        used = "application_name = 'delivery-worker' AND state <> 'idle'"
        counted = text(f"SELECT count(*) FROM pg_stat_activity WHERE {used}")
        return int(connection.execute(counted).scalar_one())


def test_every_message_has_one_effect_or_a_named_end(services: Services, simulators: Simulators) -> None:
    queue(services)
    workers, held, expiries = [start(services) for _ in range(WORKERS)], 0, 0
    try:
        for number in range(KILLS):
            goal = DELIVERIES * (number + 1) // (KILLS + 2)
            wait_for(lambda goal=goal: ended(services) >= goal, PATIENCE, f"{goal} deliveries")  # type: ignore[misc]
            held = max(held, connections(services))
            kill(workers.pop(0))
            workers.append(start(services))
            if number % 50 == 0:
                simulators.post("/wechat/state", {"revoke": True})
                expiries += 1
        wait_for(lambda: ended(services) == DELIVERIES, PATIENCE, "every delivery's end")
    finally:
        for worker in workers:
            kill(worker)
    assert held <= WORKERS * 5, "of nine threads a worker: none is held while a provider is spoken to"
    check_ends(services, simulators)
    # Three fetches in ten fail and are tried again; a worker killed in one leaves it to the next.
    fetched = simulators.get("/wechat/calls")["cgi-bin/stable_token"]
    assert fetched <= 3 * (expiries + 1) + KILLS // 10, (fetched, expiries)


def check_ends(services: Services, simulators: Simulators) -> None:
    """What the ledger says and what arrived, message by message."""
    with services.database.read() as connection:
        rows = connection.execute(select(ATTEMPT.c.channel, ATTEMPT.c.state, ATTEMPT.c.blind)).all()
    assert len(rows) == DELIVERIES and {row.state for row in rows} <= FINAL
    assert max(row.blind for row in rows) <= 1
    states = Counter((row.channel, row.state) for row in rows)
    arrived = {
        "mail": Counter(one["to"] for one in messages(simulators, "mail")),
        "sms": Counter(one["phone"] for one in messages(simulators, "sms")),
        "wechat": Counter(one["openid"] for one in messages(simulators, "wechat")),
    }
    everybody = {address(number) for number in range(DELIVERIES)}
    for channel, people in arrived.items():
        wanted = len(range(CHANNELS.index(channel), DELIVERIES, len(CHANNELS)))
        accepted = states[channel, "accepted"]
        assert set(people) <= everybody, f"{channel}: nobody else got anything"
        assert max(people.values()) == 1, f"{channel}: nobody got anything twice"
        assert accepted <= sum(people.values()) <= accepted + states[channel, "dead"] + states[channel, "uncertain"]
        assert sum(count for (name, _), count in states.items() if name == channel) == wanted
        assert accepted + states[channel, "uncertain"] > wanted * 0.9, states


def messages(simulators: Simulators, service: str) -> list[dict[str, str]]:
    """Everything a simulator has taken."""
    found: list[dict[str, str]] = simulators.get(f"/{service}/messages?most={DELIVERIES * 2}")
    return found


def test_nobody_waits_for_a_provider_that_hangs(app: Flask, services: Services, simulators: Simulators) -> None:
    """All providers answer after 30 seconds: bills are issued meanwhile, no connection is held for them (R7)."""
    hang = {"slow": {"value": 30_000, "probability": 1}}
    for service in ("sms", "mail", "wechat"):
        simulators.faults(service, **hang)
    queue(services)
    worker = start(services)

    def sending() -> set[str]:
        with services.database.read() as connection:
            wanted = select(ATTEMPT.c.channel).where(ATTEMPT.c.state == AttemptState.SENDING.value)
            return set(connection.scalars(wanted))

    try:
        wait_for(lambda: sending() == set(CHANNELS), 60, "all three channels to hang")
        his = His(app)
        assert all(his.call("invoiceEBillOutpatient", outpatient(f"HANG{number}")).ok for number in range(20))
        assert connections(services) <= 5
        assert sending() == set(CHANNELS)
        assert ended(services) == 0
    finally:
        kill(worker)
