"""Sending a bill from its page: by e-mail, after the address was shown back."""

from __future__ import annotations

from flask import Response, g, request, url_for

from portal.blueprints.patient import form_results
from portal.blueprints.patient.context import own_bill, page, patient, unit_of
from portal.blueprints.patient.form_results import Result, show, show_problem
from portal.delivery import mail_text, requests
from portal.domain import mail_address
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.standing import Standing
from portal.ledger import bill_relations
from portal.retrieval.proof import identify
from portal.web.edge import limits, see_other, services


@patient.route("/h/<string:unit_code>/bills/<int:bill_id>/mail", methods=["GET", "POST"])
def mail(unit_code: str, bill_id: int) -> Response:
    """发到邮箱: type, look at it once more, send; nothing typed stands in an address."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        whole = identify.may_see_details(services(), connection, session, bill_id)
        standing = bill_relations.standing_of(connection, facts)
    if request.method == "GET":
        told = form_results.shown().told
        state = "" if standing is Standing.VALID else mail_text.STANDING[standing]
        asked, meant = "meant" in told, told.get("meant", "")
        return page("mail.html", bill=facts, state=state, whole=whole, asked=asked, meant=meant)
    typed = mail_address.tidy(request.form.get("address", "")[:200])
    if not mail_address.is_address(typed):
        return show_problem(request.path, address="邮箱地址不完整，例如 name@qq.com。")
    if "sure" not in request.form:
        told = {"meant": mail_address.suggestion(typed)}
        return show(request.path, Result(typed={"address": typed}, told=told))
    try:
        actor = Actor("patient", "患者", unit.id, g.request_id)
        requests.send_bill_by_mail(services(), limits(), actor, bill_id, typed, whole=whole)
    except Refusal as refusal:
        return show_problem(request.path, refusal.status, address=f"{refusal.why}。{refusal.remedy}。")
    return see_other(f"{url_for('patient.bill', unit_code=unit_code, bill_id=bill_id)}#sent")
