"""What stands on a bill, line by line: charge items and payment channels, as tables and not as a picture."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from portal.models.tables import BILL_ITEM, BILL_PAYMENT


@dataclass(frozen=True, slots=True)
class ChargeItem:
    """A charge item 收费项目 of a bill: finance's name, the hospital's code and name; prices and quantities in
    millionths, None where the sender gave none."""

    fiscal_name: str
    charge_code: str
    charge_name: str
    amount_fen: int
    unit: str
    price_micro: int | None
    quantity_micro: int | None
    remark: str


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A payment channel 缴费渠道 of a bill and what was paid by it."""

    channel: str
    amount_fen: int


def charge_items(connection: Connection, bill_id: int) -> list[ChargeItem]:
    """Read the charge items of a bill in their order."""
    columns = (BILL_ITEM.c[name] for name in ChargeItem.__dataclass_fields__)
    wanted = select(*columns).where(BILL_ITEM.c.bill_id == bill_id).order_by(BILL_ITEM.c.line)
    return [ChargeItem(*row) for row in connection.execute(wanted)]


def payments(connection: Connection, bill_id: int) -> list[PaymentLine]:
    """Read the payment channels of a bill in their order."""
    wanted = select(BILL_PAYMENT.c.channel, BILL_PAYMENT.c.amount_fen).where(BILL_PAYMENT.c.bill_id == bill_id)
    return [PaymentLine(*row) for row in connection.execute(wanted.order_by(BILL_PAYMENT.c.line))]
