"""A red bill is its original with the signs turned: the same lines and payer, negative money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, Table, select

from portal.core.services import Services
from portal.domain.documents.bill import AuxItem, BillDocument, Item, MedicalExt
from portal.models.tables import BILL_DETAIL, BILL_ITEM, BILL_PARTY, BILL_PAYMENT, BILL_PURPOSE, PARTY_KEY, VISIT_KEY

LINES = (BILL_ITEM, BILL_DETAIL, BILL_PAYMENT, BILL_PURPOSE)
UNTURNED = ("price_micro", "rate_micro")

TURNED_LABELS = ("个人自负",)
"""Labels of the open label–value list whose value is money of this bill, and so turns its sign."""


def serial_of(code: str, number: str) -> str:
    """Return the serial 业务流水号 of a red bill: one for each original, whatever serial that had."""
    return f"CH-{code}-{number}"


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a red bill: code, name and specimen of its kind, and who makes it.

    ``checker`` is empty when nobody had to approve; then the original's checker stands.
    """

    code: str
    name: str
    specimen_code: str
    cashier: str
    checker: str


def document(original: BillDocument, heading: Heading, reason: str) -> BillDocument:
    """Make the red bill's document without number, check code and time of issue. It names the original."""
    remark = f"冲红原票 {original.code} {original.number}，原因：{reason}"
    return replace(
        original,
        name=heading.name,
        code=heading.code,
        number="",
        check_code="",
        specimen_code=heading.specimen_code,
        tag=f"CZ-EI-{heading.code[:2]}",
        total_fen=-original.total_fen,
        serial=serial_of(original.code, original.number),
        cashier=heading.cashier,
        checker=heading.checker or original.checker,
        ext=_ext(original),
        items=tuple(map(_item, original.items)),
        aux_items=tuple(map(_aux, original.aux_items)),
        remark=remark,
        supervisor_remark="",
    )


def _minus(value: int | None) -> int | None:
    return None if value is None else -value


def _ext(original: BillDocument) -> MedicalExt:
    ext = original.ext
    money = {field.name: _minus(getattr(ext, field.name)) for field in fields(ext) if field.name.endswith("_fen")}
    extras = tuple((label, f"-{value}" if label in TURNED_LABELS else value) for label, value in ext.extras)
    related = {"related_code": original.code, "related_number": original.number}
    return replace(ext, extras=extras, **related, **money)  # type: ignore[arg-type]


def _item(item: Item) -> Item:
    return replace(item, amount_fen=-item.amount_fen, quantity_micro=_minus(item.quantity_micro))


def _aux(row: AuxItem) -> AuxItem:
    return replace(row, amount_micro=-row.amount_micro, quantity_micro=_minus(row.quantity_micro))


def turned(row: dict[str, Any]) -> dict[str, Any]:
    """Turn the sign of every amount and quantity of a table row; prices and rates stay."""
    return {name: -value if value is not None and _turns(name) else value for name, value in row.items()}


def _turns(column: str) -> bool:
    return column.endswith(("_fen", "_micro")) and column not in UNTURNED


def lines(
    services: Services, connection: Connection, original_id: int, red_id: int
) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Make the child rows of a red bill by table from those of its original; sealed fields are sealed anew."""
    for table in LINES:
        found = connection.execute(select(table).where(table.c.bill_id == original_id)).mappings()
        yield table, [turned(dict(row)) | {"bill_id": red_id} for row in found]
    party = dict(connection.execute(select(BILL_PARTY).where(BILL_PARTY.c.bill_id == original_id)).mappings().one())
    for name in ("name", "phone", "identity"):
        if party[name] is not None:
            clear = services.cipher.decrypt(f"bill_party.{name}", original_id, party[name])
            party[name] = services.cipher.encrypt(f"bill_party.{name}", red_id, clear)
    yield BILL_PARTY, [party | {"bill_id": red_id}]
    for table in (PARTY_KEY, VISIT_KEY):
        keys = connection.execute(select(table).where(table.c.bill_id == original_id)).mappings()
        yield table, [dict(row) | {"bill_id": red_id} for row in keys]
