"""Import of master data from a spreadsheet: what it would change is shown first, then all of it is applied, or nothing.

The rows of a file are kept as they were read. What they would change is worked out anew whenever it is looked at, and
held against what was shown when it is applied.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from portal import audit
from portal.core import spreadsheet
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.titled import Titled
from portal.issuing.manual import cells
from portal.issuing.manual.master_kinds import KINDS, ImportColumn, ImportKind, Known
from portal.models.tables import MASTER_IMPORT

MOST_ROWS = 10_000
KEEP = timedelta(days=7)


class Outcome(Titled):
    """What a row would do."""

    WRONG = "wrong", "有错"
    NEW = "new", "新增"
    CHANGED = "changed", "修改"
    SAME = "same", "不变"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a row: the title of the column (``""``: the row as a whole) and the reason."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a row would change, as the file writes it."""

    title: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number in the file, the code and name it gives, what it would do."""

    number: int
    code: str
    name: str
    outcome: Outcome
    changes: tuple[Change, ...] = ()
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would change at this moment. ``fingerprint``: of all that is shown."""

    import_id: int
    kind: str
    created_at: datetime
    applied_at: datetime | None
    lines: Sequence[Line]

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many rows do what."""
        counted = Counter(line.outcome for line in self.lines)
        return {outcome: counted[outcome] for outcome in Outcome}

    @property
    def is_good(self) -> bool:
        """Whether no row is wrong and some change something."""
        counts = self.counts
        return not counts[Outcome.WRONG] and bool(counts[Outcome.NEW] or counts[Outcome.CHANGED])

    @property
    def fingerprint(self) -> str:
        """A digest of what is shown, sent back with the decision."""
        shown = [
            (line.number, line.code, line.outcome.value, [repr(one) for one in line.changes]) for line in self.lines
        ]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


def receive(services: Services, actor: Actor, kind: str, data: bytes) -> int:
    """Read a file and keep its rows; return the import's id. Nothing is changed yet. Raises FILE_REFUSED."""
    rows = _read(KINDS[kind], data)
    import_id = new_id()
    row = {"id": import_id, "unit_id": actor.unit_id, "owner": actor.label, "kind": kind, "rows": rows}

    def work(connection: Connection) -> None:
        connection.execute(insert(MASTER_IMPORT), row | {"created_at": now(), "applied_at": None})
        audit.record(connection, actor, "master.uploaded", ("unit", actor.unit_id), {"kind": kind, "rows": len(rows)})

    services.database.act(work)
    return import_id


def _read(kind: ImportKind, data: bytes) -> list[list[object]]:
    """Return number, texts by column name, and mistakes of each row that says something."""
    try:
        rows = spreadsheet.read(data, kind.title)
    except spreadsheet.SheetRefused as refused:
        raise Refusal("FILE_REFUSED", reason=str(refused), advice=refused.remedy) from refused
    code = next(column.title for column in kind.columns if column.name == "code")
    heads = [[cells.title(cell.text) for cell in row.cells] for row in rows[:10]]
    place = next((number for number, titles in enumerate(heads) if code in titles), None)
    if place is None:
        raise Refusal("FILE_REFUSED", reason=f"没有找到表头“{code}”", advice="请使用下载的模板，不要改动表头")
    columns = _columns(kind, heads[place])
    body = [row for row in rows[place + 1 :] if not cells.is_blank(row)]
    if not 0 < len(body) <= MOST_ROWS:
        reason = f"有 {len(body):,} 行，多于 {MOST_ROWS:,} 行" if body else "表头下面没有内容"
        raise Refusal("FILE_REFUSED", reason=reason, advice="请分成几个文件导入" if body else "请填写后再导入")
    return [_row(row, columns) for row in body]


def _columns(kind: ImportKind, titles: list[str]) -> list[ImportColumn | None]:
    by_title = {column.title: column for column in kind.columns}
    if twice := sorted({title for title in titles if title in by_title and titles.count(title) > 1}):
        raise Refusal("FILE_REFUSED", reason=f"表头重复：{'、'.join(twice)}", advice="请使用下载的模板")
    if missing := [title for title in by_title if title not in titles]:
        # An absent column would empty the values of every row that the file names.
        raise Refusal("FILE_REFUSED", reason=f"缺少列：{'、'.join(missing)}", advice="请使用下载的模板，不要删除列")
    return [by_title.get(title) for title in titles]


def _row(row: spreadsheet.Row, columns: Sequence[ImportColumn | None]) -> list[object]:
    mistakes = [["", "：".join(cells.HIDDEN)]] if row.hidden else []
    texts: dict[str, str] = {}
    for column, cell in zip(columns, row.cells, strict=False):
        if column is None:
            continue
        texts[column.name] = text = cells.day(cell) if column.day else cells.text_of(cell)
        if wrong := cells.complaint(cell, column.name == "code"):
            mistakes.append([column.title, "，".join(wrong)])
        elif column.required and not text:
            mistakes.append([column.title, "不能为空"])
        elif len(text) > column.most:
            mistakes.append([column.title, f"最多 {column.most} 个字"])
        elif text and column.choices and text not in column.choices:
            mistakes.append([column.title, f"“{text}”不在可选值中：{'、'.join(column.choices)}"])
    missing = [column for column in columns if column is not None and column.name not in texts]
    mistakes += [[column.title, "不能为空"] for column in missing if column.required]
    return [row.number, {column.name: "" for column in missing} | texts, mistakes]


