"""The search box of the bar: scan or type anything. It posts, so that no name or card stands in an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from flask import Response, request, url_for

from admin.kit.groups import billing
from admin.kit.listing import keep_filters, list_query
from admin.kit.page import page
from admin.kit.reasons import (
    LEAST,
    Question,
    ReasonForm,
    enough_for_a_look,
    explain_looks,
    gate_bills,
    looks_beyond,
    reason_page,
)
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.billing.bill_actions import life_of
from admin.pages.billing.bills import BILLS, bill_page, own_bill
from admin.pages.billing.vouchers import STATES as VOUCHER_STATES
from admin.pages.stock.parts import document_states
from portal import audit
from portal.access import kept_inputs
from portal.access.his import refusals
from portal.access.permissions import Permission
from portal.core.clock import now
from portal.core.database import Connection
from portal.hospital import protected_persons
from portal.ledger import bill_lists, bills, files
from portal.ledger import search as ledger_search
from portal.ledger.bills import BillFacts
from portal.ledger.search import Found
from portal.listing.columns import Act
from portal.listing.values import State
from portal.models.tables import (
    STOCK_APPLICATION,
    STOCK_DESTRUCTION,
    STOCK_RECEIPT,
    STOCK_RETURN,
    STOCK_SLIP,
    STOCK_VOID,
)
from portal.web.edge import file_response, runtime, see_other, services

PLACE = "search"
"""Where a search is kept (:mod:`portal.access.kept_inputs`)."""

FOUND = replace(BILLS, name="found", title="查找结果", filters=(), size=ledger_search.PAGE)

STOCK_PAGES: Mapping[str, tuple[str, str, Mapping[str, State]]] = {
    STOCK_APPLICATION.name: ("票据申领", "application", document_states.APPLICATION_STATES),
    STOCK_RECEIPT.name: ("票据入库", "receipt", document_states.RECEIPT_STATES),
    STOCK_SLIP.name: ("票据分发", "slip", document_states.SLIP_STATES),
    STOCK_RETURN.name: ("票据申退", "return_slip", document_states.RETURN_STATES),
    STOCK_VOID.name: ("作废与报损", "void", document_states.VOID_STATES),
    STOCK_DESTRUCTION.name: ("票据销毁", "destruction", document_states.DESTRUCTION_STATES),
}
"""By table of the stock: its word, the page of one document, its states."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something besides bills that a text means: its word and number, where it opens, how it stands."""

    word: str
    no: str
    href: str
    state: State
    issued_at: datetime | None = None
    amount_fen: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a person looks up, and where the answer to a question for the reason goes."""

    text: str
    endpoint: str
    hidden: Mapping[str, str]


@billing.post("/search")
@requires(Permission.BILLS_VIEW, within="billing.bills")
def search() -> Response:
    """Find what a scanned or typed text means; a single thing opens at once, more of them on a page to come back to."""
    text, unit_id = request.form.get("q", ""), current_staff().unit_id
    with services().database.read() as connection:
        found = ledger_search.find(services(), connection, unit_id, text)
    if (why := _looked_up(found, _Asked(text, "billing.search", {"q": text}))) is not None:
        return why
    hits = _elsewhere(text)
    if not hits and not found.ids:
        hits = _refused_pushes(text)
    if len(found.ids) + len(hits) == 1:
        return see_other(hits[0].href if hits else url_for("billing.bill", bill_id=found.ids[0]))
    key = kept_inputs.keep(services(), current_staff().id, PLACE, {"q": text[:500]})
    return see_other(url_for("billing.search_result", key=key))


@billing.get("/search/<string:key>")
@requires(Permission.BILLS_VIEW, within="billing.bills")
def search_result(key: str) -> Response:
    """Show what a search finds now. The address tells nothing, is good for its person, and ends."""
    with services().database.read() as connection:
        kept = kept_inputs.read(services(), connection, current_staff().id, PLACE, key)
        if kept is None:
            return page("billing/found.html", 404, over=True, title=FOUND.title)
        text, unit_id = kept["q"], current_staff().unit_id
        found = ledger_search.find(services(), connection, unit_id, text)
        listing = FOUND.read(connection, bill_lists.of_unit(unit_id).where(found.condition), list_query(FOUND))
        acts = {row.id: _acts(connection, row.id) for row in listing.rows}
    gate_bills(*(row.id for row in listing.rows))
    hits = _elsewhere(text) or ([] if found.ids else _refused_pushes(text))
    return page("billing/found.html", title=FOUND.title, over=False, listing=listing, acts=acts, hits=hits)


def _acts(connection: Connection, bill_id: int) -> list[Act]:
    facts = bills.by_id(connection, bill_id)
    return life_of(connection, facts).acts if facts is not None else []


def _elsewhere(text: str) -> list[Hit]:
    """Return the vouchers and documents of the stock that a text means, as far as the person may see them."""
    unit_id, hits = current_staff().unit_id, []
    with services().database.read() as connection:
        if may(Permission.VOUCHERS_VIEW):
            for one in ledger_search.vouchers_of(services(), connection, unit_id, text):
                href = url_for("billing.voucher", voucher_id=one.voucher_id)
                hits.append(Hit("预交金凭证", one.pair, href, VOUCHER_STATES[one.state], one.issued_at, one.amount_fen))
        if may(Permission.STOCK_VIEW):
            for document in ledger_search.stock_documents(connection, unit_id, text):
                word, endpoint, states = STOCK_PAGES[document.kind]
                href = url_for(f"stock.{endpoint}", no=document.no)
                hits.append(Hit(word, document.no, href, states[document.state]))
    return hits


def _refused_pushes(text: str) -> list[Hit]:
    with services().database.read() as connection:
        found = refusals.by_serial(connection, current_staff().unit_id, text)
    word = State("未开票", "red")
    return [
        Hit("被拒推送", text.strip()[:80], url_for("billing.refused_push", refusal_id=one), word) for one in found[:1]
    ]


@billing.post("/bills")
@requires(Permission.BILLS_VIEW, within="billing.bills")
def filter_bills() -> Response:
    """Lead on to 票据查询 with the filters that were filled in; a payer is looked up as by the search box."""
    text = request.form.get("payer", "").strip()[:100]
    if text:
        condition = ledger_search.of_payer(services(), text)
        with services().database.read() as connection:
            ids = ledger_search.newest(connection, current_staff().unit_id, condition)
        found = Found("payer", condition, ids)
        hidden = {name: value[:100] for name, value in request.form.items() if name not in _NOT_ASKED}
        if (why := _looked_up(found, _Asked(text, "billing.filter_bills", hidden))) is not None:
            return why
    return keep_filters(BILLS, "billing.bills")


_NOT_ASKED = ("csrf_token", "form_token", "shown_point", "reason")


def _looked_up(found: Found, asked: _Asked) -> Response | None:
    """Write down who was looked up; return the page that asks why, where a reason is needed first."""
    if (why := _protected(found, asked)) is not None:
        return why
    # Who tries names until one is there finds nothing most of the time.
    if found.personal or (asked.text.strip() and not found.ids):
        if (why := _too_many(asked)) is not None:
            return why
        details = {"by": found.how, "bills": len(found.ids)}
        first = ("bill", found.ids[0]) if found.ids else ("unit", current_staff().unit_id)
        audit.note(services(), current_actor(), "party.searched", first, details)
    return None


def _protected(found: Found, asked: _Asked) -> Response | None:
    """Return the page that asks for a reason when somebody under special protection was looked up; else None."""
    staff, actor, reason = current_staff(), current_actor(), request.form.get("reason", "").strip()[:100]
    with services().database.read() as connection:
        marks = protected_persons.by_texts(services(), connection, staff.unit_id, [asked.text], [asked.text])
        marks += [one for one in protected_persons.of_bills(connection, staff.unit_id, found.ids) if one not in marks]
        missing = protected_persons.unexplained(connection, actor, marks)
    if missing and len(reason) < LEAST:
        lead = "本院职工、公众人物等人员的票据，查看前须说明原因。原因、人员、时间会记入日志，并提示审计管理员。"
        return _ask(Question("此人受特别保护：请先说明原因", lead, asked.endpoint, hidden=asked.hidden))
    protected_persons.explain(services(), actor, missing, reason, "search")
    return None


def _too_many(asked: _Asked) -> Response | None:
    """Return the page that asks for a reason beyond so many searches for persons an hour, None once there is one."""
    if not (most := looks_beyond()):
        return None
    reason = request.form.get("reason", "").strip()[:100]
    if len(reason) < LEAST:
        lead = f"您一小时内按个人信息查找已达 {most:,} 次。写明原因后可继续；"
        lead += "原因、人员、次数会记入日志，并提示审计管理员。"
        hint = "如：月末逐笔核对医保清单。请勿填写个人信息"
        heading = "查找较多：请先说明原因"
        return _ask(Question(heading, lead, asked.endpoint, hint=hint, hidden=asked.hidden))
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
