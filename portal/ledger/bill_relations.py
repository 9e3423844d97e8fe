"""What belongs to a bill: its red bill or original, the sheet that stands for it, the bill that was issued instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, and_, bindparam, cast, exists, func, select

from portal.domain.numbers import Sheet
from portal.domain.states.bills import BillState, PaperState
from portal.domain.states.standing import Condition, Standing, standing
from portal.ledger.bills import FACTS, BillFacts, by_id, read_facts, red_of
from portal.models.tables import (
    BILL,
    BILL_PARTY,
    BILL_REPLACEMENT,
    BOOKING,
    DELIVERY,
    PAPER_BILL,
    PARTY_KEY,
    PATIENT_REQUEST,
    SUPERVISION,
    VERIFICATION,
)

# PostgreSQL sums big integers to a decimal, which no amount may be
_FEN = cast(func.sum(BOOKING.c.amount_fen), BigInteger)
_BOOKED = select(_FEN).where(BOOKING.c.bill_id == BILL.c.id).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Relations:
    """``replacement``: what was issued instead of a reversed bill, as HIS or staff stated; ``same_day``: the person's
    other bills of that day that are good now, about which nobody has said anything. ``supervised``: finance has signed,
    whatever the state is now. ``asked`` and ``sent``: there are requests and deliveries about it, which cost a
    further question each. ``booked_fen``: how much of it units have booked, ``None`` when none has. ``verified``: how
    often somebody did, ``verified_at`` last."""

    red: BillFacts | None
    original: BillFacts | None
    sheet: Sheet | None
    replacement: tuple[BillFacts, ...]
    same_day: tuple[BillFacts, ...]
    supervised: bool
    asked: bool
    sent: bool
    booked_fen: int | None
    verified: int
    verified_at: datetime | None


_OF_BILL = select(VERIFICATION.c.bill_id).where(VERIFICATION.c.bill_id == BILL.c.id).correlate(BILL)


def with_relations(statement: Select[Any]) -> Select[Any]:
    """Return a statement of one bill's facts with what :func:`of` needs beside them: one question instead of two."""
    return (
        statement.add_columns(
            BILL.c.red_of_id,
            BILL.c.business_day,
            SUPERVISION.c.bill_id.label("supervised"),
            PAPER_BILL.c.paper_code,
            PAPER_BILL.c.number.label("sheet"),
            exists().where(PATIENT_REQUEST.c.bill_id == BILL.c.id).label("asked"),
            exists().where(DELIVERY.c.object_kind == "bill", DELIVERY.c.object_id == BILL.c.id).label("sent"),
            _BOOKED.label("booked_fen"),
            _OF_BILL.with_only_columns(func.count()).scalar_subquery().label("verified"),
            _OF_BILL.with_only_columns(func.max(VERIFICATION.c.at)).scalar_subquery().label("verified_at"),
        )
        .outerjoin(SUPERVISION, SUPERVISION.c.bill_id == BILL.c.id)
        .outerjoin(PAPER_BILL, and_(PAPER_BILL.c.bill_id == BILL.c.id, PAPER_BILL.c.state == PaperState.VALID.value))
    )


_STANDS = select(
    BILL.c.red_of_id.is_not(None),
    exists().where(PAPER_BILL.c.bill_id == BILL.c.id, PAPER_BILL.c.state == PaperState.VALID.value),
    exists().where(BOOKING.c.bill_id == BILL.c.id),
).where(BILL.c.id == bindparam("bill"))


def standing_of(connection: Connection, bill: BillFacts) -> Standing:
    """Return what a bill is good for now."""
    red, exchanged, booked = connection.execute(_STANDS, {"bill": bill.bill_id}).one()
    return standing(Condition(bill.state, bool(red), bool(exchanged), bool(booked)))


_OWN_KEYS = select(PARTY_KEY.c.digest).where(PARTY_KEY.c.bill_id == bindparam("bill"))
_OWN_NAME = select(BILL_PARTY.c.name_digest).where(BILL_PARTY.c.bill_id == bindparam("bill")).scalar_subquery()
_REPLACEMENT = (
    FACTS.join(BILL_REPLACEMENT, BILL_REPLACEMENT.c.bill_id == BILL.c.id)
    .where(BILL_REPLACEMENT.c.replaced_id == bindparam("bill"))
    .order_by(BILL.c.issued_at)
)
_REPLACED = (
    FACTS.join(BILL_REPLACEMENT, BILL_REPLACEMENT.c.replaced_id == BILL.c.id)
    .where(BILL_REPLACEMENT.c.bill_id == bindparam("bill"))
    .order_by(BILL.c.issued_at)
)
_SAME_DAY = (
    FACTS.join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id)
    .where(
        BILL.c.id.in_(select(PARTY_KEY.c.bill_id).where(PARTY_KEY.c.digest.in_(_OWN_KEYS))),
        BILL_PARTY.c.name_digest == _OWN_NAME,
        BILL.c.unit_id == bindparam("unit"),
        BILL.c.business_day == bindparam("day"),
        BILL.c.state != BillState.REVERSED.value,
        BILL.c.red_of_id.is_(None),
    )
    .order_by(BILL.c.issued_at)
)


def replacements(connection: Connection, bill_id: int) -> tuple[BillFacts, ...]:
    """Return the bills that were issued instead of a reversed one, as was stated."""
    return tuple(map(read_facts, connection.execute(_REPLACEMENT, {"bill": bill_id})))


def replaced(connection: Connection, bill_id: int) -> BillFacts | None:
    """Return the reversed bill instead of which one was issued, as was stated."""
    row = connection.execute(_REPLACED, {"bill": bill_id}).one_or_none()
    return None if row is None else read_facts(row)


def of(connection: Connection, bill: BillFacts, row: Any) -> Relations:
    """Return what belongs to ``bill``; ``row`` comes from a statement :func:`with_relations`."""
    replacement: tuple[BillFacts, ...] = ()
    same_day: tuple[BillFacts, ...] = ()
    if bill.state is BillState.REVERSED:
        replacement = replacements(connection, bill.bill_id)
    if bill.state is BillState.REVERSED and not replacement:
        wanted = {"bill": bill.bill_id, "unit": bill.unit_id, "day": row.business_day}
        live = map(read_facts, connection.execute(_SAME_DAY, wanted))
        same_day = tuple(one for one in live if one.standing in (Standing.VALID, Standing.WAITING))
    return Relations(
        red_of(connection, bill.bill_id) if bill.state is BillState.REVERSED else None,
        by_id(connection, row.red_of_id) if row.red_of_id else None,
        Sheet(row.paper_code, row.sheet) if row.sheet is not None else None,
        replacement,
        same_day,
        row.supervised is not None,
        bool(row.asked),
        bool(row.sent),
        None if row.booked_fen is None else int(row.booked_fen),
        row.verified,
        row.verified_at,
    )
