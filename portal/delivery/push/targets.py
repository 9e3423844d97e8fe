"""Push targets of a unit: set up at the console, keys changed without a pause, the first one from the settings.

Signing goes on with the present key while a next one exists; its signature is sent beside the first, so that a
receiver can change its key at any moment. ``change_over`` ends the former one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.engine.channel import PUSH
from portal.delivery.engine.deliveries import insert_once
from portal.delivery.push.events import EVENTS, checked_fields
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models import PushTarget
from portal.models.objects import objects
from portal.models.tables import PUSH_TARGET, UNIT
from portal.providers.http import AddressRefused, OutRule

KEY_FIELD = "push_target.key"
TRIES = {7: "7 次，约 21 小时", 4: "4 次，约 40 分钟"}
"""Retry policies: 1, 5, 30 min, 2, 6, 12 h between tries, or the first three of them."""
ADDED = tuple(EVENTS)


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a target that people set."""

    name: str
    url: str
    active: bool
    events: tuple[str, ...]
    receipts: bool
    tries: int
    consent: str

    def values(self) -> dict[str, Any]:
        """Return the facts by the names of their columns."""
        return {name: getattr(self, name) for name in Facts.__slots__} | {"events": list(self.events)}


def rule(settings: Settings) -> OutRule:
    """Return the rule for addresses of targets; the one that the settings name was chosen by the operator."""
    own = urlsplit(settings.push).hostname or ""
    return OutRule([*settings.push_hosts.split(","), own], settings.calls_this_machine)


def of_unit(connection: Connection, unit_id: int) -> Sequence[Row[Any]]:
    """Return the targets of a unit, oldest first."""
    return connection.execute(
        select(PUSH_TARGET).where(PUSH_TARGET.c.unit_id == unit_id).order_by(PUSH_TARGET.c.id)
    ).all()


def listed(unit_id: int) -> Select[Any]:
    """Select the targets of a unit for a list."""
    return select(PUSH_TARGET).where(PUSH_TARGET.c.unit_id == unit_id)


def by_code(connection: Connection, unit_id: int, code: str) -> Row[Any] | None:
    """Return the target that is the channel ``code`` of a unit."""
    of_unit = (PUSH_TARGET.c.unit_id == unit_id) & (PUSH_TARGET.c.code == code)
    return connection.execute(select(PUSH_TARGET).where(of_unit)).one_or_none()


def find(connection: Connection, unit_id: int, target_id: int) -> PushTarget:
    """Return a target of a unit. Raises PAGE_NOT_FOUND."""
    with objects(connection) as session:
        target = session.get(PushTarget, target_id)
    if target is None or target.unit_id != unit_id:
        raise Refusal("PAGE_NOT_FOUND")
    return target


def _own(session: Session, actor: Actor, target_id: int) -> PushTarget:
    """Return a target of the actor's unit, held to the commit. Raises PAGE_NOT_FOUND."""
    of_unit = (PushTarget.id == target_id) & (PushTarget.unit_id == actor.unit_id)
    target = session.scalars(select(PushTarget).where(of_unit).with_for_update()).one_or_none()
    if target is None:
        raise Refusal("PAGE_NOT_FOUND")
    return target


def keys(services: Services, row: Any) -> tuple[str, ...]:
    """Return the keys that are good: the one that signs, then the next one if there is one."""
    place = f"{row.unit_id}/{row.code}"
    sealed_keys = [key for key in (row.key, row.next_key) if key is not None]
    return tuple(services.cipher.decrypt_text(KEY_FIELD, place, key) for key in sealed_keys)


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

    def work(connection: Connection) -> None:
        for unit_id in units:
            facts = Facts("医院 APP（经 HIS）", settings.push, True, ADDED, False, 7, "")
            values = _new_values(services, unit_id, PUSH, settings.push_key_id, settings.push_key, facts)
            if insert_once(connection, PUSH_TARGET, values):
                details = {"after": _logged(values)}
                audit.record(connection, Actor("worker:delivery"), "push.created", ("push_target", PUSH), details)

    services.database.act(work)


def create(services: Services, actor: Actor, facts: Facts) -> int:
    """Add a target with its first key, to be looked at once; return its id.

    Raises INPUT_INVALID for an address that may not be called or facts that do not fit, CODE_TAKEN when two are made
    at once.
    """
    _check(services, facts)

    def work(connection: Connection) -> int:
        try:
            with objects(connection) as session:
                of_unit = select(func.count()).where(PushTarget.unit_id == actor.unit_id)
                count = session.scalar(of_unit) or 0
                code = f"{PUSH}-{count + 1}" if count else PUSH
                key_id = f"QP{secrets.token_hex(6)}"
                values = _new_values(services, actor.unit_id, code, key_id, _new_key(), facts) | {"key_unseen": True}
                target = PushTarget(**values)
                session.add(target)
        except IntegrityError as error:
            raise Refusal("CODE_TAKEN", taken=facts.name) from error
        _record(connection, actor, "push.created", code, {"after": _logged(values)})
        return target.id

    return services.database.act(work)


