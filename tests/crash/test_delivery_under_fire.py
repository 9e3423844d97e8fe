"""Deliveries over every channel against providers that fail three times in ten, while workers are killed.

Every message has one effect or a named final state; nobody gets another's; tokens are fetched once an expiry; the
database's connections stay few. Short form: 70 deliveries and one kill; under QUPIAO_SOAK 10,000 and a thousand.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from portal.access import parameters
from portal.app import create_app
from portal.core.services import Services
from portal.delivery import bindings
from portal.delivery.bindings import Subject
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.demo.accounts import DEMO_MINI, DEMO_TEMPLATES, DEMO_WECHAT
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.domain.states.delivery import AttemptState, Purpose, Step
from portal.models.tables import BILL, DELIVERY_ATTEMPT
from tests.support.his import His, outpatient
from tests.support.length import SOAK, SQLITE_FIRST
from tests.support.platforms import connected
from tests.support.processes.delivery_worker import start
from tests.support.processes.services import wait_for
from tests.support.processes.simulators import Simulators, running_simulators

DELIVERIES = 10_000 if SOAK else 70
KILLS = 1_000 if SOAK else 1
WORKERS = 8 if SOAK else 2
STORMS = 10
"""All tokens are void at once after every so many kills."""
PATIENCE = 3600 if SOAK else 300
SCALE = 0.07
BILLS = DELIVERIES // 30
SOME = {"probability": 0.06}
"""Each fault strikes six messages in a hundred; five of them on each channel."""
SLOW = SOME | {"value": 11_000 if SOAK else 5_000}
"""Longer than we wait: the call is over, the answer comes to nobody."""
TIMEOUT = 4.0
"""Seconds that a worker waits for a provider, where that can be set."""
FINAL = {state.value for state in AttemptState if not state.active}
CHANNELS = ("mail", "sms", "wechat", "wechat-sub", "mini", "alipay", "app")
FAULTS = {
    "sms": ("down", "answer_lost", "half_answer", "twice"),
    "mail": ("busy", "answer_lost", "half_answer", "twice"),
    "wechat": ("busy", "down", "answer_lost", "half_answer"),
    "alipay": ("down", "error_response", "answer_lost", "half_answer"),
    "push": ("down", "answer_lost", "half_answer", "twice"),
}
"""By simulator. One that knows none of our numbers gets no repeats of its own making: those are not our doing."""
SUBSCRIPTIONS = {
    "wechat-sub": ("wechat", DEMO_WECHAT.appid, DEMO_TEMPLATES["wechat_subscription"]),
    "mini": ("mini", DEMO_MINI.appid, DEMO_TEMPLATES["mini_subscription"]),
}
ARRIVED = {
    "mail": ("mail", "to"),
    "sms": ("sms", "phone"),
    "wechat": ("wechat", "openid"),
    "wechat-sub": ("wechat", "openid"),
    "mini": ("wechat", "openid"),
    "alipay": ("alipay", "user"),
    "app": ("push", "patient_id"),
}
"""Where a channel's messages are read, and what names the person there."""
log = logging.getLogger("fire")


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[Simulators]:
    """Providers in a bad way, and the people that they know."""
    with running_simulators(tmp_path / "simulators") as started:
        for service, names in FAULTS.items():
            started.faults(service, slow=SLOW, **dict.fromkeys(names, SOME))
        people = [{"openid": one, "appid": DEMO_WECHAT.appid, "follows": 1} for one in addresses("wechat")]
        for channel, (_, appid, template) in SUBSCRIPTIONS.items():
            people += [{"openid": one, "appid": appid, "permissions": {template: 2}} for one in addresses(channel)]
        started.post("/wechat/people", people)
        started.post("/alipay/people", [{"user": person("alipay", one)} for one in addresses("alipay")])
        yield started


@pytest.fixture
def app(database_url: str, data_dir: Path, simulators: Simulators) -> Iterator[Flask]:
    """The platform, with nobody at work yet."""
    settings = DemoSettings(
        data_dir=data_dir,
        database_url=database_url,
        sms_url=simulators.url("/sms/send"),
        push_url=simulators.url("/push/events"),
        smtp_host=f"127.0.0.1:{simulators.get('/mail/port')}",
        smtp_tls="none",
    )
    made = create_app(connected(settings, simulators))
    his = His(made)
    for number in range(BILLS):
        assert his.call("invoiceEBillOutpatient", outpatient(f"FIRE{number:05d}")).ok
    yield made
    made.extensions["qupiao"].services.database.engine.dispose()


@pytest.fixture
def services(app: Flask) -> Services:
    """Its services."""
    services: Services = app.extensions["qupiao"].services
    return services


def queue(services: Services) -> None:
    """One delivery for each address; who has to allow messages has allowed two."""
    with services.database.write() as connection:
        parameters.change(connection, "delivery.mail-form", "link", Actor("staff:test", "", 1))
        bills = connection.scalars(select(BILL.c.id).order_by(BILL.c.serial)).all()
        for number in range(DELIVERIES):
            step = (Step(CHANNELS[number % len(CHANNELS)]),)
            wanted = Wanted(1, "bill", bills[number % BILLS], Purpose.REQUESTED, step, "test", address(number))
            open_delivery(services, connection, wanted)
        for channel, (platform, appid, template) in SUBSCRIPTIONS.items():
            for one in addresses(channel):
                bindings.allow_on(services, connection, Subject(platform, appid, "openid", one), template, 2)


