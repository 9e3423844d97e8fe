"""Deliveries about prepayment vouchers: issued, refunded, used by a settlement, taken back."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from portal.access import parameters
from portal.access.parameters import Parameter
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.delivery.engine.triggers import ACTOR, take_back
from portal.domain.states.delivery import Purpose, steps_of
from portal.ledger import vouchers
from portal.models.tables import VOUCHER
from portal.outbox.tasks import Done, Outcome, Task

parameters.declare(
    Parameter(
        "delivery.vouchers", "交付", "预交金通知", "预交金凭证开具、退款、用于结算、撤销时是否告诉患者", "flag", True
    )
)


def issued(services: Services, task: Task) -> Outcome:
    """Tell the patient of a deposit's voucher, or of the voucher of a refund."""
    voucher_id = int(task.payload["voucher"])
    with services.database.write() as connection:
        row = connection.execute(
            select(VOUCHER.c.unit_id, VOUCHER.c.issued_at).where(VOUCHER.c.id == voucher_id)
        ).one_or_none()
        if row is not None:
            _tell(services, connection, (row.unit_id, voucher_id, Purpose.ISSUED, 1), row.issued_at)
    return Done()


def consumed(services: Services, task: Task) -> Outcome:
    """Tell the patient that a bill took a part of a deposit; each settlement is a message of its own."""
    voucher_id, bill_id = int(task.payload["voucher"]), int(task.payload["bill"])
    with services.database.write() as connection:
        unit_id = connection.scalar(select(VOUCHER.c.unit_id).where(VOUCHER.c.id == voucher_id))
        used = vouchers.consumed_by(connection, voucher_id, bill_id)
        if unit_id is not None and used is not None:
            _tell(services, connection, (unit_id, voucher_id, Purpose.USED, used.line), used.at)
    return Done()


def cancelled(services: Services, task: Task) -> Outcome:
    """Stop the notices of a deposit that was taken back, and tell every address that got one."""
    red_id = int(task.payload["voucher"])
    with services.database.write() as connection:
        deposit_id = connection.scalar(select(VOUCHER.c.of_id).where(VOUCHER.c.id == red_id))
        if deposit_id is not None:
            take_back(services, connection, "voucher", deposit_id, "凭证已撤销")
    return Done()


def _tell(services: Services, connection: Connection, about: tuple[int, int, Purpose, int], at: datetime) -> None:
    """Open a delivery by the unit's order of channels; ``about``: unit, voucher, purpose, version."""
    unit_id, voucher_id, purpose, version = about
    settings = parameters.values(connection, unit_id)
    too_old = at < now() - timedelta(hours=settings["delivery.oldest-hours"])
    if not settings["delivery.auto"] or not settings["delivery.vouchers"] or too_old:
        return
    steps = steps_of(settings["delivery.order"])
    order = Wanted(unit_id, "voucher", voucher_id, purpose, steps, ACTOR, version=version)
    open_delivery(services, connection, order)
