"""A bill, a list of bills and what belongs to them as the API answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.core.clock import local
from portal.delivery.notices import way_of
from portal.delivery.requests import Shown, how_far
from portal.domain.documents.settlement import Scene
from portal.domain.identity import mask_name
from portal.domain.states.delivery import AttemptState
from portal.ledger.bill_relations import Relations
from portal.ledger.bills import BillFacts
from portal.retrieval import bill_steps
from portal.retrieval.patient_requests import Request

PAGE = 50
"""Bills on one page."""


def day(moment: Any) -> str:
    """``2026-11-18`` in the hospital's time."""
    return f"{local(moment):%Y-%m-%d}"


def clock(moment: Any) -> str:
    """``11-18 10:42`` in the hospital's time."""
    return f"{local(moment):%m-%d %H:%M}"


def brief(bill: BillFacts, departments: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a bill as lists show it; ``departments``: by what name patients' lists show each."""
    return {
        "id": str(bill.bill_id),
        "scene": Scene(bill.scene).charged,
        "title": bill.title,
        "day": day(bill.business_at),
        "time": f"{local(bill.business_at):%H:%M}",
        "issued_on": day(bill.issued_at),
        "department": (departments or {}).get(bill.department, ""),
        "state": bill.state.value,
        "state_title": bill.state.title,
        "standing": bill.standing.value,
        "standing_title": bill.standing.spoken,
        "total_fen": bill.total_fen,
        "insured_fen": bill.insured_fen,
        "own_cash_fen": bill.own_cash_fen,
    }


def listed(
    bills: Sequence[BillFacts], name: str, wanted: Mapping[str, Any], departments: Mapping[str, str]
) -> dict[str, Any]:
    """Return one page of a person's bills, newest first, of one year or of all; ``name`` is masked."""
    years: dict[int, int] = {}
    for bill in bills:
        of_bill = local(bill.business_at).year
        years[of_bill] = years.get(of_bill, 0) + 1
    year, page = wanted.get("year", 0), wanted.get("page", 1)
    chosen = [bill for bill in bills if year in (0, local(bill.business_at).year)]
    start = (page - 1) * PAGE
    return {
        "payer": mask_name(name) if name else "",
        "year": year,
        "years": [{"year": one, "count": count} for one, count in sorted(years.items(), reverse=True)],
        "count": len(chosen),
        "page": page,
        "pages": -(-len(chosen) // PAGE),
        "bills": [brief(bill, departments) for bill in chosen[start : start + PAGE]],
    }


def _referred(bills: Sequence[BillFacts | None]) -> list[dict[str, Any]]:
    return [
        {"id": str(one.bill_id), "number": one.number, "scene": Scene(one.scene).charged, "total_fen": one.total_fen}
        for one in bills
        if one is not None
    ]


def way(sent: Shown) -> dict[str, str]:
    """Return one message to an address; without an id where 不是我的 is not asked for."""
    ended = not sent.attempt_id or sent.state is AttemptState.STOPPED
    told = {"id": "" if ended else str(sent.attempt_id), "way": way_of(sent.channel, sent.masked)}
    return told | {"words": sent.words, "at": clock(sent.at)}


def request(asked: Request) -> dict[str, str]:
    """Return a request to the desk with its answer."""
    return {
        "title": asked.title,
        "state": asked.state_title,
        "answer": asked.answer,
        "asked_on": day(asked.created_at),
    }


def belonging(bill: BillFacts, related: Relations, sent: Sequence[Shown], proved: bool) -> dict[str, Any]:
    """Return what belongs to a bill; other bills of the person are named to whom has ``proved`` to be the person."""
    return {
        "paper": str(related.sheet or ""),
        "red": _referred([related.red]),
        "original": _referred([related.original]),
        "replacement": _referred(related.replacement if proved else ()),
        "same_day": _referred(related.same_day if proved else ()),
        "booked_fen": related.booked_fen or 0,
        "verified": related.verified,
        "steps": [
            {"title": step.title, "state": step.state} for step in bill_steps.steps(bill, related, how_far(sent))
        ],
        "sent": [way(one) for one in sent],
    }
