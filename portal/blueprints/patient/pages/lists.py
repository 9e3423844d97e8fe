"""A person's bills, one's own or a family member's: the list, and what is fetched for many bills at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import handed_out, page, patient, session_here, unit_of
from portal.blueprints.patient.form_results import show_problem
from portal.blueprints.patient.pages import notices
from portal.core.clock import local, now
from portal.core.database import Connection
from portal.domain.documents.settlement import Scene
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name
from portal.domain.states.standing import Standing
from portal.hospital import queries as hospital_queries
from portal.ledger.bills import BillFacts
from portal.retrieval import family, files
from portal.retrieval.family import Member
from portal.retrieval.proof import changed_phone, identify, voucher_access
from portal.retrieval.proof.sessions import Session
from portal.web.edge import runtime, services
from portal.web.numbers import row_id, row_ids

OPEN = 12
"""So many bills stand on the page before the other months close."""
MOST = 40
"""Bills of a month on one page."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose bills these are: one's own, or a ``member``'s; ``name`` is the full name, which a page masks."""

    session: Session
    bills: Sequence[BillFacts]
    name: str
    member: Member | None

    def address(self, endpoint: str, **values: Any) -> str:
        """Return the address of a page of these bills."""
        member: dict[str, Any] = {"link_id": self.member.link_id} if self.member is not None else {}
        return url_for(f"patient.{endpoint}", unit_code=g.unit.code, **member, **values)


def _whose(connection: Connection, link_id: int, level: int = 1) -> Whose:
    if not link_id:
        session = session_here(connection, level)
        found, name = identify.visible_bills(services(), connection, session)
        return Whose(session, found, name, None)
    session = session_here(connection, 2)
    member, found = family.bills(services(), connection, session, link_id)
    return Whose(session, found, member.name, member)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a list: its ``days`` when it is open, else only how many bills it has."""

    first: date
    count: int
    days: list[list[BillFacts]]
    page: int
    rest: int
    """Bills of the month that are on later pages."""


@patient.get("/h/<string:unit_code>/bills", defaults={"link_id": 0})
@patient.get("/h/<string:unit_code>/family/<int:link_id>")
def bills(unit_code: str, link_id: int) -> Response:
    """Show the bills of one year by months and days, the newest months open; a member's looking is written down."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        whose = _whose(connection, link_id)
        news = notices.news(connection, whose.session, whose.bills) if whose.member is None else None
        deposits = []
        if news is None or news.deposits:
            deposits = voucher_access.visible(services(), connection, whose.session, link_id)
        proved = whose.session.level >= 2
        departments = hospital_queries.listed_departments(connection, unit.id) if proved else {}
        limit = changed_phone.limit_of(services(), connection, whose.session)
    if whose.member is not None:
        family.looked(services(), whose.session, whose.member)
    years = sorted({local(bill.business_at).year for bill in whose.bills}, reverse=True)
    counts = [(year, sum(local(bill.business_at).year == year for bill in whose.bills)) for year in years]
    chosen = request.args.get("year", type=row_id) or (years[0] if years else 0)
    of_year = [bill for bill in whose.bills if local(bill.business_at).year == chosen]
    scene, standing = request.args.get("scene", ""), request.args.get("state", "")
    shown = [bill for bill in of_year if scene in ("", bill.scene) and standing in ("", bill.standing.value)]
    values: dict[str, Any] = {
        "months": _months(shown, request.args.get("month", ""), request.args.get("page", 1, type=row_id)),
        "counts": counts,
        "chosen": chosen,
        "filter": {"scene": scene, "state": standing},
        "scenes": [one for one in Scene if any(bill.scene == one for bill in of_year)],
        "standings": [one for one in Standing if any(bill.standing is one for bill in of_year)],
        "many": len(of_year) > OPEN,
        "kept": {"year": chosen, "scene": scene or None, "state": standing or None},
        "departments": departments,
        "deposits": deposits,
        "unread": 0 if news is None else news.unread,
        "session": whose.session,
        "since": None if limit is None else limit.since,
    }
    return page("list.html", whose=whose, name=mask_name(whose.name), **values)


