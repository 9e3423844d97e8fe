"""Bindings of persons to accounts at platforms, and how many messages each owner has allowed.

A binding is made once by somebody who has proved who they are (level 2: number, name and a code to the phone on
file). It names the person as retrieval does, by keyed hashes, so it reaches bills that come later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal import audit
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery.engine.channel import Target
from portal.domain.actor import Actor
from portal.models.tables import (
    BILL_PARTY,
    CHANNEL_BINDING,
    MESSAGE_PERMISSION,
    PARTY_KEY,
    VOUCHER,
    VOUCHER_KEY,
    VOUCHER_PARTY,
)

_ACTIVE = ("active",)
BOUND = ("active", "stale")
"""States of a binding that its person has not ended; ``stale``: they do not follow the account, or it is gone."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An account at a platform (wechat, mini, alipay): ``kind`` openid, open_id or user_id, and its value."""

    platform: str
    appid: str
    kind: str
    value: str

    def digest(self, services: Services) -> bytes:
        """Its keyed hash; an openid is of one account only, so the account is part of it."""
        return services.index.digest(f"subject.{self.platform}", f"{self.appid}:{self.kind}:{self.value}")


def bind(services: Services, unit_id: int, subject: Subject, number: bytes, name: bytes, by: str) -> None:
    """Bind an account to a person as :func:`bind_on` does, in a transaction of its own."""
    services.database.act(lambda connection: bind_on(services, connection, unit_id, subject, number, name, by))


def bind_on(
    services: Services, connection: Connection, unit_id: int, subject: Subject, number: bytes, name: bytes, by: str
) -> None:
    """Bind an account to a person (keyed hashes of number and name) who was just proved by ``by``; audited.

    One account may be bound to several persons, and a person to several accounts. Bound already: proved anew.
    """
    moment, digest = now(), subject.digest(services)
    binding_id = new_id()
    values = {
        "id": binding_id,
        "unit_id": unit_id,
        "platform": subject.platform,
        "appid": subject.appid,
        "subject": services.cipher.encrypt("channel_binding.subject", digest.hex(), subject.value),
        "subject_digest": digest,
        "subject_kind": subject.kind,
        "number_digest": number,
        "name_digest": name,
        "verified_by": by,
        "verified_at": moment,
        "state": "active",
        "state_at": moment,
    }
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    again = {key: values[key] for key in ("name_digest", "verified_by", "verified_at", "state", "state_at", "unit_id")}
    index = ["platform", "subject_digest", "number_digest"]
    connection.execute(make(CHANNEL_BINDING).values(**values).on_conflict_do_update(index_elements=index, set_=again))
    actor, details = f"patient:{number.hex()[:12]}", {"platform": subject.platform, "by": by}
    audit.record(connection, Actor(actor), "channel.bound", ("unit", unit_id), details)


def persons(services: Services, connection: Connection, subject: Subject) -> list[tuple[int, bytes, bytes]]:
    """Whom an account is bound to, newest first: unit, keyed hashes of number and name."""
    found = (
        select(CHANNEL_BINDING.c.unit_id, CHANNEL_BINDING.c.number_digest, CHANNEL_BINDING.c.name_digest)
        .where(
            CHANNEL_BINDING.c.platform == subject.platform, CHANNEL_BINDING.c.subject_digest == subject.digest(services)
        )
        .where(CHANNEL_BINDING.c.state == "active")
        .order_by(CHANNEL_BINDING.c.verified_at.desc())
    )
    return [(row.unit_id, row.number_digest, row.name_digest) for row in connection.execute(found)]


_OWNER = (
    select(func.coalesce(VOUCHER.c.of_id, VOUCHER.c.id)).where(VOUCHER.c.id == bindparam("object")).scalar_subquery()
)
_PERSONS = {
    "bill": select(PARTY_KEY.c.digest.label("number"), BILL_PARTY.c.name_digest.label("name"))
    .join(BILL_PARTY, BILL_PARTY.c.bill_id == PARTY_KEY.c.bill_id)
    .where(PARTY_KEY.c.bill_id == bindparam("object"))
    .subquery(),
    "voucher": select(VOUCHER_KEY.c.digest.label("number"), VOUCHER_PARTY.c.name_digest.label("name"))
    .join(VOUCHER_PARTY, VOUCHER_PARTY.c.voucher_id == VOUCHER_KEY.c.voucher_id)
    .where(VOUCHER_KEY.c.voucher_id == _OWNER)
    .subquery(),
}
"""The person of a bill or voucher, as bindings name it: every number with the name."""


