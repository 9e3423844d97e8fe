"""The steps of a bill in a patient's words (这张票到哪一步了), for every edge that shows them."""

from __future__ import annotations

from dataclasses import dataclass

from portal.domain.states.bills import BillState
from portal.domain.texts import said_later
from portal.ledger.bill_relations import Relations
from portal.ledger.bills import BillFacts


@dataclass(frozen=True, slots=True)
class BillStep:
    """One step; ``state`` is ``done``, ``part``, ``stop`` or, while it is to come, empty."""

    title: str
    state: str


def steps(bill: BillFacts, related: Relations, delivered: tuple[str, str]) -> list[BillStep]:
    """Return the steps that a bill has taken and the next ones; ``delivered``: the step 送达 with its state."""
    found = [BillStep(said_later("医院开好了"), "done")]
    if bill.state is BillState.REFUSED:
        found.append(BillStep(said_later("财政没有通过"), "stop"))
    elif related.supervised:
        found.append(BillStep(said_later("财政盖章了"), "done"))
    else:
        found.append(BillStep(said_later("等财政盖章"), ""))
    found.append(BillStep(*delivered))
    if related.verified:
        found.append(BillStep(said_later("有人查验过"), "done"))
    if related.booked_fen is not None and related.booked_fen < bill.total_fen:
        found.append(BillStep(said_later("单位报销了一部分"), "part"))
    elif related.booked_fen is not None:
        found.append(BillStep(said_later("单位已报销"), "done"))
    return found
