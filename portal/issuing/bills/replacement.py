"""The link between a bill and the one that it was issued instead of, as the HIS stated it."""

from __future__ import annotations

from sqlalchemy import Connection, exists, insert, literal, select

from portal.models.tables import BILL, BILL_PARTY, BILL_REPLACEMENT, PARTY_KEY


def replace_on(connection: Connection, account_id: int, replaced_serial: str, bill_id: int) -> None:
    """Write down that a bill replaces that of an earlier serial of the same account, in the caller's transaction.

    Nothing is written when there is no such bill of the same person: a wrong statement would send a patient to
    somebody else's bill or to a bill of other services.
    """
    own_name = select(BILL_PARTY.c.name_digest).where(BILL_PARTY.c.bill_id == bill_id).scalar_subquery()
    own_keys = select(PARTY_KEY.c.digest).where(PARTY_KEY.c.bill_id == bill_id)
    replaced = (
        select(literal(bill_id), BILL.c.id)
        .join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id)
        .where(
            BILL.c.account_id == account_id,
            BILL.c.serial == replaced_serial,
            BILL.c.id != bill_id,
            BILL_PARTY.c.name_digest == own_name,
            exists().where(PARTY_KEY.c.bill_id == BILL.c.id, PARTY_KEY.c.digest.in_(own_keys)),
        )
    )
    connection.execute(insert(BILL_REPLACEMENT).from_select(["bill_id", "replaced_id"], replaced))