def recipient(
    services: Services,
    connection: Connection,
    platform: str,
    appid: str,
    target: Target,
    states: Sequence[str] = _ACTIVE,
) -> str:
    """Return the account of the patient of a bill or voucher at a platform: for Alipay with its kind (``open_id:…``);
    ``""`` for none."""
    person = _PERSONS.get(target.kind)
    if person is None:
        return ""
    same = (CHANNEL_BINDING.c.number_digest == person.c.number) & (CHANNEL_BINDING.c.name_digest == person.c.name)
    found = (
        select(CHANNEL_BINDING.c.subject, CHANNEL_BINDING.c.subject_digest, CHANNEL_BINDING.c.subject_kind)
        .select_from(person.join(CHANNEL_BINDING, same))
        .where(CHANNEL_BINDING.c.unit_id == target.unit_id)
        .where(
            CHANNEL_BINDING.c.platform == platform,
            CHANNEL_BINDING.c.appid == appid,
            CHANNEL_BINDING.c.state.in_(states),
        )
        .order_by(CHANNEL_BINDING.c.verified_at.desc())
        .limit(1)
    )
    row = connection.execute(found, {"object": target.object_id}).first()
    if row is None:
        return ""
    value = services.cipher.decrypt_text("channel_binding.subject", row.subject_digest.hex(), row.subject)
    return f"{row.subject_kind}:{value}" if platform == "alipay" else value


def set_state(services: Services, subject: Subject, state: str) -> None:
    """Note that an account can no longer be reached (``stale``: unfollowed, unknown) or can again (``active``)."""
    if state not in ("active", "stale"):
        raise ValueError(state)
    mine = (CHANNEL_BINDING.c.platform == subject.platform) & (
        CHANNEL_BINDING.c.subject_digest == subject.digest(services)
    )
    other = "stale" if state == "active" else "active"
    with services.database.write() as connection:
        connection.execute(
            update(CHANNEL_BINDING).where(mine, CHANNEL_BINDING.c.state == other).values(state=state, state_at=now())
        )


def state_of(connection: Connection, unit_id: int, number: bytes, platform: str) -> str:
    """Whether a person is told over a platform: ``active``; ``stale``: bound, but not reached (does not follow the
    account); ``""``: not bound."""
    mine = (
        (CHANNEL_BINDING.c.unit_id == unit_id)
        & (CHANNEL_BINDING.c.number_digest == number)
        & (CHANNEL_BINDING.c.platform == platform)
    )
    bound = select(CHANNEL_BINDING.c.state).where(mine, CHANNEL_BINDING.c.state != "revoked")
    return str(connection.scalar(bound.order_by(CHANNEL_BINDING.c.state).limit(1)) or "")


def revoke(services: Services, unit_id: int, number: bytes, platform: str) -> int:
    """End a person's bindings as :func:`revoke_on` does, in a transaction of its own."""
    return services.database.act(lambda connection: revoke_on(connection, unit_id, number, platform))


def revoke_on(connection: Connection, unit_id: int, number: bytes, platform: str) -> int:
    """End the bindings of a person who wants no more messages at a platform. Returns how many; audited."""
    mine = (
        (CHANNEL_BINDING.c.unit_id == unit_id)
        & (CHANNEL_BINDING.c.number_digest == number)
        & (CHANNEL_BINDING.c.platform == platform)
    )
    ended = connection.execute(
        update(CHANNEL_BINDING)
        .where(mine, CHANNEL_BINDING.c.state != "revoked")
        .values(state="revoked", state_at=now())
    ).rowcount
    audit.record(
        connection, Actor(f"patient:{number.hex()[:12]}"), "channel.unbound", ("unit", unit_id), {"platform": platform}
    )
    return ended


# ── permissions of subscription messages ──────────────────────────────────────────────────────────────────────────
def allow(services: Services, subject: Subject, templates: Sequence[str]) -> None:
    """Note that the owner of an account has just allowed one further message of each template."""

    def work(connection: Connection) -> None:
        for template in templates:
            allow_on(services, connection, subject, template, 1)

    services.database.act(work)


def allow_on(services: Services, connection: Connection, subject: Subject, template: str, more: int) -> None:
    """``more`` further messages of a template are allowed; 0: refused, none is left."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"subject_digest": subject.digest(services), "template": template, "remaining": more, "changed_at": now()}
    count = MESSAGE_PERMISSION.c.remaining + more if more else 0
    added = make(MESSAGE_PERMISSION).values(**values)
    changed = {"remaining": count, "changed_at": now()}
    index = ["subject_digest", "template"]
    connection.execute(added.on_conflict_do_update(index_elements=index, set_=changed))


def take_permission(services: Services, subject: Subject, template: str) -> bool:
    """Use up one permission before a message is sent; ``False``: there is none, so nothing may be sent."""
    mine = (MESSAGE_PERMISSION.c.subject_digest == subject.digest(services)) & (
        MESSAGE_PERMISSION.c.template == template
    )
    with services.database.write() as connection:
        taken = update(MESSAGE_PERMISSION).where(mine, MESSAGE_PERMISSION.c.remaining > 0)
        values = {"remaining": MESSAGE_PERMISSION.c.remaining - 1, "changed_at": now()}
        return connection.execute(taken.values(**values)).rowcount == 1


def give_back(services: Services, subject: Subject, template: str, none_left: bool = False) -> None:
    """Give a permission back: the message was surely not sent. ``none_left``: the platform says there was none."""
    with services.database.write() as connection:
        allow_on(services, connection, subject, template, 0 if none_left else 1)