def _months(bills: Sequence[BillFacts], wanted: str, number: int) -> list[Month]:
    """Return the months, newest first; open is ``wanted`` (2026-11) at page ``number``, or the newest."""
    found, stand = [], 0
    for first, group in groupby(bills, key=lambda bill: local(bill.business_at).date().replace(day=1)):
        of_month = list(group)
        here = f"{first:%Y-%m}" == wanted if wanted else stand < OPEN
        number = max(number, 1) if wanted else 1
        start = (number - 1) * MOST
        part = of_month[start : start + MOST] if here else []
        stand += len(part)
        days = [list(day) for _, day in groupby(part, key=lambda bill: local(bill.business_at).date())]
        found.append(Month(first, len(of_month), days, number, len(of_month) - start - len(part)))
    return found


@patient.route("/h/<string:unit_code>/bundle", methods=["GET", "POST"], defaults={"link_id": 0})
@patient.route("/h/<string:unit_code>/family/<int:link_id>/bundle", methods=["GET", "POST"])
def bundle(unit_code: str, link_id: int) -> Response:
    """报销包: choose days, then bills; get one PDF or a ZIP, more than one file holds in parts."""
    unit_of(unit_code)
    with services().database.read() as connection:
        whose = _whose(connection, link_id)
    chooser = _chosen_days(whose.bills)
    if chooser.get("problem"):
        return page("bundle.html", 422, whose=whose, **chooser)
    if request.method == "GET":
        return page("bundle.html", whose=whose, **chooser)
    ticked = set(row_ids(request.form.getlist("bill")))
    form, _, part = request.form.get("form", "").partition("-")
    try:
        order = files.Bundle(unit_code, whose.name, form == "zip", (row_ids([part]) or [1])[0])
        file = files.bundle(services(), runtime().faces, order, chooser["days"], ticked)
    except Refusal as refusal:
        here = whose.address("bundle", first=chooser["first"], last=chooser["last"])
        return show_problem(here, refusal.status, problem=f"{refusal.why}。")
    return handed_out(file)


def _chosen_days(found: Sequence[BillFacts]) -> dict[str, Any]:
    """Return the days asked for, at first the newest one, and what the page shows of them, all of it ticked."""
    spans = files.spans(found, local(now()).date())
    first, last, problem = date.min, date.max, ""
    if spans:
        first, last = spans[0].first, spans[0].last
    try:
        first, last = (
            date.fromisoformat(request.values.get(name) or str(usual))
            for name, usual in (("first", first), ("last", last))
        )
    except ValueError:
        problem = "日期写错了，请像 2026-11-26 这样写。"
    days = files.within(found, first, last)
    counting = [bill for bill in days if files.counts(bill)]
    values = {"spans": spans, "first": first, "last": last, "days": days, "bills": counting, "most": files.MOST}
    values["parts"] = -(-len(counting) // files.MOST)
    return values | ({"problem": problem} if problem else {})


@patient.get("/h/<string:unit_code>/years/<int:year>", defaults={"link_id": 0})
@patient.get("/h/<string:unit_code>/family/<int:link_id>/years/<int:year>")
def statement(unit_code: str, link_id: int, year: int) -> Response:
    """Show what was paid by oneself in a year, on a page."""
    unit_of(unit_code)
    with services().database.read() as connection:
        whose = _whose(connection, link_id, 2)
    chosen = files.of_year(whose.bills, year)
    years = sorted({local(bill.business_at).year for bill in whose.bills}, reverse=True)
    return page("statement.html", whose=whose, bills=chosen, year=year, years=years)


@patient.get("/h/<string:unit_code>/years/<int:year>/self-pay.pdf", defaults={"link_id": 0})
@patient.get("/h/<string:unit_code>/family/<int:link_id>/years/<int:year>/self-pay.pdf")
def statement_pdf(unit_code: str, link_id: int, year: int) -> Response:
    """Show the same as PDF."""
    unit_of(unit_code)
    with services().database.read() as connection:
        whose = _whose(connection, link_id, 2)
    return handed_out(files.statement(services(), g.unit.code, whose.name, year, whose.bills))
