"""Which account at a platform is whose, and how many messages its owner has allowed (delivery-channels §2.2, §14).

A binding is made once by somebody who has proved who they are (level 2: number, name and a code to the phone on
file). It names the person as retrieval does, by keyed hashes, so it reaches bills that come later.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.audit import entries
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery.channel import Target
from portal.models import Bill, BillParty, ChannelBinding, MessagePermission, PartyKey

BINDING: Table = ChannelBinding.__table__  # type: ignore[assignment]
PERMISSION: Table = MessagePermission.__table__  # type: ignore[assignment]
BILL: Table = Bill.__table__  # type: ignore[assignment]
PARTY: Table = BillParty.__table__  # type: ignore[assignment]
KEY: Table = PartyKey.__table__  # type: ignore[assignment]


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


def bind(
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
    connection.execute(make(BINDING).values(**values).on_conflict_do_update(index_elements=index, set_=again))
    actor, details = f"patient:{number.hex()[:12]}", {"platform": subject.platform, "by": by}
    entries.record(connection, "channel.bound", "unit", unit_id, actor, details=details)


def persons(services: Services, connection: Connection, subject: Subject) -> list[tuple[int, bytes, bytes]]:
    """Whom an account is bound to, newest first: unit, keyed hashes of number and name."""
    found = (
        select(BINDING.c.unit_id, BINDING.c.number_digest, BINDING.c.name_digest)
        .where(BINDING.c.platform == subject.platform, BINDING.c.subject_digest == subject.digest(services))
        .where(BINDING.c.state == "active")
        .order_by(BINDING.c.verified_at.desc())
    )
    return [(row.unit_id, row.number_digest, row.name_digest) for row in connection.execute(found)]


def recipient(services: Services, connection: Connection, platform: str, appid: str, target: Target) -> str:
    """The account of a bill's patient at a platform: for Alipay with its kind (``open_id:…``); ``""`` for none."""
    if target.kind != "bill":
        return ""
    found = (
        select(BINDING.c.subject, BINDING.c.subject_digest, BINDING.c.subject_kind)
        .select_from(KEY.join(PARTY, PARTY.c.bill_id == KEY.c.bill_id))
        .join(BINDING, (BINDING.c.number_digest == KEY.c.digest) & (BINDING.c.name_digest == PARTY.c.name_digest))
        .where(KEY.c.bill_id == target.object_id, BINDING.c.unit_id == target.unit_id)
        .where(BINDING.c.platform == platform, BINDING.c.appid == appid, BINDING.c.state == "active")
        .order_by(BINDING.c.verified_at.desc())
        .limit(1)
    )
    row = connection.execute(found).first()
    if row is None:
        return ""
    value = services.cipher.decrypt_text("channel_binding.subject", row.subject_digest.hex(), row.subject)
    return f"{row.subject_kind}:{value}" if platform == "alipay" else value


def set_state(services: Services, subject: Subject, state: str) -> None:
    """An account can no longer be reached (``stale``: unfollowed, unknown) or can again (``active``)."""
    if state not in ("active", "stale"):
        raise ValueError(state)
    mine = (BINDING.c.platform == subject.platform) & (BINDING.c.subject_digest == subject.digest(services))
    other = "stale" if state == "active" else "active"
    with services.database.write() as connection:
        connection.execute(update(BINDING).where(mine, BINDING.c.state == other).values(state=state, state_at=now()))


def is_bound(connection: Connection, unit_id: int, number: bytes, platform: str) -> bool:
    """Whether a person is told over a platform."""
    mine = (BINDING.c.unit_id == unit_id) & (BINDING.c.number_digest == number) & (BINDING.c.platform == platform)
    return connection.execute(select(BINDING.c.id).where(mine, BINDING.c.state == "active")).first() is not None


def revoke(services: Services, connection: Connection, unit_id: int, number: bytes, platform: str) -> int:
    """A person wants no more messages at a platform: their bindings end; returns how many. Audited."""
    mine = (BINDING.c.unit_id == unit_id) & (BINDING.c.number_digest == number) & (BINDING.c.platform == platform)
    ended = connection.execute(
        update(BINDING).where(mine, BINDING.c.state != "revoked").values(state="revoked", state_at=now())
    ).rowcount
    entries.record(
        connection, "channel.unbound", "unit", unit_id, f"patient:{number.hex()[:12]}", details={"platform": platform}
    )
    return ended


# ── permissions of subscription messages ──────────────────────────────────────────────────────────────────────────
def allow(services: Services, connection: Connection, subject: Subject, template: str, more: int) -> None:
    """``more`` further messages of a template are allowed; 0: refused, none is left."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"subject_digest": subject.digest(services), "template": template, "remaining": more, "changed_at": now()}
    count = PERMISSION.c.remaining + more if more else 0
    added = make(PERMISSION).values(**values)
    changed = {"remaining": count, "changed_at": now()}
    index = ["subject_digest", "template"]
    connection.execute(added.on_conflict_do_update(index_elements=index, set_=changed))


def take_permission(services: Services, subject: Subject, template: str) -> bool:
    """Use up one permission before a message is sent; ``False``: there is none, so nothing may be sent."""
    mine = (PERMISSION.c.subject_digest == subject.digest(services)) & (PERMISSION.c.template == template)
    with services.database.write() as connection:
        taken = update(PERMISSION).where(mine, PERMISSION.c.remaining > 0)
        values = {"remaining": PERMISSION.c.remaining - 1, "changed_at": now()}
        return connection.execute(taken.values(**values)).rowcount == 1


def give_back(services: Services, subject: Subject, template: str, none_left: bool = False) -> None:
    """The message was surely not sent; ``none_left``: and the platform says that there was no permission."""
    with services.database.write() as connection:
        allow(services, connection, subject, template, 0 if none_left else 1)
