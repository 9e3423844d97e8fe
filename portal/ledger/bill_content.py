"""What stands on a bill, line by line: charge items, payment channels, deposits that were settled into it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from portal.models.tables import BILL_DETAIL, BILL_ITEM, BILL_PAYMENT, VOUCHER, VOUCHER_MOVEMENT


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


@dataclass(frozen=True, slots=True)
class VoucherPart:
    """The part of a prepayment voucher that a bill has used."""

    voucher_id: int
    code: str
    number: int
    amount_fen: int


def voucher_parts(connection: Connection, bill_id: int) -> list[VoucherPart]:
    """Read what a bill has taken from prepayment vouchers, in the order of their numbers."""
    wanted = (
        select(VOUCHER.c.id, VOUCHER.c.code, VOUCHER.c.number, -VOUCHER_MOVEMENT.c.amount_fen)
        .join(VOUCHER, VOUCHER.c.id == VOUCHER_MOVEMENT.c.voucher_id)
        .where(VOUCHER_MOVEMENT.c.bill_id == bill_id, VOUCHER_MOVEMENT.c.kind == "consumed")
        .order_by(VOUCHER.c.code, VOUCHER.c.number)
    )
    return [VoucherPart(*row) for row in connection.execute(wanted)]


def detail_count(connection: Connection, bill_id: int) -> int:
    """Count the detail lines of a bill; their content is somebody's treatment."""
    return connection.scalar(select(func.count()).where(BILL_DETAIL.c.bill_id == bill_id)) or 0
