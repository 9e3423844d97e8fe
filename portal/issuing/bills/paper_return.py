"""A sheet taken back together with its bill: void and reversal in one transaction."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from portal.core.services import Services
from portal.domain.actor import Actor
from portal.issuing.bills.reverse import Order, Red, reverse_on
from portal.issuing.paper import exchange
from portal.issuing.paper.exchange import Ending


def take_back(services: Services, actor: Actor, ending: Ending, order: Order) -> Red:
    """Void the sheet and reverse the bill that it stands for; ``order`` says how, its ``bill_id`` means nothing.

    Raises PAPER_NOT_FOUND, PAPER_ENDED, and what a reversal raises; a refusal leaves the sheet in force.
    """
    exchange.check_ending(ending)

    def act(connection: Connection) -> Red:
        bill_id = exchange.void_on(services, connection, actor, ending)
        return reverse_on(services, connection, actor, replace(order, bill_id=bill_id))

    return services.database.act(act)
