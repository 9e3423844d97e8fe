"""Keys of HIS accounts: a new one beside the old one, shown once; the old one ended when the HIS has changed over."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.access.his_account import HIS, KEY_FIELD
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import HIS_ACCOUNT, HIS_MAPPING


def _new_key() -> str:
    # 26 hexadecimal characters: the form that HISs of the field have a column for.
    return secrets.token_hex(13)


def create(services: Services, actor: Actor, appid: str, name: str) -> int:
    """A new account with its first key, to be looked at once. Raises CODE_TAKEN for an appid that there is."""
    row = {
        "unit_id": actor.unit_id,
        "appid": appid,
        "name": name,
        "key": services.cipher.encrypt(KEY_FIELD, appid, _new_key()),
        "key_unseen": True,
        "policies": {},
        "kind": HIS,
        "active": True,
    }
    try:
        with services.database.write() as connection:
            account_id = connection.execute(insert(HIS_ACCOUNT).returning(HIS_ACCOUNT.c.id), row).scalar_one()
            audit.record(
                connection, actor, "his.created", ("his_account", account_id), {"after": {"appid": appid, "name": name}}
            )
    except IntegrityError as error:
        raise Refusal("CODE_TAKEN", taken=appid) from error
    return int(account_id)


def renew(services: Services, actor: Actor, account_id: int) -> None:
    """Make a new key; the present one stays good beside it. Raises HIS_KEYS while two are good already."""
    with services.database.write() as connection:
        row = own(connection, actor, account_id)
        if row.earlier_key is not None:
            raise Refusal("HIS_KEYS", appid=row.appid)
        values = {
            "key": services.cipher.encrypt(KEY_FIELD, row.appid, _new_key()),
            "earlier_key": row.key,
            "key_unseen": True,
        }
        connection.execute(update(HIS_ACCOUNT).where(HIS_ACCOUNT.c.id == account_id).values(**values))
        audit.record(connection, actor, "his.key_renewed", ("his_account", account_id))


def look(services: Services, actor: Actor, account_id: int) -> str:
    """The new key in clear, once. Raises HIS_KEY_SEEN afterwards."""
    with services.database.write() as connection:
        row = own(connection, actor, account_id)
        if not row.key_unseen:
            raise Refusal("HIS_KEY_SEEN")
        connection.execute(update(HIS_ACCOUNT).where(HIS_ACCOUNT.c.id == account_id).values(key_unseen=False))
        audit.record(connection, actor, "his.key_shown", ("his_account", account_id))
    return services.cipher.decrypt_text(KEY_FIELD, row.appid, row.key)


def end_earlier(services: Services, actor: Actor, account_id: int) -> None:
    """The key before the present one is good no longer."""
    with services.database.write() as connection:
        own(connection, actor, account_id)
        connection.execute(update(HIS_ACCOUNT).where(HIS_ACCOUNT.c.id == account_id).values(earlier_key=None))
        audit.record(connection, actor, "his.key_ended", ("his_account", account_id))


def own(connection: Connection, actor: Actor, account_id: int) -> Row[Any]:
    """The unit's HIS account, held to the commit. Raises PAGE_NOT_FOUND."""
    row = connection.execute(
        select(HIS_ACCOUNT)
        .where(HIS_ACCOUNT.c.id == account_id, HIS_ACCOUNT.c.unit_id == actor.unit_id, HIS_ACCOUNT.c.kind == HIS)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return row


def set_facts(
    services: Services, actor: Actor, account_id: int, name: str, active: bool, policies: dict[str, str]
) -> None:
    """Name, whether it may call, and the switches of its checks."""
    with services.database.write() as connection:
        row = own(connection, actor, account_id)
        before = {"name": row.name, "active": row.active, "policies": row.policies}
        after = {"name": name, "active": active, "policies": policies}
        connection.execute(update(HIS_ACCOUNT).where(HIS_ACCOUNT.c.id == account_id).values(**after))
        audit.record(connection, actor, "his.changed", ("his_account", account_id), {"before": before, "after": after})


def set_mapping(services: Services, actor: Actor, account_id: int, table: str, rows: dict[str, str]) -> tuple[int, int]:
    """Replace one 对照表: sent code → our code. Returns how many were added or changed, and how many taken away."""
    with services.database.write() as connection:
        own(connection, actor, account_id)
        mine = (HIS_MAPPING.c.account_id == account_id) & (HIS_MAPPING.c.table_name == table)
        found = connection.execute(select(HIS_MAPPING.c.sent_code, HIS_MAPPING.c.our_code).where(mine))
        before = {row.sent_code: row.our_code for row in found}
        changed = {code: ours for code, ours in rows.items() if before.get(code) != ours}
        gone = [code for code in before if code not in rows]
        connection.execute(HIS_MAPPING.delete().where(mine, HIS_MAPPING.c.sent_code.in_([*gone, *changed])))
        if changed:
            connection.execute(
                insert(HIS_MAPPING),
                [
                    {"account_id": account_id, "table_name": table, "sent_code": code, "our_code": ours}
                    for code, ours in changed.items()
                ],
            )
        if changed or gone:
            touched = {code: before[code] for code in (*changed, *gone) if code in before}
            details = {"table": table, "before": touched, "after": changed}
            audit.record(connection, actor, "his.mapping_changed", ("his_account", account_id), details)
    return len(changed), len(gone)
