"""The link in one message: its bill or voucher, those that joined the message, and the address that it went to.

Whoever has it got the message, so 不是我 stops that address and no other. It opens what the bill's own link opens, by
the payer's name, and ends with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from portal.core.crypto import tokens
from portal.core.services import Services
from portal.delivery.engine import messages
from portal.domain.errors import Refusal
from portal.domain.link import TOKEN
from portal.ledger import bills as ledger_bills
from portal.ledger.bills import BillFacts
from portal.models.tables import BILL, DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP, VOUCHER

MOST = 19
"""A session opens twenty bills by links at most."""


@dataclass(frozen=True, slots=True)
class MessageLink:
    """A message whose link or 不是我 was opened; ``stopped``: nothing more goes to its address.

    ``link_token`` opens its bill or voucher; empty when it is about neither.
    """

    attempt_id: int
    unit_id: int
    channel: str
    masked: str
    bill_id: int | None
    voucher_id: int | None
    stop_token: str
    link_token: str
    stopped: bool

    def joined(self, connection: Connection) -> list[int]:
        """Read the other bills that the message tells of; a bill whose links were revoked is none of them."""
        about = DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id).join(
            BILL, (DELIVERY.c.object_kind == "bill") & (BILL.c.id == DELIVERY.c.object_id)
        )
        of_message = (DELIVERY_ATTEMPT.c.joined_id == self.attempt_id) & (BILL.c.link_generation == 0)
        told = select(BILL.c.id).select_from(about).where(of_message, BILL.c.id != self.bill_id)
        return list(connection.scalars(told.order_by(BILL.c.id).limit(MOST)))

    def joined_vouchers(self, connection: Connection) -> list[int]:
        """Read the other deposits that the message tells of; of a refund, its deposit."""
        about = DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id).join(
            VOUCHER, (DELIVERY.c.object_kind == "voucher") & (VOUCHER.c.id == DELIVERY.c.object_id)
        )
        of_message = (DELIVERY_ATTEMPT.c.joined_id == self.attempt_id) & (VOUCHER.c.link_generation == 0)
        told = select(func.coalesce(VOUCHER.c.of_id, VOUCHER.c.id)).select_from(about).where(of_message).distinct()
        return list(connection.scalars(told.limit(MOST)))


def by_link(services: Services, connection: Connection, token: str) -> MessageLink | None:
    """Return the message of a link's token; ``None`` for one that is not ours or whose link was renewed."""
    found = _message(services, connection, tokens.number_in(token))
    return found if found is not None and found.link_token and tokens.equal(token, found.link_token) else None


def linked(services: Services, connection: Connection, token: str) -> tuple[BillFacts, str, MessageLink | None]:
    """Return the bill of a link and its payer's full name, which the caller masks; with them the message, when it is
    the link of one.

    Raises BILL_NOT_YET for a link of the right shape without a bill (not issued yet, or not ours), LINK_INVALID.
    """
    sent = by_link(services, connection, token)
    if sent is not None and sent.bill_id is not None:
        bill = ledger_bills.by_id(connection, sent.bill_id)
        if bill is not None:
            return bill, ledger_bills.payer_name(services, connection, bill.bill_id), sent
    whole = TOKEN.fullmatch(token) is not None
    found = ledger_bills.by_link(services, connection, services.index.digest("link", token)) if whole else None
    if found is None and whole and token[0] in services.settings.link_key_ids:
        raise Refusal("BILL_NOT_YET")
    if found is None:
        raise Refusal("LINK_INVALID")
    return *found, None


def by_stop(services: Services, connection: Connection, token: str) -> MessageLink | None:
    """Return the message of a 不是我 token; ``None`` for one that is not ours."""
    return _message(services, connection, messages.attempt_of(services, token))


def _message(services: Services, connection: Connection, attempt_id: int | None) -> MessageLink | None:
    if attempt_id is None:
        return None
    of_bill = (DELIVERY.c.object_kind == "bill") & (BILL.c.id == DELIVERY.c.object_id)
    of_voucher = (DELIVERY.c.object_kind == "voucher") & (VOUCHER.c.id == DELIVERY.c.object_id)
    stopped = (
        (DELIVERY_STOP.c.unit_id == DELIVERY.c.unit_id)
        & (DELIVERY_STOP.c.channel == DELIVERY_ATTEMPT.c.channel)
        & (DELIVERY_STOP.c.recipient_digest == DELIVERY_ATTEMPT.c.recipient_digest)
    )
    attempts = DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
    row = connection.execute(
        select(
            DELIVERY.c.unit_id,
            DELIVERY_ATTEMPT.c.channel,
            DELIVERY_ATTEMPT.c.masked,
            BILL.c.id.label("bill_id"),
            VOUCHER.c.id.label("voucher_id"),
            func.coalesce(BILL.c.link_generation, VOUCHER.c.link_generation).label("generation"),
            DELIVERY_STOP.c.channel.is_not(None).label("stopped"),
        )
        .select_from(attempts.outerjoin(BILL, of_bill).outerjoin(VOUCHER, of_voucher).outerjoin(DELIVERY_STOP, stopped))
        .where(DELIVERY_ATTEMPT.c.id == attempt_id)
    ).one_or_none()
    if row is None:
        return None
    return MessageLink(
        attempt_id,
        row.unit_id,
        row.channel,
        row.masked,
        row.bill_id,
        row.voucher_id,
        messages.stop_token(services, attempt_id),
        "" if row.generation is None else messages.link_token(services, attempt_id, row.generation),
        bool(row.stopped),
    )