def change(services: Services, actor: Actor, target_id: int, facts: Facts) -> bool:
    """Change the facts of a target; ``False`` when it was so already. Raises PAGE_NOT_FOUND, INPUT_INVALID."""
    _check(services, facts)
    return _change(services, actor, target_id, facts.values())


def rename(services: Services, actor: Actor, target_id: int, names: Mapping[str, str]) -> bool:
    """Set the receiver's own names of fields; ``False`` when they were so. Raises PAGE_NOT_FOUND, INPUT_INVALID."""
    try:
        fields = checked_fields(names)
    except ValueError as error:
        raise Refusal("INPUT_INVALID", reason=str(error)) from None
    return _change(services, actor, target_id, {"fields": fields})


def _change(services: Services, actor: Actor, target_id: int, values: dict[str, Any]) -> bool:
    def work(connection: Connection) -> bool:
        with objects(connection) as session:
            target = _own(session, actor, target_id)
            before = {name: getattr(target, name) for name in values if getattr(target, name) != values[name]}
            if not before:
                return False
            after = {name: values[name] for name in before}
            for name, value in after.items():
                setattr(target, name, value)
            target.changed_at = now()
        _record(connection, actor, "push.changed", target.code, {"before": before, "after": after})
        return True

    return services.database.act(work)


def renew(services: Services, actor: Actor, target_id: int) -> None:
    """Make a next key; the present one goes on signing. Raises PUSH_KEYS while there are two already."""

    def work(connection: Connection) -> None:
        with objects(connection) as session:
            target = _own(session, actor, target_id)
            if target.next_key is not None:
                raise Refusal("PUSH_KEYS", name=target.name)
            target.next_key = _sealed(services, target.unit_id, target.code, _new_key())
            target.key_unseen, target.changed_at = True, now()
        _record(connection, actor, "push.key_renewed", target.code, {})

    services.database.act(work)


def look(services: Services, actor: Actor, target_id: int) -> tuple[str, str]:
    """Return key id and the newest key in clear, once. Raises HIS_KEY_SEEN afterwards."""

    def work(connection: Connection) -> PushTarget:
        with objects(connection) as session:
            target = _own(session, actor, target_id)
            if not target.key_unseen:
                raise Refusal("HIS_KEY_SEEN")
            target.key_unseen, target.changed_at = False, now()
        _record(connection, actor, "push.key_shown", target.code, {})
        return target

    target = services.database.act(work)
    return target.key_id, keys(services, target)[-1]


def change_over(services: Services, actor: Actor, target_id: int) -> None:
    """Sign with the next key, which the receiver knows by now; the former one is good no longer."""

    def work(connection: Connection) -> None:
        with objects(connection) as session:
            target = _own(session, actor, target_id)
            if target.next_key is None:
                raise Refusal("PAGE_NOT_FOUND")
            target.key, target.next_key, target.changed_at = target.next_key, None, now()
        _record(connection, actor, "push.key_ended", target.code, {})

    services.database.act(work)


def tested(services: Services, actor: Actor, target_id: int) -> PushTarget:
    """Return the target that a test event is about to be sent to; audited."""

    def work(connection: Connection) -> PushTarget:
        with objects(connection) as session:
            target = _own(session, actor, target_id)
        _record(connection, actor, "push.tested", target.code, {})
        return target

    return services.database.act(work)


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


def _new_values(services: Services, unit_id: int, code: str, key_id: str, key: str, facts: Facts) -> dict[str, Any]:
    sealed = _sealed(services, unit_id, code, key)
    identity = {"unit_id": unit_id, "code": code, "key_id": key_id, "key": sealed, "next_key": None}
    return identity | {"key_unseen": False, "fields": {}, "changed_at": now()} | facts.values()


def _logged(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in (*Facts.__slots__, "key_id")}


def _sealed(services: Services, unit_id: int, code: str, key: str) -> bytes:
    return services.cipher.encrypt(KEY_FIELD, f"{unit_id}/{code}", key)


def _new_key() -> str:
    return secrets.token_hex(32)


def _record(connection: Connection, actor: Actor, action: str, code: str, details: Mapping[str, Any]) -> None:
    audit.record(connection, actor, action, ("push_target", code), dict(details))
