"""Lists, family and proxies: whose bills one may see, who may see one's own, and how that ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import handed_out, page, patient, session_here, unit_of
from portal.blueprints.patient.form_results import show_problem
from portal.core.clock import local, now
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name, normalise, normalise_name
from portal.ledger.bills import BillFacts
from portal.retrieval import family, files
from portal.retrieval.family import Member
from portal.retrieval.proof import identify
from portal.retrieval.proof.sessions import Session
from portal.web.edge import limits, runtime, see_other, services


def show_list(
    found: Sequence[BillFacts], name: str, session: Session, member: Member | None = None, unread: int = 0
) -> Response:
    """Show the bills of one year, grouped by visit day; ``name`` masked already; ``member``: whose proxy looks;
    ``unread``:
    notices that are new to the person."""
    years = sorted({local(bill.business_at).year for bill in found}, reverse=True)
    chosen = request.args.get("year", type=int) or (years[0] if years else 0)
    shown = [bill for bill in found if local(bill.business_at).year == chosen]
    visits = [list(day) for _, day in groupby(shown, key=lambda bill: local(bill.business_at).date())]
    counts = [(year, sum(local(bill.business_at).year == year for bill in found)) for year in years]
    values: dict[str, Any] = {
        "visits": visits,
        "counts": counts,
        "chosen": chosen,
        "name": name,
        "member": member,
        "unread": unread,
    }
    return page("list.html", session=session, **values)


@patient.get("/h/<string:unit_code>/family")
def relatives(unit_code: str) -> Response:
    """Whose bills I may see, and who may see mine."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
        mine = family.mine(services(), connection, session)
        watchers = family.watchers(services(), connection, session)
    return page("family.html", mine=mine, watchers=watchers, relations=family.RELATIONS)


def _typed() -> tuple[str, str]:
    return request.form.get("number", "")[:60], request.form.get("name", "")[:100]


@patient.post("/h/<string:unit_code>/family/child")
def add_child(unit_code: str) -> Response:
    """Add a guardian's child whose bills carry the same phone."""
    unit_of(unit_code)
    number, name = _typed()
    with services().database.read() as connection:
        session = session_here(connection, 2)
    try:
        family.add_child(services(), limits(), session, number, name)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        problem = (
            "没有办成。孩子的身份证号、姓名要与医院登记的一致，登记的手机要是您收验证码的这一部，并且没有超过年龄。"
            "也可以带户口本或出生证明到窗口办理。"
        )
        return show_problem(url_for("patient.relatives", unit_code=unit_code), number=problem)
    return see_other(url_for("patient.relatives", unit_code=unit_code))


@patient.post("/h/<string:unit_code>/family/proxy")
def ask_consent(unit_code: str) -> Response:
    """Have a consent code sent to the other person's phone, whether there is one or not."""
    unit_of(unit_code)
    number, name = _typed()
    with services().database.read() as connection:
        session = session_here(connection, 2)
    if len(normalise(number)) < 5 or not normalise_name(name):
        missing = {"number": len(normalise(number)) < 5, "name": not normalise_name(name)}
        wrong = {field: "请填写家人的号码和姓名，两项都需要。" for field, missed in missing.items() if missed}
        return show_problem(url_for("patient.relatives", unit_code=unit_code), **wrong)
    family.ask_consent(services(), limits(), session, number, name, request.form.get("relation", ""))
    return see_other(url_for("patient.consent", unit_code=unit_code))


@patient.get("/h/<string:unit_code>/family/consent")
def consent(unit_code: str) -> Response:
    """Asks for the code that the other person got."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session_here(connection, 2)
    return page("consent.html")


@patient.post("/h/<string:unit_code>/family/consent")
def give_consent(unit_code: str) -> Response:
    """Check it; right: the family page with one more on it."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
    try:
        family.give_consent(services(), session, request.form.get("code", "")[:20])
    except Refusal as refusal:
        if refusal.code != "CODE_WRONG":
            raise
        return show_problem(request.path, refusal.status, code=f"{refusal.why}。请向家人核对短信，或重新申请。")
    return see_other(url_for("patient.relatives", unit_code=unit_code))


@patient.post("/h/<string:unit_code>/family/<int:link_id>/revoke")
def revoke_relative(unit_code: str, link_id: int) -> Response:
    """Either side ends a link."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
    family.revoke(services(), session, link_id)
    return see_other(url_for("patient.relatives", unit_code=unit_code))


@patient.get("/h/<string:unit_code>/family/<int:link_id>")
def relative_bills(unit_code: str, link_id: int) -> Response:
    """Show the bills of a member; looking is written down, and they are told."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
        member, found = family.bills(services(), connection, session, link_id)
    family.looked(services(), session, member)
    return show_list(found, mask_name(member.name), session, member)


@patient.route("/h/<string:unit_code>/bundle", methods=["GET", "POST"])
def bundle(unit_code: str) -> Response:
    """报销包: choose days, then bills; get one PDF or a ZIP."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 1)
        found, name = identify.visible_bills(services(), connection, session)
    chooser = _chosen_days(found)
    if chooser.get("problem"):
        return page("bundle.html", 422, **chooser)
    if request.method == "GET":
        return page("bundle.html", **chooser)
    ticked = {int(one) for one in request.form.getlist("bill") if one.isdecimal() and len(one) < 20}
    chosen = [bill for bill in chooser["days"] if bill.bill_id in ticked or not files.counts(bill)]
    try:
        zipped = request.form.get("form") == "zip"
        file = files.bundle(services(), runtime().faces, unit_code, name, chosen, zipped)
    except Refusal as refusal:
        days = {"first": chooser["first"], "last": chooser["last"]}
        here = url_for("patient.bundle", unit_code=unit_code, **days)
        return show_problem(here, refusal.status, problem=f"{refusal.why}。")
    return handed_out(file)


def _chosen_days(found: Sequence[BillFacts]) -> dict[str, Any]:
    """Return the days asked for, at first the last visit, and what the page shows of them, all ticked up to the
    most."""
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
    bills = [bill for bill in days if files.counts(bill)]
    ticked = {bill.bill_id for bill in bills[: files.MOST]}
    return {
        "spans": spans,
        "first": first,
        "last": last,
        "days": days,
        "bills": bills,
        "ticked": ticked,
        "most": files.MOST,
    } | ({"problem": problem} if problem else {})


@patient.get("/h/<string:unit_code>/years/<int:year>")
def statement(unit_code: str, year: int) -> Response:
    """Show what was paid by oneself in a year, on a page."""
    found, _ = _person(unit_code)
    chosen = files.of_year(found, year)
    years = sorted({local(bill.business_at).year for bill in found}, reverse=True)
    return page("statement.html", bills=chosen, year=year, years=years)


@patient.get("/h/<string:unit_code>/years/<int:year>/self-pay.pdf")
def statement_pdf(unit_code: str, year: int) -> Response:
    """Show the same as PDF."""
    found, name = _person(unit_code)
    return handed_out(files.statement(services(), g.unit.code, name, year, found))


def _person(unit_code: str) -> tuple[list[BillFacts], str]:
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
        return identify.visible_bills(services(), connection, session)
