"""The push targets of a unit: set up at the console, keys changed without a pause, the first one from the settings.

Signing goes on with the present key while a next one exists; its signature is sent beside the first, so that a
receiver can change its key at any moment. ``change_over`` ends the former one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.engine.channel import PUSH
from portal.delivery.engine.deliveries import insert_once
from portal.delivery.push.events import EVENTS, checked_fields
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import PUSH_TARGET, UNIT
from portal.providers.http import AddressRefused, OutRule

KEY_FIELD = "push_target.key"
TRIES = {7: "7 次，约 21 小时", 4: "4 次，约 40 分钟"}
"""The retry policies: 1, 5, 30 min, 2, 6, 12 h between tries, or the first three of them."""
ADDED = tuple(EVENTS)


@dataclass(frozen=True, slots=True)
class Facts:
    """What people set of a target."""

    name: str
    url: str
    active: bool
    events: tuple[str, ...]
    receipts: bool
    tries: int
    consent: str

    def values(self) -> dict[str, Any]:
        """As columns."""
        return {name: getattr(self, name) for name in Facts.__slots__} | {"events": list(self.events)}


def rule(settings: Settings) -> OutRule:
    """Which addresses a target may have; the one that the settings name has been chosen by whoever runs this."""
    own = urlsplit(settings.push).hostname or ""
    return OutRule([*settings.push_hosts.split(","), own], settings.calls_this_machine)


def of_unit(connection: Connection, unit_id: int) -> Sequence[Row[Any]]:
    """The unit's targets."""
    return connection.execute(
        select(PUSH_TARGET).where(PUSH_TARGET.c.unit_id == unit_id).order_by(PUSH_TARGET.c.id)
    ).all()


def by_code(connection: Connection, unit_id: int, code: str) -> Row[Any] | None:
    """The unit's target that is the channel ``code``."""
    mine = (PUSH_TARGET.c.unit_id == unit_id) & (PUSH_TARGET.c.code == code)
    return connection.execute(select(PUSH_TARGET).where(mine)).one_or_none()


def own(connection: Connection, actor: Actor, target_id: int) -> Row[Any]:
    """The unit's target, held to the commit. Raises PAGE_NOT_FOUND."""
    mine = (PUSH_TARGET.c.id == target_id) & (PUSH_TARGET.c.unit_id == actor.unit_id)
    row = connection.execute(select(PUSH_TARGET).where(mine).with_for_update()).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return row


def keys(services: Services, row: Any) -> tuple[str, ...]:
    """The keys that are good: the one that signs, then the next one if there is one."""
    sealed = (row.key, row.next_key)
    place = f"{row.unit_id}/{row.code}"
    return tuple(services.cipher.decrypt_text(KEY_FIELD, place, one) for one in sealed if one is not None)


def adopt(services: Services) -> None:
    """Make the settings' receiver the first target of each unit that has none; once, from then on the console rules."""
    settings = services.settings
    if not settings.push:
        return
    missing = select(UNIT.c.id).where(UNIT.c.id.not_in(select(PUSH_TARGET.c.unit_id)))
    with services.database.read() as connection:
        units = connection.scalars(missing).all()
    if not units:
        return
    with services.database.write() as connection:
        for unit_id in units:
            facts = Facts("医院 APP（经 HIS）", settings.push, True, ADDED, False, 7, "")
            row = _row(services, unit_id, PUSH, settings.push_key_id, settings.push_key, facts)
            if insert_once(connection, PUSH_TARGET, row):
                details = {"after": _told(row)}
                audit.record(connection, Actor("worker:delivery"), "push.created", ("push_target", PUSH), details)


def create(services: Services, actor: Actor, facts: Facts) -> int:
    """A new target with its first key, to be looked at once; returns its id.

    Raises INPUT_INVALID for an address that may not be called or facts that do not fit, CODE_TAKEN when two are made
    at once.
    """
    _check(services, facts)
    try:
        with services.database.write() as connection:
            mine = select(func.count()).where(PUSH_TARGET.c.unit_id == actor.unit_id)
            count = connection.execute(mine).scalar_one()
            code = f"{PUSH}-{count + 1}" if count else PUSH
            key_id = f"QP{secrets.token_hex(6)}"
            row = _row(services, actor.unit_id, code, key_id, _new_key(), facts) | {"key_unseen": True}
            target_id = connection.execute(insert(PUSH_TARGET).returning(PUSH_TARGET.c.id), row).scalar_one()
            _record(connection, actor, "push.created", code, {"after": _told(row)})
    except IntegrityError as error:
        raise Refusal("CODE_TAKEN", taken=facts.name) from error
    return int(target_id)


