"""批量导入: a checked file of bills, issued in the background by the one issuing service.

The serial of each bill is the file's own, under the console's account. So a batch that is stopped anywhere and started
again, a file that is sent twice, two workers at one batch: every good row is one bill.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from portal import audit
from portal.access import parameters
from portal.access.his import accounts
from portal.access.his.accounts import HisAccount
from portal.access.parameters import Parameter
from portal.core.clock import business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.settlement import Settlement
from portal.domain.errors import Refusal
from portal.domain.money import commas
from portal.issuing.bills.issue import IssuingService
from portal.issuing.manual import batch_file, catalogue
from portal.issuing.manual.batch_file import Found, Group
from portal.issuing.manual.drafts import elsewhere
from portal.issuing.manual.entry import Context, check
from portal.models.tables import BATCH, BATCH_BILL
from portal.outbox import tasks
from portal.outbox.topics import topic

MOST = "batch.most-fen"
parameters.declare(
    Parameter(
        MOST,
        "手工开票",
        "批量开票的单张限额",
        "批量文件中一张票据达到这一金额不开具，须在手工开票中单张核对",
        "money",
        5_000_000,
        least=1,
        guard="up",
    )
)

TOPIC = topic("batch.issue")
KEEP = timedelta(days=7)
"""How long the rows of a batch that is over (or was never started) are kept."""

SLICE_SECONDS = 5.0
"""How long one task of the outbox issues before it makes room for others and comes again."""

_GROUP = 20
"""Bills between two notes of the progress."""

STOPS = frozenset({"STOCK_EXHAUSTED", "YEAR_CODE_MISSING", "POINT_UNKNOWN", "KIND_MISSING"})
"""Refusals that every further bill would meet: the batch pauses until somebody has seen to it."""

STATES = {
    "checked": "已校验，待开具",
    "running": "正在开具",
    "paused": "已暂停",
    "done": "已完成",
    "cancelled": "已取消",
    "discarded": "已放弃",
}
ROW_STATES = {"bad": "校验未通过", "ready": "待开具", "issued": "已开具", "failed": "开具失败", "cancelled": "已取消"}


@dataclass(frozen=True, slots=True)
class Report:
    """A batch with its counts by state of row; ``good_fen`` is the sum of what passed the check."""

    id: int
    name: str
    state: str
    reason: str
    point_code: str
    cashier: str
    checker: str
    rows: int
    counts: Mapping[str, int]
    good_fen: int
    issued_fen: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    purged: bool
    columns: list[str]

    @property
    def bills(self) -> int:
        """Bills of the file, good and bad."""
        return sum(self.counts.values())

    @property
    def good(self) -> int:
        """Bills that passed the check."""
        return self.bills - self.counts.get("bad", 0)

    @property
    def done(self) -> int:
        """Good bills that are settled, one way or the other."""
        return self.good - self.counts.get("ready", 0)


@dataclass(frozen=True, slots=True)
class BadBill:
    """A bill of the report that was not or cannot be issued. ``rows``: its numbers in the file."""

    place: int
    serial: str
    state: str
    numbers: list[int]
    problems: list[Found]


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every bill of a batch."""

    account: HisAccount
    context: Context
    point_code: str
    checker: str
    most_fen: int = 5_000_000


