"""Keys of HIS accounts: a new one beside the old one, shown once; the old one ended when the HIS has changed over."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import audit
from portal.access.his import accounts
from portal.access.his.accounts import HIS, KEY_FIELD
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models import HisAccount, HisMapping
from portal.models.objects import objects
from portal.models.tables import HIS_ACCOUNT

NOTED_EVERY = timedelta(minutes=10)


def _new_key() -> str:
    # 26 hexadecimal characters: the form that HISs of the field have a column for.
    return secrets.token_hex(13)


def create(services: Services, actor: Actor, appid: str, name: str) -> int:
    """Add an account with its first key, to be looked at once; return its id. Raises CODE_TAKEN for a known appid."""

    def work(connection: Connection) -> int:
        key = services.cipher.encrypt(KEY_FIELD, appid, _new_key())
        account = HisAccount(unit_id=actor.unit_id, appid=appid, name=name, key=key, key_unseen=True)
        account.policies, account.kind, account.active = {}, HIS, True
        try:
            with objects(connection) as session:
                session.add(account)
        except IntegrityError as error:
            raise Refusal("CODE_TAKEN", taken=appid) from error
        details = {"after": {"appid": appid, "name": name}}
        audit.record(connection, actor, "his.created", ("his_account", account.id), details)
        return account.id

    return services.database.act(work)


def renew(services: Services, actor: Actor, account_id: int) -> None:
    """Make a new key; the present one stays good beside it. Raises HIS_KEYS while two are good already."""

    def work(connection: Connection) -> None:
        with objects(connection) as session:
            account = _own(session, actor, account_id)
            if account.earlier_key is not None:
                raise Refusal("HIS_KEYS", appid=account.appid)
            account.earlier_key, account.earlier_key_used_at = account.key, None
            account.key = services.cipher.encrypt(KEY_FIELD, account.appid, _new_key())
            account.key_unseen = True
        audit.record(connection, actor, "his.key_renewed", ("his_account", account_id))

    services.database.act(work)


def look(services: Services, actor: Actor, account_id: int) -> str:
    """Return the new key in clear, once. Raises HIS_KEY_SEEN afterwards."""

    def work(connection: Connection) -> HisAccount:
        with objects(connection) as session:
            account = _own(session, actor, account_id)
            if not account.key_unseen:
                raise Refusal("HIS_KEY_SEEN")
            account.key_unseen = False
        audit.record(connection, actor, "his.key_shown", ("his_account", account_id))
        return account

    account = services.database.act(work)
    return services.cipher.decrypt_text(KEY_FIELD, account.appid, account.key)


def note_earlier(services: Services, account: accounts.HisAccount) -> None:
    """Note that a call was signed with the key before the present one: at most every :data:`NOTED_EVERY`."""
    moment = now()
    if account.earlier_key_used_at is not None and account.earlier_key_used_at > moment - NOTED_EVERY:
        return
    of_account = (HIS_ACCOUNT.c.id == account.id) & HIS_ACCOUNT.c.earlier_key.is_not(None)
    noted = update(HIS_ACCOUNT).where(of_account).values(earlier_key_used_at=moment)
    services.database.act(lambda connection: connection.execute(noted))


def end_earlier(services: Services, actor: Actor, account_id: int) -> None:
    """End the key before the present one: it is good no longer."""

    def work(connection: Connection) -> None:
        with objects(connection) as session:
            _own(session, actor, account_id).earlier_key = None
        audit.record(connection, actor, "his.key_ended", ("his_account", account_id))

    services.database.act(work)


def own(connection: Connection, actor: Actor, account_id: int) -> HisAccount:
    """Return the unit's HIS account, held to the commit. Raises PAGE_NOT_FOUND."""
    with objects(connection) as session:
        return _own(session, actor, account_id)


def _own(session: Session, actor: Actor, account_id: int) -> HisAccount:
    of_unit = (HisAccount.id == account_id) & (HisAccount.unit_id == actor.unit_id) & (HisAccount.kind == HIS)
    account = session.scalars(select(HisAccount).where(of_unit).with_for_update()).one_or_none()
    if account is None:
        raise Refusal("PAGE_NOT_FOUND")
    return account


