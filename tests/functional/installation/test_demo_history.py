"""The demo's own history: no menu page of the console opens empty where data are promised."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, url_for
from sqlalchemy import func, select

from admin.kit.page import all_entries
from admin.kit.security import requirement_of
from portal import background
from portal.access.permissions import ROLES, Role
from portal.app import create_app
from portal.core.services import Services
from portal.demo import history, hospital
from portal.demo.history import paper
from portal.demo.settings import DemoSettings
from portal.domain.states.approval import ApprovalState
from portal.fiscal.stock import POLL_TOPIC
from portal.issuing.bills import approvals
from portal.models import Approval, Bill, PaperBill, StockApplication, StockVoid
from portal.outbox import tasks
from portal.outbox.worker import Worker
from portal.runtime import Runtime
from tests.support import ledger
from tests.support.console import Console
from tests.support.processes.simulators import running_simulators

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOTHING_PROMISED = {"billing.blank_loss", "system.tasks"}
"""Pages that show nothing before a point is chosen at the top of the page, and where nothing has stopped."""


@pytest.fixture
def demo(database_url: str, data_dir: Path, tmp_path: Path) -> Iterator[Flask]:
    """The demo with the bills of three days and outside parties that answer."""
    shutil.copytree(data_dir / "keys", tmp_path / "parties" / "keys")
    with running_simulators(tmp_path / "parties") as parties:
        settings = DemoSettings(data_dir=data_dir, database_url=database_url, port=parties.port - 1)
        app = create_app(settings)
        hospital.bills(app, 3, lambda _: None)
        yield app
        app.extensions["qupiao"].services.database.engine.dispose()


def work(runtime: Runtime) -> None:
    """Let a worker do what stock, batches and messages wait for; bills go to finance elsewhere."""
    handlers = background.handlers(runtime.services, runtime.limits)
    wanted = {topic: work for topic, work in handlers.items() if topic.startswith(("stock.", "batch.", "delivery."))}
    worker = Worker(runtime.services, wanted, threads=1)
    worker.drain()
    with runtime.services.database.write() as connection:  # the turn in which finance is asked what it has decided
        tasks.enqueue(connection, POLL_TOPIC, f"{POLL_TOPIC}:demo", {})
    worker.drain()


def pages(app: Flask) -> dict[str, tuple[str, Role]]:
    """Every menu page: endpoint, address, a role that may open it."""
    found = {}
    with app.test_request_context():
        for entries in all_entries().values():
            for entry in entries:
                requirement = requirement_of(entry.endpoint)
                assert requirement is not None
                wanted = requirement.permissions
                role = next(role for role in Role if not wanted or wanted & ROLES[role])
                found[entry.endpoint] = (url_for(entry.endpoint), role)
    return found


def empty_pages(app: Flask) -> set[str]:
    """The menu pages that show an empty state."""
    people = {role: Console(app, role.value) for role in Role}
    shown = {endpoint: people[role].get(address).text for endpoint, (address, role) in pages(app).items()}
    assert len(shown) > 40
    return {endpoint for endpoint, text in shown.items() if 'class="empty"' in text} - NOTHING_PROMISED


def counts(services: Services) -> tuple[int, int, int]:
    """Bills of the interface, red bills, sheets."""
    with services.database.read() as connection:
        red = select(func.count()).where(Bill.red_of_id.is_not(None))
        blue = select(func.count()).where(Bill.red_of_id.is_(None), Bill.serial.like("YS%"))
        sheets = select(func.count(func.distinct(PaperBill.bill_id)))
        return tuple(connection.scalar(each) or 0 for each in (blue, red, sheets))  # type: ignore[return-value]


def test_no_page_of_the_demo_opens_empty(demo: Flask, tmp_path: Path) -> None:
    runtime: Runtime = demo.extensions["qupiao"]
    assert len(empty_pages(demo)) > 10, "without its history the demo has empty pages"
    assert history.write(runtime, tmp_path / "done") == len(history.PARTS)
    work(runtime)
    assert empty_pages(demo) == set()
    blue, red, sheets = counts(runtime.services)
    assert 1.5 <= 100 * red / blue <= 3
    assert 8 <= 100 * sheets / blue <= 20
    with runtime.services.database.read() as connection:
        states = set(connection.scalars(select(Approval.state)))
        kinds = set(connection.scalars(select(Approval.kind)))
        assert {approvals.LOST_PAPER, "stock.void", "stock.destruction"} <= kinds
        assert {ApprovalState.PENDING, ApprovalState.APPROVED, ApprovalState.REFUSED} <= states
        assert len(set(connection.scalars(select(StockApplication.state)))) >= 3
        assert len(set(connection.scalars(select(StockVoid.state)))) == 3
        ledger.check(connection)


def test_an_interrupted_history_goes_on_and_repeats_nothing(demo: Flask, tmp_path: Path) -> None:
    runtime: Runtime = demo.extensions["qupiao"]
    done = tmp_path / "done"
    done.write_text("stock\noffice\n", encoding="ascii")
    assert history.write(runtime, done) == len(history.PARTS) - 2
    before = counts(runtime.services)
    paper.write(runtime)
    assert counts(runtime.services) == before
    assert history.write(runtime, done) == 0
