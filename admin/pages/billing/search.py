"""The search box of the bar: scan or type anything. It posts, so that no name or card stands in an address."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.groups import billing
from admin.kit.page import page
from admin.kit.reasons import (
    LEAST,
    Question,
    ReasonForm,
    enough_for_a_look,
    explain_looks,
    looks_beyond,
    reason_page,
)
from admin.kit.security import current_actor, current_staff, requires
from admin.pages.billing.bill_actions import life_of
from admin.pages.billing.bills import bill_page, own_bill
from portal import audit
from portal.access.his import refusals
from portal.access.permissions import Permission
from portal.core.clock import now
from portal.hospital import protected_persons
from portal.ledger import bill_lists, bills, files
from portal.ledger import search as ledger_search
from portal.ledger.bills import BillFacts
from portal.ledger.search import Found
from portal.listing.values import BILL_STATES
from portal.web.edge import file_response, runtime, see_other, services

ACTED_ON = 5
"""For so many of the newest bills the next legal steps are shown at once."""


@billing.post("/search")
@requires(Permission.BILLS_VIEW, within="billing.bills")
def search() -> Response:
    """Find the bills that a scanned or typed text means; a single one opens at once."""
    text = request.form.get("q", "")
    with services().database.read() as connection:
        found = ledger_search.find(services(), connection, current_staff().unit_id, text)
    if (why := _protected(found, text)) is not None:
        return why
    # Who tries names until one is there finds nothing most of the time.
    if found.personal or (text.strip() and not found.rows):
        if (asked := _too_many(text)) is not None:
            return asked
        details = {"by": found.how, "bills": len(found.rows)}
        first = ("bill", found.rows[0].id) if found.rows else ("unit", current_staff().unit_id)
        audit.note(services(), current_actor(), "party.searched", first, details)
    if not found.rows:
        with services().database.read() as connection:
            refused = refusals.by_serial(connection, current_staff().unit_id, text)
        if refused:
            return see_other(url_for("billing.refused_push", refusal_id=refused[0]))
    if len(found.rows) == 1:
        return see_other(url_for("billing.bill", bill_id=found.rows[0].id))
    acts = {}
    with services().database.read() as connection:
        for row in found.rows[:ACTED_ON]:
            facts = bills.by_id(connection, row.id)
            if facts is not None:
                acts[row.id] = life_of(connection, facts).acts
    payers = {row.id: bill_lists.masked_payer(services(), row) for row in found.rows}
    return page(
        "billing/found.html", rows=found.rows, payers=payers, acts=acts, states=BILL_STATES, most=ledger_search.MOST
    )


def _protected(found: Found, text: str) -> Response | None:
    """Return the page that asks for a reason when somebody under special protection was looked up; else None."""
    staff, actor, reason = current_staff(), current_actor(), request.form.get("reason", "").strip()[:100]
    with services().database.read() as connection:
        marks = protected_persons.by_texts(services(), connection, staff.unit_id, [text], [text])
        marks += [one for one in protected_persons.of_bills(connection, staff.unit_id, found.ids) if one not in marks]
        missing = protected_persons.unexplained(connection, actor, marks)
    if missing and len(reason) < LEAST:
        lead = "本院职工、公众人物等人员的票据，查看前须说明原因。原因、人员、时间会记入日志，并提示审计管理员。"
        return _ask(Question("此人受特别保护：请先说明原因", lead, "billing.search", hidden={"q": text}))
    protected_persons.explain(services(), actor, missing, reason, "search")
    return None


def _too_many(text: str) -> Response | None:
    """Return the page that asks for a reason beyond so many searches for persons an hour, None once there is one."""
    if not (most := looks_beyond()):
        return None
    reason = request.form.get("reason", "").strip()[:100]
    if len(reason) < LEAST:
        lead = f"您一小时内按个人信息查找已达 {most:,} 次。写明原因后可继续；"
        lead += "原因、人员、次数会记入日志，并提示审计管理员。"
        hint = "如：月末逐笔核对医保清单。请勿填写个人信息"
        heading = "查找较多：请先说明原因"
        return _ask(Question(heading, lead, "billing.search", hint=hint, hidden={"q": text}))
    explain_looks(reason, most)
    return None


def _ask(question: Question) -> Response:
    problem = f"请写明原因（至少 {LEAST} 个字）。" if "reason" in request.form else ""
    return reason_page(question, ReasonForm(fresh=True), problem=problem)


@billing.post("/bills/<int:bill_id>/reveal")
@requires(Permission.PERSONS_REVEAL, within="billing.bills")
def reveal(bill_id: int) -> Response:
    """Show the payer in full, once: on the page, or (``as``) by the whole e-bill; written down with the reason."""
    facts = own_bill(bill_id)
    reason, shape = request.form.get("reason", "").strip()[:100], request.form.get("as", "page")
    if wrong := enough_for_a_look(reason):
        return bill_page(facts, problem=wrong, status=422)
    audit.note(services(), current_actor(), "party.revealed", ("bill", bill_id), {"reason": reason, "as": shape[:8]})
    if shape in ("pdf", "xml"):
        return _whole(facts, shape)
    with services().database.read() as connection:
        party = bills.party(services(), connection, bill_id)
    return bill_page(facts, party=party, revealed_at=now())


def _whole(facts: BillFacts, shape: str) -> Response:
    with services().database.read() as connection:
        if shape == "pdf":
            file = files.bill_pdf(services(), connection, runtime().faces, facts)
        else:
            file = files.bill_xml(services(), connection, facts)
    response = file_response(file.data, file.mimetype, file.name, "inline" if shape == "pdf" else "attachment")
    response.headers["Cache-Control"] = "private, no-store"
    return response