class BatchService:
    """Batches of one process. Bounded to the actor's unit; who may do it is for the edges to say."""

    def __init__(self, services: Services, desk: IssuingService) -> None:
        self.services = services
        self.desk = desk

    def receive(self, actor: Actor, name: str, data: bytes, point_code: str, checker: str) -> int:
        """Check a file and keep it as a batch; returns the batch's id. Nothing is issued yet.

        Raises FILE_REFUSED, ENTRY_INVALID (point or checker), KIND_MISSING.
        """
        file = batch_file.read(data)
        checker = checker.strip()
        if point_code not in self.desk.references.get(actor.unit_id).points or not 0 < len(checker) <= 50:
            raise Refusal("ENTRY_INVALID", problems="请选择开票点并填写复核人（最多 50 个字）")
        batch_id, moment = new_id(), now()
        terms = self._terms(actor.unit_id, point_code, actor.name, checker, moment)
        others = self._elsewhere(terms.account, [group.serial for group in file.groups if group.serial])
        rows = []
        for place, group in enumerate(file.groups, 1):
            settlement, total = judge(group, terms)
            if group.serial in others:
                reason = f"已由接口开具票据 {others[group.serial]}"
                group.problems.append(Found(group.numbers[0], "业务流水号", reason, "请核对是否重复开票"))
            good = settlement is not None and not group.problems
            rows.append(self._row(batch_id, place, group, "ready" if good else "bad", total))
        bad = sum(row["state"] == "bad" for row in rows)
        with self.services.database.write() as connection:
            connection.execute(
                insert(BATCH),
                {
                    "id": batch_id,
                    "unit_id": actor.unit_id,
                    "owner": actor.label,
                    "point_code": point_code,
                    "cashier": actor.name,
                    "checker": checker,
                    "name": self.services.cipher.encrypt("batch.name", batch_id, name[-100:] or "未命名"),
                    "digest": self.services.index.digest("batch.file", data),
                    "columns": [column.title for column in batch_file.COLUMNS] + file.ignored,
                    "rows": file.rows,
                    "state": "checked",
                    "reason": f"表头中有不认识的列，已忽略：{'、'.join(file.ignored)}"[:500] if file.ignored else "",
                    "created_at": moment,
                    "started_by": "",
                    "runs": 0,
                },
            )
            connection.execute(insert(BATCH_BILL), rows)
            details = {"rows": file.rows, "bills": len(rows), "bad": bad}
            audit.record(connection, actor, "batch.checked", ("batch", batch_id), details)
        return batch_id

    def reports(self, actor: Actor, most: int = 50) -> list[Report]:
        """Return the unit's batches, newest first."""
        statement = select(BATCH).where(BATCH.c.unit_id == actor.unit_id).order_by(BATCH.c.created_at.desc())
        with self.services.database.read() as connection:
            return [self._report(connection, row) for row in connection.execute(statement.limit(most)).all()]

    def report(self, actor: Actor, batch_id: int) -> Report:
        """One batch. Raises BATCH_UNKNOWN."""
        with self.services.database.read() as connection:
            return self._report(connection, _mine(connection, actor, batch_id))

    def bad(self, actor: Actor, batch_id: int, most: int = 100, after: int = 0) -> list[BadBill]:
        """Return the bills that cannot be or were not issued, in the order of the file. Raises BATCH_UNKNOWN,
        BATCH_PURGED.

        ``after``: the place of the last one already shown.
        """
        return [
            BadBill(row.place, row.serial, row.state, group.numbers, group.problems)
            for row, group in self._opened(actor, batch_id, ("bad", "failed", "cancelled"), most, after)
        ]

    def failures(self, actor: Actor, batch_id: int) -> list[list[str]]:
        """Return the rows of the failure file: every cell of the file and 结果, 错误字段, 原因, 建议; audited.

        Raises BATCH_UNKNOWN, BATCH_PURGED.
        """
        found = []
        for row, group in self._opened(actor, batch_id, ("bad", "failed", "cancelled"), batch_file.MOST_BILLS, 0):
            for number, texts in zip(group.numbers, group.rows, strict=True):
                mine = [item for item in group.problems if item.row in (number, 0)]
                told = [ROW_STATES[row.state], *(_joined(mine, part) for part in ("title", "reason", "remedy"))]
                if not mine and group.problems:
                    told = [ROW_STATES[row.state], "", "同一票据的其他行有错误", "更正其他行后一并导入"]
                found.append([texts.get(column.name, "") for column in batch_file.COLUMNS] + told)
        with self.services.database.write() as connection:
            audit.record(connection, actor, "batch.exported", ("batch", batch_id), {"rows": len(found)})
        return found

    def start(self, actor: Actor, batch_id: int) -> None:
        """Issue the good bills of a batch in the background; safe to ask twice.

        Raises BATCH_UNKNOWN, BATCH_PURGED, BATCH_STATE for one that is over or has nothing good.
        """
        moment = now()
        with self.services.database.write() as connection:
            batch = _mine(connection, actor, batch_id, lock=True)
            if batch.state == "running":
                return
            if batch.purged_at is not None:
                raise Refusal("BATCH_PURGED", days=KEEP.days)
            ready = select(func.count()).where(BATCH_BILL.c.batch_id == batch_id, BATCH_BILL.c.state == "ready")
            if batch.state not in ("checked", "paused") or not connection.scalar(ready):
                state = "没有可开具的票据" if batch.state in ("checked", "paused") else STATES[batch.state]
                raise Refusal("BATCH_STATE", state=state)
            values = {"state": "running", "reason": "", "runs": batch.runs + 1, "started_by": actor.label}
            values["started_at"] = batch.started_at or moment
            connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(**values))
            tasks.enqueue(connection, TOPIC, f"{TOPIC}:{batch_id}:{batch.runs + 1}", {"batch": batch_id})
            audit.record(connection, actor, "batch.started", ("batch", batch_id), {"run": batch.runs + 1})

    def cancel(self, actor: Actor, batch_id: int) -> int:
        """Leave the rest of a batch unissued; returns how many bills that are. Issued ones stay issued.

        Raises BATCH_UNKNOWN, BATCH_STATE.
        """
        with self.services.database.write() as connection:
            batch = _mine(connection, actor, batch_id, lock=True)
            if batch.state not in ("running", "paused"):
                raise Refusal("BATCH_STATE", state=STATES[batch.state])
            rest = (BATCH_BILL.c.batch_id == batch_id) & (BATCH_BILL.c.state == "ready")
            count = connection.execute(update(BATCH_BILL).where(rest).values(state="cancelled")).rowcount
            values = {"state": "cancelled", "finished_at": now()}
            connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(**values))
            audit.record(connection, actor, "batch.cancelled", ("batch", batch_id), {"bills": count})
        return count

    def discard(self, actor: Actor, batch_id: int) -> None:
        """Import none of a checked file; its rows are removed at once. Raises BATCH_UNKNOWN, BATCH_STATE."""
        with self.services.database.write() as connection:
            batch = _mine(connection, actor, batch_id, lock=True)
            if batch.state != "checked":
                raise Refusal("BATCH_STATE", state=STATES[batch.state])
            values = {"state": "discarded", "finished_at": now(), "purged_at": now()}
            connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(**values))
            connection.execute(update(BATCH_BILL).where(BATCH_BILL.c.batch_id == batch_id).values(content=None))
            audit.record(connection, actor, "batch.discarded", ("batch", batch_id))

    # --- in the background -----------------------------------------------------------------------------------------

    def work(self, _services: Services, task: tasks.Task) -> tasks.Outcome:
        """Return the outbox task: issue for :data:`SLICE_SECONDS`, then come again until nothing is left."""
        batch_id, until = int(task.payload["batch"]), time.monotonic() + SLICE_SECONDS
        terms: Terms | None = None
        while time.monotonic() < until:
            with self.services.database.read() as connection:
                batch = connection.execute(select(BATCH).where(BATCH.c.id == batch_id)).one_or_none()
                rows = self._next(connection, batch_id)
            if batch is None or batch.state != "running":
                return tasks.Done()
            if not rows:
                self._finish(batch_id, batch.started_by)
                return tasks.Done()
            terms = terms or self._terms(batch.unit_id, batch.point_code, batch.cashier, batch.checker, now())
            if busy := self._issue(batch, rows, terms):
                return tasks.Retry(busy)
        return tasks.Retry("正在开具", 0.0)

    def _next(self, connection: Connection, batch_id: int) -> list[Any]:
        ready = (BATCH_BILL.c.batch_id == batch_id) & (BATCH_BILL.c.state == "ready")
        return list(
            connection.execute(select(BATCH_BILL).where(ready).order_by(BATCH_BILL.c.place).limit(_GROUP)).all()
        )

    def _issue(self, batch: Any, rows: Iterable[Any], terms: Terms) -> str:
        """Issue these bills in the order of the file and note how they ended; returns why to wait, or ``""``."""
        ended: list[dict[str, Any]] = []
        pause = busy = ""
        for row in rows:
            group = self._group(row)
            settlement, _ = judge(group, terms)
            try:
                if settlement is None:
                    raise Refusal("ENTRY_INVALID", problems=_joined(group.problems, "reason"))
                issued = self.desk.issue(terms.account, settlement, f"batch:{batch.id}", actor=batch.started_by)
            except Refusal as refusal:
                if refusal.code in STOPS:
                    pause = f"{refusal.what}：{refusal.why}。{refusal.remedy}"
                    break
                if refusal.code == "BUSY":
                    busy = refusal.why
                    break
                if not group.problems:
                    group.problems.append(Found(0, "", f"{refusal.what}：{refusal.why}", refusal.remedy))
                content = self._seal(batch.id, row.place, group)
                ended.append({"place": row.place, "state": "failed", "content": content})
                continue
            before = issued.duplicate and issued.issued_at < batch.started_at
            done = {"state": "issued", "bill_id": issued.bill_id, "repeated": before, "content": None}
            ended.append({"place": row.place} | done)
        with self.services.database.write() as connection:
            for values in ended:
                # A row that was cancelled while its bill was being issued is issued: the bill is there.
                mine = (BATCH_BILL.c.batch_id == batch.id) & (BATCH_BILL.c.place == values.pop("place"))
                mine &= BATCH_BILL.c.state.in_(("ready", "cancelled"))
                connection.execute(update(BATCH_BILL).where(mine).values(**values))
            if pause:
                mine = (BATCH.c.id == batch.id) & (BATCH.c.state == "running")
                connection.execute(update(BATCH).where(mine).values(state="paused", reason=pause[:500]))
        return busy

    def _finish(self, batch_id: int, label: str) -> None:
        with self.services.database.write() as connection:
            mine = (BATCH.c.id == batch_id) & (BATCH.c.state == "running")
            values = {"state": "done", "finished_at": now()}
            if connection.execute(update(BATCH).where(mine).values(**values)).rowcount:
                counts = _counts(connection, batch_id)
                audit.record(connection, Actor(label), "batch.done", ("batch", batch_id), counts)

    # --- parts -----------------------------------------------------------------------------------------------------

    def _terms(self, unit_id: int, point_code: str, cashier: str, checker: str, moment: datetime) -> Terms:
        references = self.desk.references.get(unit_id)
        with self.services.database.read() as connection:
            known = catalogue.load(connection, unit_id)
            most = int(parameters.value(connection, unit_id, MOST))
        org_type = str(references.unit.org_type)
        context = Context(known, references.points.keys(), cashier, cashier, "", moment, org_type)
        return Terms(accounts.console(self.services.database, unit_id), context, point_code, checker, most)

    def _elsewhere(self, account: HisAccount, serials: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        with self.services.database.read() as connection:
            for start in range(0, len(serials), 500):
                found |= elsewhere(connection, account.id, account.unit_id, serials[start : start + 500])
        return found

    def _row(self, batch_id: int, place: int, group: Group, state: str, total: int) -> dict[str, Any]:
        return {
            "batch_id": batch_id,
            "place": place,
            "serial": group.serial[:50],
            "total_fen": total,
            "state": state,
            "content": self._seal(batch_id, place, group),
            "repeated": False,
        }

    def _seal(self, batch_id: int, place: int, group: Group) -> bytes:
        return self.services.cipher.encrypt("batch_bill.content", f"{batch_id}.{place}", group.text())

    def _group(self, row: Any) -> Group:
        where = f"{row.batch_id}.{row.place}"
        return Group.of_text(self.services.cipher.decrypt_text("batch_bill.content", where, row.content))

    def _opened(
        self, actor: Actor, batch_id: int, states: tuple[str, ...], most: int, after: int
    ) -> list[tuple[Any, Group]]:
        with self.services.database.read() as connection:
            batch = _mine(connection, actor, batch_id)
            if batch.purged_at is not None:
                raise Refusal("BATCH_PURGED", days=KEEP.days)
            mine = (BATCH_BILL.c.batch_id == batch_id) & BATCH_BILL.c.state.in_(states) & (BATCH_BILL.c.place > after)
            rows = connection.execute(select(BATCH_BILL).where(mine).order_by(BATCH_BILL.c.place).limit(most)).all()
        return [(row, self._group(row)) for row in rows]

    def _report(self, connection: Connection, row: Any) -> Report:
        good = select(func.coalesce(func.sum(BATCH_BILL.c.total_fen), 0)).where(BATCH_BILL.c.batch_id == row.id)
        return Report(
            id=row.id,
            name=self.services.cipher.decrypt_text("batch.name", row.id, row.name),
            state=row.state,
            reason=row.reason,
            point_code=row.point_code,
            cashier=row.cashier,
            checker=row.checker,
            rows=row.rows,
            counts=_counts(connection, row.id),
            good_fen=int(connection.scalar(good.where(BATCH_BILL.c.state != "bad")) or 0),
            issued_fen=int(connection.scalar(good.where(BATCH_BILL.c.state == "issued")) or 0),
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            purged=row.purged_at is not None,
            columns=row.columns,
        )


def _mine(connection: Connection, actor: Actor, batch_id: int, lock: bool = False) -> Any:
    statement = select(BATCH).where(BATCH.c.id == batch_id, BATCH.c.unit_id == actor.unit_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise Refusal("BATCH_UNKNOWN")
    return row


def _counts(connection: Connection, batch_id: int) -> dict[str, int]:
    counted = (
        select(BATCH_BILL.c.state, func.count().label("number"))
        .where(BATCH_BILL.c.batch_id == batch_id)
        .group_by(BATCH_BILL.c.state)
    )
    return {row.state: row.number for row in connection.execute(counted)}


def judge(group: Group, terms: Terms) -> tuple[Settlement | None, int]:
    """Return the settlement of a group (``None`` when something is wrong, then said in the group) and its total in
    fen."""
    today = business_day(terms.context.moment).isoformat()
    made = batch_file.entry_of(group, terms.point_code, terms.checker, today)
    checked = check(made, replace(terms.context, serial=group.serial))
    if len(made.lines) == len(group.rows):
        for problem in checked.problems:
            found = batch_file.located(group, problem)
            if not any((known.row, known.title) == (found.row, found.title) for known in group.problems):
                group.problems.append(found)
    if checked.total_fen >= terms.most_fen and not group.problems:
        reason = f"合计 {commas(checked.total_fen)} 元，达到 {commas(terms.most_fen)} 元，批量开票不开具"
        group.problems.append(Found(group.numbers[0], "金额", reason, "请核对数量和单价；无误的请在手工开票中单张开具"))
    return (None if group.problems else checked.settlement), checked.total_fen


def _joined(found: Iterable[Found], part: str) -> str:
    return "；".join(dict.fromkeys(text for item in found if (text := getattr(item, part))))


def clean(connection: Connection) -> int:
    """Remove the rows of batches that are over, or were never started, for :data:`KEEP`; returns how many batches."""
    old = now() - KEEP
    over = BATCH.c.state.in_(("done", "cancelled", "discarded", "checked", "paused"))
    since = func.coalesce(BATCH.c.finished_at, BATCH.c.started_at, BATCH.c.created_at)
    due = select(BATCH.c.id).where(over, BATCH.c.purged_at.is_(None), since < old)
    batches = list(connection.scalars(due))
    for batch_id in batches:
        connection.execute(update(BATCH_BILL).where(BATCH_BILL.c.batch_id == batch_id).values(content=None))
        connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(purged_at=now()))
    return len(batches)
