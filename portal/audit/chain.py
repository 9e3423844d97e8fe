"""The hash chain over the audit entries, sealed after the fact so that no act waits for another.

Entries are written freely; a periodic job gives each new one a link: a sequence number and the keyed hash
(HMAC-SM3, key derived from the master secret) of the link before and of the entry. Who owns the database can drop its
triggers and change rows, but cannot compute a link. The newest link is also written to a file outside the database
(the anchor), so that cutting off the end of both tables is found as well. Between writing and sealing lie at most
:data:`EVERY` seconds in which a deletion would go unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select
from sqlalchemy.engine import make_url

from portal.core.clock import now
from portal.core.crypto.field_cipher import hmac_sm3
from portal.core.ids import first_of
from portal.core.services import Services
from portal.models.tables import AUDIT_ENTRY, AUDIT_SEAL

EVERY = 30
BATCH = 1_000
_LATE = 86_400_000 << 21
"""Ids of one day (:func:`portal.core.ids.new_id`): no transaction stays open as long, so that nothing older than
this below the newest sealed entry can still be unsealed for an honest reason."""
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where the chain does not hold. ``seq`` 0: the entry has no link."""

    seq: int
    entry_id: int
    what: str


@dataclass
class Report:
    """What a verification found."""

    links: int = 0
    waiting: int = 0
    """Entries that the job has not sealed yet."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was changed, deleted, reordered, cut off or slipped in."""
        return not self.problems


def canonical(entry: Any) -> bytes:
    """Return the bytes of an entry that its link covers: every column, in one fixed writing. An entry without a unit is
    written as before there were units, so that old links still hold."""
    moment = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = [entry.id, moment, entry.actor, entry.action, entry.object_kind, entry.object_id, entry.request_id]
    parts += [entry.details] if entry.unit_id is None else [entry.details, entry.unit_id]
    return json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()


def _link(key: bytes, before: bytes, seq: int, entry: Any) -> bytes:
    return hmac_sm3(key, before + seq.to_bytes(8, "big") + canonical(entry))


def _key(services: Services) -> bytes:
    return services.keyring.derive("audit/1", 1)


def seal(services: Services) -> int:
    """Give every new entry its link; returns how many. Two jobs at once: one of them fails and is repeated."""
    sealed = 0
    while True:
        with services.database.write() as connection:
            done, head = _seal_batch(connection, _key(services))
        sealed += done
        if head is not None:
            _write_anchor(services, *head)
        if done < BATCH:
            return sealed


def _seal_batch(connection: Connection, key: bytes) -> tuple[int, tuple[int, bytes] | None]:
    last = connection.execute(
        select(AUDIT_SEAL.c.seq, AUDIT_SEAL.c.digest).order_by(AUDIT_SEAL.c.seq.desc()).limit(1).with_for_update()
    ).one_or_none()
    seq, before = (last.seq, last.digest) if last is not None else (0, b"")
    newest = _newest(connection)
    entries = connection.execute(_unsealed(newest).order_by(AUDIT_ENTRY.c.id).limit(BATCH)).all()
    links, moment = [], now()
    for entry in entries:
        seq += 1
        before = _link(key, before, seq, entry)
        links.append({"seq": seq, "entry_id": entry.id, "digest": before, "at": moment})
    if links:
        connection.execute(insert(AUDIT_SEAL), links)
    return len(links), (seq, before) if links else None


def _newest(connection: Connection) -> int:
    """Return the newest sealed entry's id, or one of now where a clock that ran ahead has written later ones."""
    return min(connection.scalar(select(func.max(AUDIT_SEAL.c.entry_id))) or 0, first_of(now()))


def _unsealed(newest: int) -> Any:
    """Entries without a link that an honest transaction may have written lately."""
    return (
        select(AUDIT_ENTRY)
        .outerjoin(AUDIT_SEAL, AUDIT_SEAL.c.entry_id == AUDIT_ENTRY.c.id)
        .where(AUDIT_ENTRY.c.id > newest - _LATE, AUDIT_SEAL.c.entry_id.is_(None))
    )


def verify(services: Services, connection: Connection) -> Report:
    """Compute every link again and name each row that does not fit."""
    report, key, before, expected = Report(), _key(services), b"", 1
    for row in _links(connection):
        if row.seq != expected:
            _found(report, expected, 0, f"第 {expected} 环至第 {row.seq - 1} 环缺失：链被删除")
        if row.id is None:
            _found(report, row.seq, row.entry_id, "日志记录被删除")
        elif _link(key, before, row.seq, row) != row.digest:
            _found(report, row.seq, row.entry_id, "日志记录或其链被改动、调换")
        before, expected = row.digest, row.seq + 1
        report.links += 1
    anchor = _read_anchor(services)
    if anchor is not None and not _holds(connection, *anchor):
        _found(report, anchor[0], 0, f"链尾被截断或改写：库外锚点记到第 {anchor[0]} 环")
    newest = _newest(connection)
    report.waiting = connection.scalar(select(func.count()).select_from(_unsealed(newest).subquery())) or 0
    slipped = select(AUDIT_ENTRY.c.id).outerjoin(AUDIT_SEAL, AUDIT_SEAL.c.entry_id == AUDIT_ENTRY.c.id)
    slipped = slipped.where(AUDIT_SEAL.c.entry_id.is_(None), AUDIT_ENTRY.c.id <= newest - _LATE).limit(MOST_PROBLEMS)
    for entry_id in connection.scalars(slipped):
        _found(report, 0, entry_id, "记录没有入链：事后插入，或其链被删除")
    return report


def _links(connection: Connection) -> Iterator[Row[Any]]:
    found = select(AUDIT_SEAL.c.seq, AUDIT_SEAL.c.entry_id, AUDIT_SEAL.c.digest, AUDIT_ENTRY)
    found = (
        found.select_from(AUDIT_SEAL.outerjoin(AUDIT_ENTRY, AUDIT_ENTRY.c.id == AUDIT_SEAL.c.entry_id))
        .order_by(AUDIT_SEAL.c.seq)
        .limit(BATCH)
    )
    rows = connection.execute(found).all()
    while rows:
        yield from rows
        rows = connection.execute(found.where(AUDIT_SEAL.c.seq > rows[-1].seq)).all()


def _found(report: Report, seq: int, entry_id: int, what: str) -> None:
    if len(report.problems) < MOST_PROBLEMS:
        report.problems.append(Problem(seq, entry_id, what))


def _holds(connection: Connection, seq: int, digest: bytes) -> bool:
    stored = connection.scalar(select(AUDIT_SEAL.c.digest).where(AUDIT_SEAL.c.seq == seq))
    return stored == digest


def anchor_path(services: Services) -> Path:
    """Return the file outside the database that remembers the newest link of this database."""
    url = make_url(services.settings.database).set(password=None)
    name = hashlib.sha256(url.render_as_string(hide_password=False).encode()).hexdigest()[:16]
    return services.settings.data_dir / "audit" / f"{name}.anchor"


def _write_anchor(services: Services, seq: int, digest: bytes) -> None:
    path = anchor_path(services)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(f"{seq} {digest.hex()} {now().isoformat()}\n", encoding="ascii")
    draft.replace(path)


def _read_anchor(services: Services) -> tuple[int, bytes] | None:
    path = anchor_path(services)
    if not path.exists():
        return None
    seq, digest, _ = path.read_text(encoding="ascii").split()
    return int(seq), bytes.fromhex(digest)
