"""A person's bills: the list, one bill, its lines, files, mail, card packs, a correction."""

from __future__ import annotations

from flask import Response, g, request

from portal import audit
from portal.blueprints.mini import shapes
from portal.blueprints.mini.context import answer, body, caller, mini, own_bill, query, session_of, unit_code
from portal.core.database import Connection
from portal.delivery import mail_text, requests
from portal.delivery.cards import orders
from portal.delivery.cards.orders import Asker
from portal.domain import mail_address
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.money import micro_text
from portal.domain.states.standing import Standing
from portal.hospital import queries as hospital_queries
from portal.ledger import bill_relations
from portal.ledger import bills as ledger_bills
from portal.ledger.bills import BillFacts
from portal.ledger.files import File, bill_pdf
from portal.providers.faults import ChannelFault
from portal.retrieval import patient_requests
from portal.retrieval.patient_requests import Asked
from portal.retrieval.proof import identify
from portal.retrieval.proof.sessions import Session
from portal.web.edge import FACE_WIDTH, file_response, limits, runtime, services


def departments_for(connection: Connection, session: Session) -> dict[str, str]:
    """Return by what names lists show departments: to nobody who has proved nothing."""
    return hospital_queries.listed_departments(connection, session.unit_id) if session.level >= 2 else {}


def actor_of(session: Session) -> Actor:
    """Return who acts, for the log."""
    who = session.claim.number[:12] if session.level >= 2 else "slip"
    return Actor(f"patient:{who}", "患者", session.unit_id, g.request_id)


@mini.get("/bills")
def bills() -> Response:
    """Show a page of the bills that the session may see, newest first."""
    wanted = query("year", "page")
    with services().database.read() as connection:
        session = session_of(connection, 1)
        found, name = identify.visible_bills(services(), connection, session)
        departments = departments_for(connection, session)
    return answer(**shapes.listed(found, name, wanted, departments))


@mini.get("/bills/<int:bill_id>")
def bill(bill_id: int) -> Response:
    """One bill with what belongs to it."""
    with services().database.read() as connection:
        session = session_of(connection, 1)
        found = identify.own_bill_related(services(), connection, session, bill_id)
        if found is None:
            raise Refusal("BILL_NOT_FOUND")
        facts, payer, related = found
        items = ledger_bills.items(connection, bill_id)
        asked = patient_requests.of_bill(services(), connection, bill_id) if related.asked else []
        sent = requests.state_for_patient(connection, facts.unit_id, "bill", bill_id) if related.sent else []
        whole = identify.may_see_details(services(), connection, session, bill_id)
        departments = departments_for(connection, session)
    money = ("account_fen", "fund_fen", "other_fund_fen", "self_pay_fen", "own_cost_fen")
    return answer(
        **shapes.brief(facts, departments),
        **{name: getattr(facts, name) for name in ("code", "number", "check_code", *money)},
        payer=payer,
        items=[{"name": item.fiscal_name, "amount_fen": item.amount_fen} for item in items],
        **shapes.belonging(facts, related, sent, session.level >= 2),
        corrections=[shapes.request(one) for one in asked],
        details=whole,
    )


@mini.get("/bills/<int:bill_id>/lines")
def lines(bill_id: int) -> Response:
    """Show the list lines of one bill; a slip alone does not open them."""
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        if not identify.may_see_details(services(), connection, session, bill_id):
            raise Refusal("LEVEL_TOO_LOW")
        rows = ledger_bills.detail_lines(connection, bill_id)
        department = hospital_queries.general_department(connection, facts.unit_id, facts.department)
    told = [
        {
            "name": row.name,
            "spec": row.spec,
            "unit": row.unit,
            "price": "" if row.price_micro is None else micro_text(row.price_micro, 2),
            "quantity": "" if row.quantity_micro is None else micro_text(row.quantity_micro),
            "amount": micro_text(row.amount_micro, 2),
        }
        for row in rows
    ]
    return answer(department=department, lines=told)


