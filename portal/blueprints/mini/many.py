"""What is fetched for many bills at once: a bundle, a year's statement, the code for a window."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date

from flask import Response

from portal.blueprints.mini import shapes
from portal.blueprints.mini.bills import departments_for
from portal.blueprints.mini.context import answer, mini, query, session_of, unit_code
from portal.core.clock import local, now
from portal.core.database import Connection
from portal.domain.identity import mask_name
from portal.ledger.bills import BillFacts
from portal.rendering import qr
from portal.retrieval import family, files
from portal.retrieval.files import Bundle
from portal.retrieval.proof import identify, passes
from portal.retrieval.proof.passes import LIVES, Purpose
from portal.retrieval.proof.sessions import Session
from portal.web.edge import file_response, runtime, services
from portal.web.numbers import row_ids


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose bills these are, one's own or a ``member``'s (the link, or 0); ``name`` is the full name."""

    session: Session
    bills: list[BillFacts]
    name: str
    member: int


def _whose(connection: Connection, member: int, level: int) -> Whose:
    """Return the bills of the person or of a member of the family. Raises PERSON_UNKNOWN."""
    if not member:
        session = session_of(connection, level)
        found, name = identify.visible_bills(services(), connection, session)
        return Whose(session, found, name, 0)
    session = session_of(connection, 2)
    of_member, found = family.bills(services(), connection, session, member)
    return Whose(session, found, of_member.name, member)


def _span(bills: list[BillFacts], wanted: dict[str, date]) -> tuple[list[files.Span], date, date]:
    spans = files.spans(bills, local(now()).date())
    usual = (spans[0].first, spans[0].last) if spans else (local(now()).date(),) * 2
    return spans, wanted.get("first", usual[0]), wanted.get("last", usual[1])


@mini.get("/bundle")
def bundle() -> Response:
    """报销包: which days there are to choose from, and what a file of the chosen ones will hold."""
    wanted = query("first", "last", "member")
    with services().database.read() as connection:
        whose = _whose(connection, wanted.get("member", 0), 1)
        departments = departments_for(connection, whose.session)
    spans, first, last = _span(whose.bills, wanted)
    within = files.within(whose.bills, first, last)
    counting = [bill for bill in within if files.counts(bill)]
    told = [{"title": one.title, "first": f"{one.first}", "last": f"{one.last}", "count": one.count} for one in spans]
    return answer(
        spans=told,
        first=f"{first}",
        last=f"{last}",
        bills=[shapes.brief(bill, departments) for bill in counting],
        left_out=len(within) - len(counting),
        parts=-(-len(counting) // files.MOST),
    )


@mini.get("/bundle/file")
def bundle_file() -> Response:
    """Give one part of the bundle: a PDF, or a ZIP of originals."""
    wanted = query("first", "last", "member", "form", "part", "bills")
    with services().database.read() as connection:
        whose = _whose(connection, wanted.get("member", 0), 1)
    _, first, last = _span(whose.bills, wanted)
    within = files.within(whose.bills, first, last)
    ticked = set(row_ids(wanted["bills"].split(","))) if "bills" in wanted else {b.bill_id for b in within}
    zipped = wanted.get("form") == "zip"
    order = Bundle(unit_code(whose.session), whose.name, zipped, wanted.get("part", 1))
    file = files.bundle(services(), runtime().faces, order, within, ticked)
    return file_response(file.data, file.mimetype, file.name)


@mini.get("/years/<int:year>")
def statement(year: int) -> Response:
    """Sum up what was paid by oneself in a year."""
    member = query("member").get("member", 0)
    with services().database.read() as connection:
        whose = _whose(connection, member, 2)
    chosen = files.of_year(whose.bills, year)
    money = ("total_fen", "insured_fen", "own_cash_fen", "self_pay_fen", "own_cost_fen")
    sums = {name: sum(getattr(bill, name) for bill in chosen) for name in money}
    return answer(year=year, payer=mask_name(whose.name) if whose.name else "", count=len(chosen), **sums)


@mini.get("/years/<int:year>/self-pay.pdf")
def statement_pdf(year: int) -> Response:
    """Give the same as PDF."""
    member = query("member").get("member", 0)
    with services().database.read() as connection:
        whose = _whose(connection, member, 2)
    file = files.statement(services(), unit_code(whose.session), whose.name, year, whose.bills)
    return file_response(file.data, file.mimetype, file.name)


@mini.post("/window")
def window() -> Response:
    """Make a code for the clerk's scanner, good for a minute."""
    member = query("member").get("member", 0)
    with services().database.read() as connection:
        whose = _whose(connection, member, 1)
    bills = [bill.bill_id for bill in whose.bills] if whose.member else []
    code = passes.for_window(services(), whose.session, bills)
    lives = LIVES[Purpose.WINDOW]
    image = base64.b64encode(qr.png(code, 6)).decode()
    return answer(
        code=code,
        image=f"data:image/png;base64,{image}",
        seconds=int(lives.total_seconds()),
        until=f"{local(now() + lives):%H:%M:%S}",
    )
