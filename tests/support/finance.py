"""A hospital on one database and its finance office, a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Table, select, update

from portal.core.breaker import Breaker
from portal.core.clock import now
from portal.core.services import Services
from portal.fiscal.bills import POLLS, TOPIC, Rules, supervise
from portal.fiscal.jobs import Handler, run
from portal.fiscal.supervision import Trust
from portal.models.tables import BILL, OUTBOX_TASK
from portal.outbox.tasks import Task
from portal.outbox.worker import Worker
from portal.providers.finance.link import FinanceLink
from tests.support.his import His, outpatient
from tests.support.processes.simulators import Simulators


@dataclass(frozen=True)
class World:
    """A platform on one database, and its finance."""

    services: Services
    his: His
    finance: Simulators

    def issue(self, count: int = 1) -> list[int]:
        """Issue bills through the HIS interface; their ids."""
        for number in range(count):
            assert self.his.call("invoiceEBillOutpatient", outpatient(f"EX{number:04d}")).ok
        return [row.id for row in self.rows(BILL)]

    def exchange(
        self, polls: tuple[float, ...] = POLLS, breaker: Breaker | None = None, timeout: float = 5.0
    ) -> Handler:
        """A handler of uploads over a link of its own, whose breaker is quick."""
        link = FinanceLink(self.finance.client(timeout=timeout), breaker or Breaker(pause=0.0))
        rules = Rules(Trust.load(self.services.settings.data_dir / "keys"), polls)
        return partial(run, partial(supervise, rules=rules), link)

    def work(self, exchange: Handler | None = None, threads: int = 4) -> None:
        """Let all time-outs and leases pass, and a worker do all that is due then."""
        with self.services.database.write() as connection:
            connection.execute(update(OUTBOX_TASK).where(OUTBOX_TASK.c.state == "pending").values(due_at=now()))
        Worker(self.services, {TOPIC: exchange or self.exchange()}, threads=threads).drain()

    def rows(self, table: Table, **where: Any) -> list[Any]:
        """Rows of a table in the order of their ids."""
        conditions = [table.c[name] == value for name, value in where.items()]
        with self.services.database.read() as connection:
            return list(connection.execute(select(table).where(*conditions).order_by(*table.primary_key)))

    def states(self) -> set[str]:
        """The states that bills are in."""
        return {row.state for row in self.rows(BILL)}

    def effects(self) -> list[int]:
        """How often finance supervised each bill that it has."""
        return [row["effects"] for row in self.finance.get("/finance/bills.json")]

    def task(self) -> Task:
        """The first upload task as a worker gets it."""
        row = self.rows(OUTBOX_TASK, topic=TOPIC)[0]
        return Task(row.id, row.topic, row.key, row.payload, 1, row.created_at)