def _pdf(bill_id: int) -> tuple[BillFacts, File]:
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        whole = identify.may_see_details(services(), connection, session, bill_id)
        return facts, bill_pdf(services(), connection, runtime().faces, facts, whole=whole)


@mini.get("/bills/<int:bill_id>/file.pdf")
def pdf(bill_id: int) -> Response:
    """Give the bill as PDF, to whoever has a slip only its face; the download is written down."""
    facts, file = _pdf(bill_id)
    audit.note(services(), Actor("patient:mini", request_id=g.request_id), "bill.downloaded", ("bill", bill_id))
    return file_response(file.data, file.mimetype, f"{facts.code}-{facts.number}.pdf")


@mini.get("/bills/<int:bill_id>/face.png")
def face(bill_id: int) -> Response:
    """Show a picture of the face."""
    return Response(runtime().faces.png(_pdf(bill_id)[1].data, FACE_WIDTH), mimetype="image/png")


@mini.post("/bills/<int:bill_id>/deliver")
def deliver(bill_id: int) -> Response:
    """Send to an e-mail address that the person has typed; what looks like a slip of the finger is asked back first."""
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        standing = bill_relations.standing_of(connection, facts)
        whole = identify.may_see_details(services(), connection, session, bill_id)
    typed = body("Deliver")
    address = mail_address.tidy(typed["address"])
    note = "" if standing is Standing.VALID else mail_text.STANDING[standing]
    if not typed.get("sure") and mail_address.is_address(address) and (meant := mail_address.suggestion(address)):
        return answer(sent=False, meant=meant, state="", new=False, note=note)
    asked = requests.send_bill_by_mail(services(), limits(), actor_of(session), bill_id, address, whole=whole)
    return answer(sent=True, meant="", state=asked.state.title, new=asked.new, note=note)


@mini.route("/bills/<int:bill_id>/cards", methods=["GET", "POST"])
def cards(bill_id: int) -> Response:
    """Which card packs there are for a bill, and how far each has got; posted: put it into one."""
    if request.method == "POST":
        return _card(bill_id)
    with services().database.read() as connection:
        facts, asker = _asker(connection, bill_id)
        offers = orders.card_offers(services(), connection, facts, asker)
    told = ("platform", "title", "state", "words", "may_ask")
    return answer(offers=[{name: getattr(offer, name) for name in told} for offer in offers])


def _asker(connection: Connection, bill_id: int) -> tuple[BillFacts, Asker]:
    """Return the bill and who asks for its card, as the pages do: a slip and a name get the face alone."""
    facts, _, session = own_bill(connection, bill_id)
    whole = identify.may_see_details(services(), connection, session, bill_id)
    return facts, Asker(actor_of(session).label, whole)


def _card(bill_id: int) -> Response:
    """Take consent and order; WeChat's page, where the card is taken, is the answer."""
    with services().database.read() as connection:
        facts, asker = _asker(connection, bill_id)
        session = session_of(connection, 1)
    typed = body("Card")
    if not typed["agree"]:
        raise Refusal("ENTRY_INVALID", problems="请先勾选同意，再继续")
    order = orders.ask(services(), facts, typed["platform"], asker)
    if typed["platform"] != "wechat":
        return answer(link="")
    back = f"{services().settings.outside}/h/{unit_code(session)}"
    try:
        with runtime().providers.permits.call("wechat"):
            return answer(link=runtime().wechat_cards.link(order, facts.total_fen, back))
    except ChannelFault:
        raise Refusal("WECHAT_SILENT") from None


@mini.post("/bills/<int:bill_id>/correction")
def correction(bill_id: int) -> Response:
    """Something on the bill is wrong: a request to the desk."""
    with services().database.read() as connection:
        _, _, session = own_bill(connection, bill_id)
    typed = body("Correction")
    if mistakes := patient_requests.correction_mistakes(typed):
        raise Refusal("ENTRY_INVALID", problems="；".join(mistakes.values()))
    number = patient_requests.ask(services(), limits(), session.unit_id, Asked("correction", typed, bill_id), caller())
    return answer(number=number)
