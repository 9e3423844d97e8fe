"""转给单位会计: the PDF over the phone's own sharing, or a link that shows face and verification for 30 days."""

from __future__ import annotations

from flask import Response, g, request, url_for

from portal import audit
from portal.blueprints.patient.context import OFFICIAL, handed_out, own_bill, page, patient, unit_of
from portal.blueprints.patient.form_results import Result, show, shown
from portal.domain.actor import Actor
from portal.ledger.bills import BillFacts
from portal.ledger.files import File, bill_pdf
from portal.retrieval.proof import passes, sharing
from portal.retrieval.proof.passes import LIVES, Purpose
from portal.web.edge import FACE_WIDTH, runtime, see_other, services
from portal.web.headers import private_picture


def _patient() -> Actor:
    return Actor("patient", request_id=g.request_id)


@patient.route("/h/<string:unit_code>/bills/<int:bill_id>/share", methods=["GET", "POST"])
def share(unit_code: str, bill_id: int) -> Response:
    """Show the ways to an accountant and the links that are open; posted: make one, which is shown this once."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
        links = sharing.links(connection, bill_id)
    if request.method == "POST":
        token = sharing.share(services(), _patient(), facts)
        return show(request.path, Result(told={"link": services().settings.pass_address(token)}))
    g.fetches = True
    days = LIVES[Purpose.SHARE].days
    return page("share.html", bill=facts, links=links, days=days, link=shown().told.get("link", ""))


@patient.post("/h/<string:unit_code>/bills/<int:bill_id>/share/end")
def end_share(unit_code: str, bill_id: int) -> Response:
    """End one of the links."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
    sharing.end(services(), _patient(), facts, request.form.get("key", "")[:64])
    return see_other(url_for("patient.share", unit_code=unit_code, bill_id=bill_id))


def shared_page(token: str) -> Response | None:
    """Show an accountant the bill of a link; ``None`` when the token is no such link's."""
    with services().database.read() as connection:
        found = passes.read(services(), connection, token, Purpose.SHARE)
        if found is None:
            return None
        facts, payer, _ = passes.bill_of(services(), connection, token, Purpose.SHARE)
    unit_of(facts.unit_id)
    _note("bill.share_opened", facts)
    return page("shared.html", bill=facts, payer=payer, token=token, official=OFFICIAL)


@patient.get("/t/<string:token>/face.png")
def shared_face(token: str) -> Response:
    """Show the face of a shared bill."""
    _, file = _face(token)
    return private_picture(runtime().faces.png(file.data, FACE_WIDTH), "image/png")


@patient.get("/t/<string:token>/face.pdf")
def shared_pdf(token: str) -> Response:
    """Give the face of a shared bill as PDF."""
    facts, file = _face(token)
    _note("bill.downloaded", facts)
    return handed_out(file)


def _face(token: str) -> tuple[BillFacts, File]:
    with services().database.read() as connection:
        facts, *_ = passes.bill_of(services(), connection, token, Purpose.SHARE)
        return facts, bill_pdf(services(), connection, runtime().faces, facts, whole=False)


def _note(action: str, facts: BillFacts) -> None:
    audit.note(services(), Actor("patient:share", request_id=g.request_id), action, ("bill", facts.bill_id))