def change(services: Services, actor: Actor, target_id: int, facts: Facts) -> bool:
    """Change what is set of a target; ``False`` when it was so already. Raises PAGE_NOT_FOUND, INPUT_INVALID."""
    _check(services, facts)
    return _change(services, actor, target_id, facts.values())


def rename(services: Services, actor: Actor, target_id: int, wanted: Mapping[str, str]) -> bool:
    """Set the receiver's own names of fields; ``False`` when they were so. Raises PAGE_NOT_FOUND, INPUT_INVALID."""
    try:
        fields = checked_fields(wanted)
    except ValueError as error:
        raise Refusal("INPUT_INVALID", reason=str(error)) from None
    return _change(services, actor, target_id, {"fields": fields})


def _change(services: Services, actor: Actor, target_id: int, after: dict[str, Any]) -> bool:
    with services.database.write() as connection:
        row = own(connection, actor, target_id)
        before = {name: getattr(row, name) for name in after if getattr(row, name) != after[name]}
        if not before:
            return False
        changed = {name: after[name] for name in before}
        connection.execute(update(PUSH_TARGET).where(PUSH_TARGET.c.id == target_id).values(**changed, changed_at=now()))
        _record(connection, actor, "push.changed", row.code, {"before": before, "after": changed})
    return True


def renew(services: Services, actor: Actor, target_id: int) -> None:
    """Make a next key; the present one goes on signing. Raises PUSH_KEYS while there are two already."""
    with services.database.write() as connection:
        row = own(connection, actor, target_id)
        if row.next_key is not None:
            raise Refusal("PUSH_KEYS", name=row.name)
        _set(connection, row, next_key=_sealed(services, row.unit_id, row.code, _new_key()), key_unseen=True)
        _record(connection, actor, "push.key_renewed", row.code, {})


def look(services: Services, actor: Actor, target_id: int) -> tuple[str, str]:
    """Key id and the newest key in clear, once. Raises HIS_KEY_SEEN afterwards."""
    with services.database.write() as connection:
        row = own(connection, actor, target_id)
        if not row.key_unseen:
            raise Refusal("HIS_KEY_SEEN")
        _set(connection, row, key_unseen=False)
        _record(connection, actor, "push.key_shown", row.code, {})
    return row.key_id, keys(services, row)[-1]


def change_over(services: Services, actor: Actor, target_id: int) -> None:
    """The receiver knows the next key: it signs from now on, the former one is good no longer."""
    with services.database.write() as connection:
        row = own(connection, actor, target_id)
        if row.next_key is None:
            raise Refusal("PAGE_NOT_FOUND")
        _set(connection, row, key=row.next_key, next_key=None)
        _record(connection, actor, "push.key_ended", row.code, {})


def tested(services: Services, actor: Actor, target_id: int) -> Row[Any]:
    """The target that a test event is about to be sent to; audited."""
    with services.database.write() as connection:
        row = own(connection, actor, target_id)
        _record(connection, actor, "push.tested", row.code, {})
    return row


def _check(services: Services, facts: Facts) -> None:
    problem = ""
    try:
        rule(services.settings).check(facts.url)
    except AddressRefused as refused:
        problem = f"推送地址：{refused}"
    if not facts.events or set(facts.events) - set(EVENTS):
        problem = problem or "至少选择一个事件"
    if facts.tries not in TRIES:
        problem = problem or "没有这种重试次数"
    if problem:
        raise Refusal("INPUT_INVALID", reason=problem)


def _row(services: Services, unit_id: int, code: str, key_id: str, key: str, facts: Facts) -> dict[str, Any]:
    sealed = _sealed(services, unit_id, code, key)
    made = {"unit_id": unit_id, "code": code, "key_id": key_id, "key": sealed, "next_key": None, "key_unseen": False}
    return made | {"fields": {}, "changed_at": now()} | facts.values()


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in (*Facts.__slots__, "key_id")}


def _sealed(services: Services, unit_id: int, code: str, key: str) -> bytes:
    return services.cipher.encrypt(KEY_FIELD, f"{unit_id}/{code}", key)


def _new_key() -> str:
    return secrets.token_hex(32)


def _set(connection: Connection, row: Any, **values: Any) -> None:
    connection.execute(update(PUSH_TARGET).where(PUSH_TARGET.c.id == row.id).values(**values, changed_at=now()))


def _record(connection: Connection, actor: Actor, action: str, code: str, details: Mapping[str, Any]) -> None:
    audit.record(connection, actor, action, ("push_target", code), dict(details))
