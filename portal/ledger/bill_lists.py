"""Lists of bills for the console; the payer stays sealed until a page masks it."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select, text

from portal.core.services import Services
from portal.domain.identity import mask_card, mask_name
from portal.domain.money import fen_of
from portal.domain.states.bills import BillState
from portal.models.tables import BILL, BILL_DOCUMENT, BILL_PARTY, POINT
from portal.rendering import xml

EMPLOYER = "2"
"""``payer_kind`` of a unit; ``1`` is a person."""


NEWEST = (BILL.c.issued_at, BILL.c.id)
"""The order of lists of bills."""


def of_serial(serial: str) -> ColumnElement[bool]:
    """Return the condition that a bill has a serial."""
    return BILL.c.serial == serial


KINDS = {"blue": "只看正票", "red": "只看红票"}
"""Values of the filter :func:`of_kind` and their words."""


def of_kind(kind: str) -> ColumnElement[bool]:
    """Return the condition that a bill is red, or that it is none."""
    return BILL.c.red_of_id.is_not(None) if kind == "red" else BILL.c.red_of_id.is_(None)


def of_amount(text: str) -> ColumnElement[bool]:
    """Return the condition that a bill, or its red bill, has an amount in yuan. Raises ValueError with the reason."""
    try:
        fen = abs(fen_of(text.replace(",", "")))
    except ValueError as error:
        raise ValueError(f"金额请写成 118.00 的样子：{error}") from None
    return BILL.c.total_fen.in_({fen, -fen})


def of_bill_kind(kind_id: str) -> ColumnElement[bool]:
    """Return the condition that a bill is of a 票据种类, by the row id of that."""
    return BILL.c.kind_id == int(kind_id)


def of_cashier(name: str) -> ColumnElement[bool]:
    """Return the condition that a bill was issued by this cashier."""
    return BILL.c.cashier == name


WAITING = "waiting"
"""The value of :func:`in_state` for bills that finance has not supervised yet."""
IS_OPEN = text("bill.state IN ('issued', 'uploaded', 'refused')")
"""Written out, not bound, so that SQLite finds the index of bills that wait or were refused."""


def in_state(value: str) -> ColumnElement[bool]:
    """Return the condition that a bill is in a state, or waits for finance in any."""
    states = (BillState.ISSUED, BillState.UPLOADED) if value == WAITING else (BillState(value),)
    in_one = BILL.c.state.in_([state.value for state in states])
    if states[0] in (BillState.ISSUED, BillState.UPLOADED, BillState.REFUSED):
        return and_(IS_OPEN, in_one)
    return in_one


def of_unit(unit_id: int) -> Select[Any]:
    """Select the bills of a unit with point and sealed payer; add conditions on ``BILL`` columns."""
    return (
        select(
            BILL.c.id,
            BILL.c.bill_code,
            BILL.c.number,
            BILL.c.check_code,
            BILL.c.serial,
            BILL.c.scene,
            BILL.c.title,
            BILL.c.total_fen,
            BILL.c.issued_at,
            BILL.c.business_at,
            BILL.c.department,
            BILL.c.payer_kind,
            BILL.c.cashier,
            BILL.c.state,
            BILL.c.red_of_id,
            POINT.c.code.label("point_code"),
            POINT.c.name.label("point_name"),
            BILL_PARTY.c.name.label("sealed_payer"),
        )
        .select_from(
            BILL.join(POINT, POINT.c.id == BILL.c.point_id).join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id)
        )
        .where(BILL.c.unit_id == unit_id)
    )


def with_documents(statement: Select[Any]) -> Select[Any]:
    """Add to a list the signed document and the text that it was made from, sealed, for :func:`patient`."""
    joined = statement.add_columns(
        BILL_DOCUMENT.c.signed.label("sealed_signed"), BILL_DOCUMENT.c.sent.label("sealed_sent")
    )
    return joined.join(BILL_DOCUMENT, BILL_DOCUMENT.c.bill_id == BILL.c.id)


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient of a bill as lists show it: visit numbers masked."""

    sex: str
    age: str
    outpatient_no: str
    hospital_no: str


def patient(services: Services, row: Any) -> Patient:
    """Read the patient of a row of :func:`with_documents`; "" for facts that its bill does not state.

    The signed document states them however the bill was made, except for the age, for which the fiscal schema has no
    element: that comes from the text that the HIS sent or a person typed. Bills of other classes have no patient.
    """
    ext = xml.extension(_opened(services, "signed", row.id, row.sealed_signed))
    sent = json.loads(_opened(services, "sent", row.id, row.sealed_sent))
    age = sent.get("age") or sent.get("fields", {}).get("age") or ""
    return Patient(ext.gender, str(age), mask_card(ext.patient_number), mask_card(ext.hospitalization_number))


def _opened(services: Services, column: str, bill_id: int, sealed: bytes) -> bytes:
    return zlib.decompress(services.cipher.decrypt(f"bill_document.{column}", bill_id, sealed))


def masked_payer(services: Services, row: Any) -> str:
    """Open the payer of a row of :func:`of_unit`: a person masked (林**), an employer by its name."""
    return shown_payer(row.payer_kind, services.cipher.decrypt_text("bill_party.name", row.id, row.sealed_payer))


def shown_payer(payer_kind: str, name: str) -> str:
    """Return a payer's name for lists and slips. The name of an employer is nobody's personal data."""
    return name if payer_kind == EMPLOYER else mask_name(name)
