"""常用交款人: payers whom the desk has been asked to remember. Sealed at rest, shown masked, each full use audited."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from portal import audit
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.settlement import Payer
from portal.domain.errors import Refusal
from portal.domain.identity import mask_id, mask_name, normalise, normalise_name
from portal.hospital import protected_persons
from portal.models.tables import KNOWN_PAYER, UNIT

FIELDS = ("payer_name", "id_type", "id_no", "phone", "email")
"""What is remembered, by the names of the desk's form; the kind of payer beside it."""

KEEP = timedelta(days=730)
"""A payer who is not used for so long is forgotten."""

_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A remembered payer as lists show it: a person masked, a unit's public name in full."""

    id: int
    kind: str
    name: str
    number: str
    uses: int
    used_at: datetime


def _digests(services: Services, name: str, number: str) -> dict[str, bytes]:
    index = services.index
    return {
        "name_digest": index.digest("payer.name", normalise_name(name)),
        "number_digest": index.digest("payer.number", normalise(number)),
    }


def remember(services: Services, connection: Connection, unit_id: int, payer: Payer, moment: datetime) -> None:
    """Keep this payer, or refresh the one with the same name and number, in the caller's transaction."""
    digests = _digests(services, payer.name, payer.id_no)
    same = (KNOWN_PAYER.c.unit_id == unit_id) & (KNOWN_PAYER.c.name_digest == digests["name_digest"])
    same &= KNOWN_PAYER.c.number_digest == digests["number_digest"]
    # Two desks may remember one payer at the same time: the unit's row is what they queue at.
    connection.execute(select(UNIT.c.id).where(UNIT.c.id == unit_id).with_for_update())
    known = connection.execute(select(KNOWN_PAYER.c.id).where(same)).scalar()
    payer_id = known or new_id()
    plain = dict(zip(FIELDS, (payer.name, payer.id_type, payer.id_no, payer.phone, payer.email), strict=True))
    content = services.cipher.encrypt("known_payer.content", payer_id, json.dumps(plain, ensure_ascii=False))
    if known:
        values: dict[str, Any] = {"content": content, "used_at": moment, "uses": KNOWN_PAYER.c.uses + 1}
        connection.execute(update(KNOWN_PAYER).where(KNOWN_PAYER.c.id == known).values(**values))
        return
    row = {"id": payer_id, "unit_id": unit_id, "kind": payer.kind, "content": content, "uses": 1, "used_at": moment}
    connection.execute(insert(KNOWN_PAYER), row | digests)


def shown(services: Services, connection: Connection, unit_id: int, typed: str = "") -> list[Shown]:
    """Return the unit's remembered payers, last used first; with ``typed`` those whose whole name or number it is."""
    statement = (
        select(KNOWN_PAYER)
        .where(KNOWN_PAYER.c.unit_id == unit_id)
        .order_by(KNOWN_PAYER.c.used_at.desc())
        .limit(_MOST_SHOWN)
    )
    if typed.strip():
        digests = _digests(services, typed, typed)
        statement = statement.where(
            (KNOWN_PAYER.c.name_digest == digests["name_digest"])
            | (KNOWN_PAYER.c.number_digest == digests["number_digest"])
        )
    return [_shown(services, row) for row in connection.execute(statement)]


def _open(services: Services, row: Any) -> dict[str, str]:
    plain: dict[str, str] = json.loads(services.cipher.decrypt("known_payer.content", row.id, row.content))
    return plain


def _shown(services: Services, row: Any) -> Shown:
    plain = _open(services, row)
    name = mask_name(plain["payer_name"]) if row.kind == "1" else plain["payer_name"]
    number = mask_id(plain["id_no"]) if row.kind == "1" else plain["id_no"]
    return Shown(row.id, row.kind, name, number, row.uses, row.used_at)


def marks(services: Services, connection: Connection, unit_id: int, payer_ids: Collection[int]) -> list[int]:
    """Return the marks of those of these payers who are under special protection."""
    rows = connection.execute(
        select(KNOWN_PAYER).where(KNOWN_PAYER.c.id.in_(payer_ids), KNOWN_PAYER.c.unit_id == unit_id)
    ).all()
    plain = [_open(services, row) for row in rows if row.kind == "1"]
    numbers = [one[field] for one in plain for field in ("id_no", "phone") if one[field]]
    return protected_persons.by_texts(services, connection, unit_id, numbers, [one["payer_name"] for one in plain])


def pick(services: Services, actor: Actor, payer_id: int) -> dict[str, str]:
    """Return the form fields of a remembered payer, in full; audited. Raises PAYER_UNKNOWN."""
    with services.database.write() as connection:
        mine = (KNOWN_PAYER.c.id == payer_id) & (KNOWN_PAYER.c.unit_id == actor.unit_id)
        row = connection.execute(select(KNOWN_PAYER).where(mine)).one_or_none()
        if row is None:
            raise Refusal("PAYER_UNKNOWN")
        audit.record(connection, actor, "payer.revealed", ("known_payer", payer_id))
    return _open(services, row) | {"payer_kind": row.kind}


def forget(services: Services, actor: Actor, payer_id: int) -> None:
    """Remove a remembered payer; audited. Raises PAYER_UNKNOWN."""
    with services.database.write() as connection:
        mine = (KNOWN_PAYER.c.id == payer_id) & (KNOWN_PAYER.c.unit_id == actor.unit_id)
        if not connection.execute(delete(KNOWN_PAYER).where(mine)).rowcount:
            raise Refusal("PAYER_UNKNOWN")
        audit.record(connection, actor, "payer.forgotten", ("known_payer", payer_id))


def clean(connection: Connection) -> int:
    """Forget payers not used for :data:`KEEP`; returns how many."""
    return connection.execute(delete(KNOWN_PAYER).where(KNOWN_PAYER.c.used_at < now() - KEEP)).rowcount
