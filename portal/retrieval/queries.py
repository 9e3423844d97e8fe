"""Reads for the console's lists about patients: companies, family, requests, verifications."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from portal.core.clock import now
from portal.core.services import Services
from portal.ledger.persons import number_digest
from portal.models.tables import BILL, COMPANY_ACCOUNT, FAMILY_LINK, PATIENT_REQUEST, VERIFICATION


def company_accounts(unit_id: int) -> Select[Any]:
    """Select the company accounts of a unit."""
    return select(COMPANY_ACCOUNT).where(COMPANY_ACCOUNT.c.unit_id == unit_id)


def company_code_is(services: Services, code: str) -> ColumnElement[bool]:
    """Filter company accounts by their credit code, which is known by its keyed hash."""
    return COMPANY_ACCOUNT.c.number_digest == number_digest(services, code)


def company_state_is(state: str) -> ColumnElement[bool]:
    """Filter company accounts by ``open``, ``over`` or ``revoked``."""
    if state == "revoked":
        return COMPANY_ACCOUNT.c.revoked_at.is_not(None)
    ends = COMPANY_ACCOUNT.c.valid_until
    return COMPANY_ACCOUNT.c.revoked_at.is_(None) & (ends > now() if state == "open" else ends <= now())


def family_links(unit_id: int) -> Select[Any]:
    """Select the links of guardians and proxies of a unit."""
    return select(FAMILY_LINK).where(FAMILY_LINK.c.unit_id == unit_id)


def family_kind_is(kind: str) -> ColumnElement[bool]:
    """Filter links by ``guardian`` or ``proxy``."""
    return FAMILY_LINK.c.kind == kind


def patient_requests(unit_id: int) -> Select[Any]:
    """Select the requests of patients to a unit, each with code and number of the bill that it is about."""
    bill = select(PATIENT_REQUEST, BILL.c.bill_code, BILL.c.number).outerjoin(
        BILL, BILL.c.id == PATIENT_REQUEST.c.bill_id
    )
    return bill.where(PATIENT_REQUEST.c.unit_id == unit_id)


def request_state_is(state: str) -> ColumnElement[bool]:
    """Filter requests by their state."""
    return PATIENT_REQUEST.c.state == state


def request_kind_is(kind: str) -> ColumnElement[bool]:
    """Filter requests by their kind."""
    return PATIENT_REQUEST.c.kind == kind


_PLACES = (
    select(VERIFICATION.c.bill_id, func.count(VERIFICATION.c.place.distinct()).label("places"))
    .group_by(VERIFICATION.c.bill_id)
    .subquery()
)


def verifications(unit_id: int) -> Select[Any]:
    """Select every verification that matched a bill of a unit, with the number of ``places`` that verified the bill."""
    bill = [BILL.c[name] for name in ("id", "bill_code", "number", "total_fen", "state")]
    return (
        select(VERIFICATION.c.at, _PLACES.c.places, *bill)
        .select_from(VERIFICATION)
        .join(BILL, BILL.c.id == VERIFICATION.c.bill_id)
        .join(_PLACES, _PLACES.c.bill_id == VERIFICATION.c.bill_id)
        .where(BILL.c.unit_id == unit_id)
    )


def verified_by(least: int) -> ColumnElement[bool]:
    """Filter verifications of bills that at least so many places have verified."""
    return _PLACES.c.places >= least


def bill_number_is(text: str) -> ColumnElement[bool]:
    """Filter verifications by the number of the bill; a text that is no number matches none."""
    return BILL.c.number == int(text) if text.isdecimal() and len(text) < 18 else BILL.c.id == 0
