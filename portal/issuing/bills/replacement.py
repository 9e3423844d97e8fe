"""The link between a bill and the one that it was issued instead of, as the HIS or a person at the console stated."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, exists, insert, literal, or_, select

from portal.domain.states.bills import BillState
from portal.models.tables import BILL, BILL_PARTY, BILL_REPLACEMENT, PARTY_KEY


def replace_serial_on(connection: Connection, account_id: int, replaced_serial: str, bill_id: int) -> None:
    """Write down that a bill replaces that of an earlier serial of the same account, in the caller's transaction.

    Nothing is written when there is no such bill of the same person: a wrong statement would send a patient to
    somebody else's bill or to a bill of other services.
    """
    is_it = (BILL.c.account_id == account_id) & (BILL.c.serial == replaced_serial)
    _write(connection, bill_id, is_it & _same_name(bill_id) & _same_number(bill_id))


def replace_bill_on(connection: Connection, unit_id: int, replaced_id: int, bill_id: int) -> None:
    """Write down that a bill replaces a reversed one of the unit, whoever issued that, in the caller's transaction.

    Nothing is written when neither name nor any number is the same. One of them is enough, since a wrong name is a
    reason to issue anew, and since what was typed may have no number at all.
    """
    is_it = (BILL.c.id == replaced_id) & (BILL.c.unit_id == unit_id) & (BILL.c.state == BillState.REVERSED.value)
    _write(connection, bill_id, is_it & or_(_same_name(bill_id), _same_number(bill_id)))


def _same_name(bill_id: int) -> ColumnElement[bool]:
    own = select(BILL_PARTY.c.name_digest).where(BILL_PARTY.c.bill_id == bill_id).scalar_subquery()
    other = BILL_PARTY.alias("replaced_party")
    return exists().where(other.c.bill_id == BILL.c.id, other.c.name_digest == own)


def _same_number(bill_id: int) -> ColumnElement[bool]:
    own = select(PARTY_KEY.c.digest).where(PARTY_KEY.c.bill_id == bill_id)
    other = PARTY_KEY.alias("replaced_key")
    return exists().where(other.c.bill_id == BILL.c.id, other.c.digest.in_(own))


def _write(connection: Connection, bill_id: int, is_replaced: ColumnElement[bool]) -> None:
    replaced = select(literal(bill_id), BILL.c.id).where(BILL.c.id != bill_id, is_replaced)
    connection.execute(insert(BILL_REPLACEMENT).from_select(["bill_id", "replaced_id"], replaced))