def set_facts(
    services: Services, actor: Actor, account_id: int, name: str, active: bool, policies: dict[str, str]
) -> None:
    """Set the name, whether the account may call, and these switches; switches that are not named stay."""

    def work(connection: Connection) -> None:
        with objects(connection) as session:
            account = _own(session, actor, account_id)
            before = {"name": account.name, "active": account.active, "policies": account.policies}
            account.name, account.active, account.policies = name, active, {**account.policies, **policies}
            after = {"name": name, "active": active, "policies": account.policies}
        details = {"before": before, "after": after}
        audit.record(connection, actor, "his.changed", ("his_account", account_id), details)

    services.database.act(work)


@dataclass(frozen=True, slots=True)
class Taken:
    """A row of a mapping table that another account has and this one has not: ``ours`` there, ``before`` here."""

    table: str
    sent: str
    before: str
    ours: str


def to_take_over(connection: Connection, actor: Actor, account_id: int, source_id: int) -> list[Taken]:
    """Return what the mapping tables of another account of the unit would add or change. Raises PAGE_NOT_FOUND."""
    with objects(connection) as session:
        for one in (account_id, source_id):
            _own(session, actor, one)
        both = select(HisMapping).where(HisMapping.account_id.in_((account_id, source_id)))
        rows = {(row.account_id, row.table, row.sent_code): row.our_code for row in session.scalars(both)}
    found = []
    for (owner, table, sent), ours in sorted(rows.items()):
        before = rows.get((account_id, table, sent), "")
        if owner == source_id and before != ours:
            found.append(Taken(table, sent, before, ours))
    return found


def take_over(services: Services, actor: Actor, account_id: int, source_id: int) -> int:
    """Copy the mapping tables of another account of the unit; return how many rows were added or changed.

    Rows that only this account has stay. Raises PAGE_NOT_FOUND.
    """

    def work(connection: Connection) -> int:
        taken = to_take_over(connection, actor, account_id, source_id)
        with objects(connection) as session:
            for row in taken:
                mapping = HisMapping(account_id=account_id, table=row.table, sent_code=row.sent, our_code=row.ours)
                session.merge(mapping)
        for table in dict.fromkeys(row.table for row in taken):
            rows = [row for row in taken if row.table == table]
            details = {
                "table": table,
                "from": source_id,
                "before": {row.sent: row.before for row in rows if row.before},
                "after": {row.sent: row.ours for row in rows},
            }
            audit.record(connection, actor, "his.mapping_changed", ("his_account", account_id), details)
        return len(taken)

    return services.database.act(work)


def set_mapping(services: Services, actor: Actor, account_id: int, table: str, rows: dict[str, str]) -> tuple[int, int]:
    """Replace one 对照表: sent code → our code. Return how many were added or changed, and how many taken away."""

    def work(connection: Connection) -> tuple[int, int]:
        with objects(connection) as session:
            _own(session, actor, account_id)
            of_table = (HisMapping.account_id == account_id) & (HisMapping.table == table)
            mappings = {mapping.sent_code: mapping for mapping in session.scalars(select(HisMapping).where(of_table))}
            before = {code: mapping.our_code for code, mapping in mappings.items()}
            changed = {code: ours for code, ours in rows.items() if before.get(code) != ours}
            gone = [code for code in before if code not in rows]
            for code, ours in changed.items():
                if code in mappings:
                    mappings[code].our_code = ours
                else:
                    session.add(HisMapping(account_id=account_id, table=table, sent_code=code, our_code=ours))
            for code in gone:
                session.delete(mappings[code])
        if changed or gone:
            touched = {code: before[code] for code in (*changed, *gone) if code in before}
            details = {"table": table, "before": touched, "after": changed}
            audit.record(connection, actor, "his.mapping_changed", ("his_account", account_id), details)
        return len(changed), len(gone)

    return services.database.act(work)
