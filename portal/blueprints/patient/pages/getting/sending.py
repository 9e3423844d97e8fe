"""Sending a bill from its page: by e-mail, after the address was shown back; stopping what went wrong."""

from __future__ import annotations

from flask import Response, g, request, url_for

from portal.blueprints.patient import form_results
from portal.blueprints.patient.context import own_bill, page, patient, unit_of
from portal.blueprints.patient.form_results import Result, show, show_problem
from portal.delivery import requests
from portal.delivery.requests import MAIL
from portal.domain import mail_address
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.web.edge import limits, see_other, services


@patient.route("/h/<string:unit_code>/bills/<int:bill_id>/mail", methods=["GET", "POST"])
def mail(unit_code: str, bill_id: int) -> Response:
    """发到邮箱: type, look at it once more, send; nothing typed stands in an address."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
    if request.method == "GET":
        told = form_results.shown().told
        return page("mail.html", bill=facts, asked="meant" in told, meant=told.get("meant", ""))
    typed = mail_address.tidy(request.form.get("address", "")[:200])
    if not MAIL.fullmatch(typed):
        return show_problem(request.path, address="邮箱地址不完整，例如 name@qq.com。")
    if "sure" not in request.form:
        told = {"meant": mail_address.suggestion(typed)}
        return show(request.path, Result(typed={"address": typed}, told=told))
    try:
        actor = Actor("patient", "患者", unit.id, g.request_id)
        requests.send_bill_by_mail(services(), limits(), actor, bill_id, typed)
    except Refusal as refusal:
        return show_problem(request.path, refusal.status, address=f"{refusal.why}。{refusal.remedy}。")
    return see_other(f"{url_for('patient.bill', unit_code=unit_code, bill_id=bill_id)}#sent")


@patient.route("/n/<string:token>", methods=["GET", "POST"])
def stop_messages(token: str) -> Response:
    """不是我, from the link in a message: nothing more goes to that address. Says the same for every token.

    Looking stops nothing, since scanners of mail look.
    """
    if request.method == "POST":
        requests.stop_channel(services(), token)
        return show(request.path, Result(told={"done": True}))
    return page("stop.html", token=token, done="done" in form_results.shown().told)
