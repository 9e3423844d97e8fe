"""One link to finance per process: what bills learn of an outage spares stock tasks; adapters; the merged log."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from portal.core.breaker import Breaker
from portal.core.clock import now
from portal.core.crypto.cms import FileSigner
from portal.core.settings import Settings
from portal.demo.keys import ensure_demo_keys
from portal.domain.states.bills import BillState
from portal.fiscal import stock
from portal.fiscal.jobs import STOCK_HANDLERS, run, upload_bill
from portal.models.schema import config
from portal.models.tables import BILL, FINANCE_MESSAGE
from portal.outbox.tasks import Done, Retry, Task
from portal.providers import calls
from portal.providers.finance import message_log
from portal.providers.finance.adapter import FinanceAccount, adapter_of
from portal.providers.finance.client import FinanceClient
from portal.providers.finance.link import FinanceLink, link_of
from portal.providers.finance.message_log import LogEntry
from portal.rendering import xml
from tests.support.finance import World

POLL = Task(1, stock.POLL_TOPIC, "poll", {}, 1, now())


def test_an_outage_that_bills_have_noticed_costs_stock_tasks_no_time(world: World) -> None:
    """Both go over the link of the process, so its breaker stops the stock task before anything is sent."""
    world.issue()
    world.finance.faults("finance", down=True)
    for _ in range(5):
        assert isinstance(upload_bill(world.services, world.task()), Retry)
    assert [row.outcome for row in world.rows(FINANCE_MESSAGE)] == ["failed"] * 5
    paused = STOCK_HANDLERS[stock.POLL_TOPIC](world.services, POLL)
    assert isinstance(paused, Retry) and paused.reason == "财政系统连续无应答，暂停联系" and paused.after
    assert len(world.rows(FINANCE_MESSAGE)) == 5, "nothing was sent"
    apart = run(stock.poll, FinanceLink(world.finance.client()), world.services, POLL)
    assert isinstance(apart, Retry) and "503" in apart.reason, "a link that knows nothing asks and fails"
    assert len(world.rows(FINANCE_MESSAGE)) == 6


def test_a_process_has_one_link_for_an_account(world: World) -> None:
    settings = world.services.settings
    first: list[FinanceLink | None] = []
    threads = [threading.Thread(target=lambda: first.append(link_of(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(first)) == 1 and first[0] is not None
    assert link_of(settings.model_copy(update={"finance_app_id": "ANOTHER0000001"})) is not first[0]
    assert link_of(Settings(finance_url="")) is None


class Recorder:
    """Keeps what is logged; the real loggers are cached by then."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **values: object) -> None:
        """Keep a line."""
        self.lines.append((event, values))

    error = info


def test_every_call_leaves_one_line_without_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr(calls, "_log", recorder)
    world.issue()
    world.work()
    world.finance.faults("finance", busy=True)
    link = FinanceLink(world.finance.client(), Breaker(most=1))
    assert isinstance(run(stock.poll, link, world.services, POLL), Retry)
    assert all(isinstance(values.pop("ms"), int) for event, values in recorder.lines if event == "provider.call")
    assert recorder.lines == [
        ("provider.call", {"party": "finance", "method": "9301", "outcome": "0000"}),
        ("provider.call", {"party": "finance", "method": "9203", "outcome": "5001"}),
        ("provider.away", {"party": "finance", "outcome": "5001"}),
    ]


# --- a second finance system ---

ADAPTER = '''
"""An invented province: JSON, a key in a header, no numbers but words."""

import base64
import json
from datetime import datetime

from portal.providers.finance.messages import NoAnswer, Reply, SupervisionGiven, Upload


class JsonProvince:
    def __init__(self, app_id, app_key):
        self.app_id, self.app_key = app_id, app_key

    def number(self, message):
        return {"Upload": "upload"}.get(type(message).__name__, "other")

    def build(self, message, message_id):
        told = {"id": message_id, "kind": self.number(message)}
        if isinstance(message, Upload):
            told["document"] = base64.b64encode(message.document).decode()
        return json.dumps(told).encode(), {"X-Key": self.app_key}

    def read(self, message, message_id, body, headers):
        told = json.loads(body)
        if told["id"] != message_id:
            raise NoAnswer("应答不是对本报文的应答")
        time = datetime.fromisoformat(told["time"])
        return Reply("0000", "", SupervisionGiven(base64.b64decode(told["element"]), told["seal"], time))
'''