def plan(connection: Connection, unit_id: int, import_id: int) -> Plan:
    """Work out what an import of the unit would change now. Raises PAGE_NOT_FOUND."""
    of_unit = (MASTER_IMPORT.c.id == import_id) & (MASTER_IMPORT.c.unit_id == unit_id)
    row = connection.execute(select(MASTER_IMPORT).where(of_unit)).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    lines = [line for line, _ in _judged(connection, unit_id, KINDS[row.kind], row.rows)]
    return Plan(import_id, row.kind, row.created_at, row.applied_at, lines)


def _judged(
    connection: Connection, unit_id: int, kind: ImportKind, rows: Sequence[Sequence[object]]
) -> list[tuple[Line, tuple[int, dict[str, object]]]]:
    """Return each row's line with the id of its object (0: a new one) and its values."""
    known, read = kind.known(connection, unit_id), kind.reader(connection, unit_id)
    seen: dict[str, int] = {}
    judged = []
    for number, texts, mistakes in rows:
        assert isinstance(number, int)
        assert isinstance(texts, dict)
        assert isinstance(mistakes, list)
        found = [Mistake(title, reason) for title, reason in mistakes]
        code = texts["code"]
        if code and code in seen:
            found.append(Mistake(_title(kind, "code"), f"与第 {seen[code]} 行重复"))
        seen.setdefault(code, number)
        values: dict[str, object] = {}
        if not found:
            try:
                values = read(_coded(kind, texts))
            except Refusal as refusal:
                found = _mistakes(kind, refusal)
        before = known.get(code)
        if found:
            line = Line(number, code, texts["name"], Outcome.WRONG, mistakes=tuple(found))
        else:
            line = _line(kind, number, before, values)
        judged.append((line, (before.id if before else 0, values)))
    return judged


def _title(kind: ImportKind, name: str) -> str:
    return next(column.title for column in kind.columns if column.name == name)


def _coded(kind: ImportKind, texts: Mapping[str, str]) -> dict[str, str]:
    return {
        column.name: column.choices.get(texts[column.name], "") if column.choices else texts[column.name]
        for column in kind.columns
    }


def _mistakes(kind: ImportKind, refusal: Refusal) -> list[Mistake]:
    """Split the sentences of ENTRY_INVALID; each begins with the title of its column."""
    titles = sorted((column.title for column in kind.columns), key=len, reverse=True)
    return [
        Mistake(next((title for title in titles if sentence.startswith(title)), ""), sentence)
        for sentence in str(refusal.fields["problems"]).split("；")
    ]


def _line(kind: ImportKind, number: int, before: Known | None, values: dict[str, object]) -> Line:
    after = kind.texts(values)
    code, name = after["code"], after["name"]
    if before is None:
        told = [column for column in kind.columns if column.name not in ("code", "name") and after[column.name]]
        return Line(number, code, name, Outcome.NEW, tuple(Change(one.title, "", after[one.name]) for one in told))
    if before.values == values:
        return Line(number, code, name, Outcome.SAME)
    old = kind.texts(before.values)
    changes = tuple(
        Change(column.title, old[column.name], after[column.name])
        for column in kind.columns
        if old[column.name] != after[column.name]
    )
    return Line(number, code, name, Outcome.CHANGED, changes)


def apply(services: Services, actor: Actor, import_id: int, fingerprint: str) -> Mapping[Outcome, int]:
    """Apply an import as it was shown, in one transaction; return how many rows did what. A second time is the first.

    Raises PAGE_NOT_FOUND; IMPORT_CHANGED when the present data are no longer those that were shown; IMPORT_WRONG while
    a row is wrong. A refusal changes nothing.
    """

    def work(connection: Connection) -> Mapping[Outcome, int]:
        of_unit = (MASTER_IMPORT.c.id == import_id) & (MASTER_IMPORT.c.unit_id == actor.unit_id)
        row = connection.execute(select(MASTER_IMPORT).where(of_unit).with_for_update()).one_or_none()
        if row is None:
            raise Refusal("PAGE_NOT_FOUND")
        kind = KINDS[row.kind]
        judged = _judged(connection, actor.unit_id, kind, row.rows)
        shown = Plan(import_id, row.kind, row.created_at, row.applied_at, [line for line, _ in judged])
        if row.applied_at is not None:
            return shown.counts
        if shown.fingerprint != fingerprint:
            raise Refusal("IMPORT_CHANGED")
        if not shown.is_good:
            raise Refusal("IMPORT_WRONG", count=shown.counts[Outcome.WRONG])
        for line, (object_id, values) in judged:
            if line.outcome is not Outcome.SAME:
                kind.keep(connection, actor, object_id, values)
        connection.execute(update(MASTER_IMPORT).where(of_unit).values(applied_at=now()))
        counts = {outcome.value: count for outcome, count in shown.counts.items() if count}
        audit.record(connection, actor, "master.imported", ("unit", actor.unit_id), {"kind": row.kind, "rows": counts})
        return shown.counts

    return services.database.act(work)


def clean(connection: Connection) -> None:
    """Forget files that were sent more than :data:`KEEP` ago."""
    connection.execute(delete(MASTER_IMPORT).where(MASTER_IMPORT.c.created_at < now() - KEEP))