def address(number: int) -> str:
    """Everybody has one of their own."""
    openid = f"oFIRE-follower-{number:08d}"
    made = {
        "mail": f"m{number}@example.com",
        "sms": f"100{number:08d}",
        "alipay": f"open_id:2088FIRE{number:08d}",
        "app": f"P{number:08d}",
    }
    return made.get(CHANNELS[number % len(CHANNELS)], openid)


def addresses(channel: str) -> list[str]:
    """Everybody's of a channel."""
    return [address(number) for number in range(CHANNELS.index(channel), DELIVERIES, len(CHANNELS))]


def person(channel: str, address: str) -> str:
    """How the provider calls who is behind an address."""
    return address.removeprefix("open_id:") if channel == "alipay" else address


def ended(services: Services) -> int:
    """How many messages are out or have come to another end (a receipt may still follow)."""
    with services.database.read() as connection:
        return int(connection.scalar(select(func.count()).where(DELIVERY_ATTEMPT.c.state.in_(FINAL))) or 0)


def connections(services: Services) -> int:
    """How many connections the workers are using at PostgreSQL now; those resting in a pool are nobody's."""
    if services.database.dialect == "sqlite":
        return 0
    with services.database.read() as connection:
        used = "application_name = 'delivery-worker' AND state <> 'idle'"
        counted = text(f"SELECT count(*) FROM pg_stat_activity WHERE {used}")
        return int(connection.execute(counted).scalar_one())


@pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
def test_every_message_has_one_effect_or_a_named_end(services: Services, simulators: Simulators) -> None:
    queue(services)
    workers, held, expiries = [start(services, CHANNELS, SCALE, TIMEOUT) for _ in range(WORKERS)], 0, 0
    try:
        for number in range(KILLS):
            goal = DELIVERIES * (number + 1) // (KILLS + 2)
            wait_for(lambda goal=goal: ended(services) >= goal, PATIENCE, f"{goal} deliveries")  # type: ignore[misc]
            held = max(held, connections(services))
            workers.pop(0).kill()
            workers.append(start(services, CHANNELS, SCALE, TIMEOUT))
            if number % STORMS == 0:
                simulators.post("/wechat/state", {"revoke": True})
                expiries += 1
        wait_for(lambda: ended(services) == DELIVERIES, PATIENCE, "every delivery's end")
    finally:
        for worker in workers:
            worker.kill()
    # Two accounts. A worker that is killed before it has written a token down leaves the fetch to the next.
    fetched = simulators.get("/wechat/calls")["cgi-bin/stable_token ok"]
    log.info("kills %d, expiries %d, tokens fetched %d, connections %d", KILLS, expiries, fetched, held)
    check_ends(services, simulators)
    assert held <= WORKERS * 5, "of 22 threads a worker: none is held while a provider is spoken to"
    assert fetched <= len(("service", "mini")) * (expiries + 1) + KILLS // 100, (fetched, expiries)


def check_ends(services: Services, simulators: Simulators) -> None:
    """What the ledger says and what arrived, message by message."""
    with services.database.read() as connection:
        rows = connection.execute(
            select(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.state, DELIVERY_ATTEMPT.c.blind)
        ).all()
    states = {channel: Counter(row.state for row in rows if row.channel == channel) for channel in CHANNELS}
    arrived = {channel: arrivals(simulators, channel) for channel in CHANNELS}
    for channel, people in arrived.items():
        log.info("%s: %s, arrived %d, most %d", channel, dict(states[channel]), people.total(), max(people.values()))
    assert len(rows) == DELIVERIES and {row.state for row in rows} <= FINAL
    assert max(row.blind for row in rows) <= 1
    for channel, people in arrived.items():
        ends, wanted = states[channel], {person(channel, one) for one in addresses(channel)}
        assert set(people) <= wanted, f"{channel}: nobody else got anything"
        assert max(people.values()) == 1, f"{channel}: nobody got anything twice"
        assert ends["accepted"] + ends["dead"] + ends["uncertain"] == len(wanted), (channel, ends)
        assert ends["accepted"] <= people.total() <= ends["accepted"] + ends["dead"] + ends["uncertain"]
        assert ends["dead"] < len(wanted) * 0.1, (channel, ends)


def arrivals(simulators: Simulators, channel: str) -> Counter[str]:
    """How many messages everybody has got over a channel. The three of WeChat share a list; an openid is of one."""
    service, name = ARRIVED[channel]
    found = simulators.get(f"/{service}/messages?most={DELIVERIES * 2}")
    kinds = {"wechat": "template", "wechat-sub": "subscription", "mini": "mini"}
    return Counter(one[name] for one in found if service != "wechat" or one["kind"] == kinds[channel])


@pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
def test_nobody_waits_for_a_provider_that_hangs(app: Flask, services: Services, simulators: Simulators) -> None:
    """All providers answer after 30 seconds: bills are issued meanwhile, no connection is held for them."""
    for service in FAULTS:
        simulators.faults(service, slow={"value": 30_000, "probability": 1})
    queue(services)
    worker = start(services, CHANNELS, 1.0, 25.0)

    def sending() -> set[str]:
        with services.database.read() as connection:
            wanted = select(DELIVERY_ATTEMPT.c.channel).where(DELIVERY_ATTEMPT.c.state == AttemptState.SENDING.value)
            return set(connection.scalars(wanted))

    try:
        wait_for(lambda: sending() == set(CHANNELS), 60, "all channels to hang")
        his = His(app)
        assert all(his.call("invoiceEBillOutpatient", outpatient(f"HANG{number}")).ok for number in range(20))
        wait_for(lambda: connections(services) <= 5, 20, "the rest to be booked: then no connection is held")
        assert sending() == set(CHANNELS)
        assert ended(services) == 0
    finally:
        worker.kill()