class _Province(BaseHTTPRequestHandler):
    """Supervises whatever it is sent, in its own form."""

    signer: FileSigner
    keys: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        """Sign the unit's signed bytes, as finance does."""
        self.keys.append(self.headers["X-Key"])
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = xml.split(b64decode(asked["document"]))
        at = now().replace(microsecond=0)
        signature = self.signer.sign(xml.supervised_bytes(parts.signed, parts.unit_element))
        element = xml.supervisor_signature_element("SM3withSM2", at, self.signer.serial_hex, signature)
        seal = xml.read(parts.signed).supervisor_seal
        told = {"id": asked["id"], "element": b64encode(element).decode(), "time": at.isoformat()}
        answer = json.dumps(told | {"seal": {"SealId": seal.id if seal else ""}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def province(signer: FileSigner) -> Iterator[str]:
    """Run the invented province; its address."""
    _Province.signer = signer
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Province)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_second_finance_system_is_one_file_and_a_setting(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "json_province.py").write_text(ADAPTER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_Province, "keys", [])
    [bill_id] = world.issue()
    keys = ensure_demo_keys(world.services.settings.data_dir)
    signer = FileSigner.load(keys.finance_key, keys.finance_certificate)
    with province(signer) as url:
        more = {"finance_url": url, "finance_adapter": "json_province:JsonProvince"}
        settings = world.services.settings.model_copy(update=more)
        assert upload_bill(replace(world.services, settings=settings), world.task()) == Done()
    assert _Province.keys == [settings.finance_app_key]
    assert world.states() == {BillState.SUPERVISED}
    [logged] = world.rows(FINANCE_MESSAGE)
    assert (logged.bill_id, logged.message_no, logged.outcome) == (bill_id, "upload", "supervised")


@pytest.mark.parametrize("name", ["", "nowhere", "nowhere:Adapter", "json:Nothing"])
def test_an_adapter_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="QUPIAO_FINANCE_ADAPTER"):
        adapter_of(FinanceAccount("http://127.0.0.1:1/", "A", "B", adapter=name))


# --- the log ---


def test_a_message_about_no_bill_is_not_counted(world: World) -> None:
    database = world.services.database
    client = FinanceClient(FinanceAccount("http://127.0.0.1:1/", "A", "B"))
    for _ in range(2):
        message_log.begin(database, LogEntry("9203", "since:1"), client.new_message_id)
    assert [(row.bill_id, row.attempt, row.subject) for row in world.rows(FINANCE_MESSAGE)] == [
        (None, 0, "since:1")
    ] * 2


def test_both_old_logs_are_carried_over_and_back(world: World) -> None:
    """Their rows keep what they say; an id that both used in one millisecond stays unique and readable."""
    [bill_id] = world.issue()
    bill = world.rows(BILL)[0]
    url = world.services.settings.database
    world.services.database.engine.dispose()
    command.downgrade(config(url), "0025")
    engine = create_engine(url)
    at = datetime(2026, 11, 1, 8)
    shared: Mapping[str, Any] = {"at": at, "reason": "原因"}
    with engine.begin() as connection:
        columns = "message_no, message_id, sent_at, answered_at, outcome, result_code, reason"
        for row, number, message_id, attempt, outcome in (
            (1, "9301", "20261101080000001", 1, "failed"),
            (2, "9301", "20261101080000002", 2, "duplicate"),
        ):
            connection.execute(
                text(
                    f"INSERT INTO fiscal_exchange (id, bill_id, attempt, {columns}) VALUES"
                    " (:id, :bill, :attempt, :number, :message, :at, :at, :outcome, '4001', :reason)"
                ),
                {**shared, "id": row, "bill": bill_id, "attempt": attempt, "number": number, "message": message_id}
                | {"outcome": outcome},
            )
        for row, subject, message_id in ((3, "SLX1", "20261101080000002"), (4, "since:1", "20261101080000003")):
            connection.execute(
                text(
                    f"INSERT INTO stock_exchange (id, subject, {columns}) VALUES"
                    " (:id, :subject, '9201', :message, :at, NULL, 'accepted', '0000', '')"
                ),
                {"id": row, "subject": subject, "message": message_id, "at": at},
            )
    command.upgrade(config(url), "head")
    number = f"{bill.bill_code}{bill.number:010d}"
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT id, bill_id, subject, message_no, message_id, attempt, outcome, result_code, reason"
                " FROM finance_message ORDER BY id"
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        (1, bill_id, number, "9301", "20261101080000001", 1, "failed", "4001", "原因"),
        (2, bill_id, number, "9301", "20261101080000002", 2, "duplicate", "4001", "原因"),
        (3, None, "SLX1", "9201", "20261101080000002-2", 0, "accepted", "0000", ""),
        (4, None, "since:1", "9201", "20261101080000003", 0, "accepted", "0000", ""),
    ]
    command.downgrade(config(url), "0025")
    with engine.connect() as connection:
        bills = connection.execute(text("SELECT id, bill_id, message_id, attempt FROM fiscal_exchange ORDER BY id"))
        assert [tuple(row) for row in bills] == [
            (1, bill_id, "20261101080000001", 1),
            (2, bill_id, "20261101080000002", 2),
        ]
        others = connection.execute(text("SELECT id, subject, message_id FROM stock_exchange ORDER BY id"))
        assert [tuple(row) for row in others] == [
            (3, "SLX1", "20261101080000002"),
            (4, "since:1", "20261101080000003"),
        ]
    engine.dispose()
