"""单位取票: a company's contact signs in by phone and code, and takes the bills issued to the company."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import (
    caller,
    handed_out,
    page,
    patient,
    remember,
    session_here,
    session_of,
    unit_of,
)
from portal.blueprints.patient.form_results import show_problem
from portal.blueprints.patient.pages.proof import codes
from portal.core.clock import business_day, now
from portal.domain.errors import Refusal
from portal.domain.identity import is_phone
from portal.retrieval import company, files
from portal.retrieval.proof import code_entry
from portal.web.edge import limits, runtime, see_other, services
from portal.web.numbers import row_id, row_ids


@patient.route("/h/<string:unit_code>/company", methods=["GET", "POST"])
def company_entry(unit_code: str) -> Response:
    """Take the contact's phone; the next page asks for the code, whether an account is open for it or not."""
    unit = unit_of(unit_code)
    if request.method == "GET":
        return page("company.html")
    phone = request.form.get("phone", "")[:40]
    if not is_phone(phone):
        return show_problem(request.path, phone="手机号应为 11 位数字。")
    with services().database.read() as connection:
        session = session_of(connection)
        same = code_entry.goes_on(services(), connection, session, (phone, ""), company.PURPOSE)
    if session is not None and session.unit_id == unit.id and same:
        return CODE.sent_again(session)
    cookie = company.begin(services(), limits(), unit.id, phone, caller())
    return remember(see_other(url_for("patient.company_code", unit_code=unit_code)), cookie)


CODE = codes.CodePage("patient.company_code", "company_code.html", company.PURPOSE)


@patient.route("/h/<string:unit_code>/company/code", methods=["GET", "POST"])
def company_code(unit_code: str) -> Response:
    """Ask for the code; right: the company's bills."""
    if request.method == "GET":
        return CODE.show(unit_code)
    return CODE.take(unit_code, company.confirm, "patient.company_bills")


@patient.post("/h/<string:unit_code>/company/code/resend")
def resend_company_code(unit_code: str) -> Response:
    """Send another code to the contact's phone."""
    return CODE.resend(unit_code)


@patient.route("/h/<string:unit_code>/company/bills", methods=["GET", "POST"])
def company_bills(unit_code: str) -> Response:
    """Show the bills of one company in a range of days with their sum; posted: the chosen ones as a package."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection)
        mine = company.companies(services(), connection, session)
        wanted = request.args.get("company", type=row_id)
        chosen = next((one for one in mine if one.company_id == wanted), mine[0])
        first, last, problem = _range()
        most = 1_000_000 // company.PAGE
        number = min(max(request.args.get("page", 1, type=row_id), 1), most)
        ledger = company.ledger(connection, session, chosen, first, last, number)
    if request.method == "POST":
        picked = set(row_ids(request.form.getlist("bill")))
        zipped = request.form.get("form") == "zip"
        faces = runtime().faces
        try:
            return handed_out(company.bundle(services(), session, faces, unit_code, chosen, picked, zipped))
        except Refusal as refusal:
            here = request.full_path.removesuffix("?")
            return show_problem(here, refusal.status, problem=f"{refusal.why}。请至少勾选一张。")
    kept = {"company": chosen.company_id, "first": first.isoformat(), "last": last.isoformat()}
    values: dict[str, Any] = {
        "mine": mine,
        "chosen": chosen,
        "ledger": ledger,
        "first": first,
        "last": last,
        "page_no": number,
    }
    values |= {"pages": -(-ledger.found // company.PAGE), "kept": kept, "counts": files.counts}
    if problem:
        return page("company_bills.html", 422, problem=problem, **values)
    return page("company_bills.html", **values)


def _range() -> tuple[date, date, str]:
    """Return the days that the address names, else the last year; a problem in words when they make no sense."""
    last = business_day(now())
    first = last - timedelta(days=365)
    try:
        typed = [date.fromisoformat(text) if text else None for text in map(request.args.get, ("first", "last"))]
    except ValueError:
        return first, last, "日期请写成 2026-11-18 的样子。"
    first, last = typed[0] or first, typed[1] or last
    return first, last, "" if first <= last else "开始日期应在结束日期之前。"


@patient.get("/h/<string:unit_code>/company/bills/<int:bill_id>/bill.pdf")
def company_pdf(unit_code: str, bill_id: int) -> Response:
    """Show the PDF of one bill of the company."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection)
    return handed_out(company.pdf(services(), session, runtime().faces, bill_id, g.request_id))
