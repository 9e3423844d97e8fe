"""不是我, from the link in a message: nothing more goes to that address, until its person takes it back."""

from __future__ import annotations

from contextlib import suppress

from flask import Response, request, url_for

from portal.blueprints.patient.context import caller, page, patient, unit_of
from portal.delivery import message_links, requests
from portal.delivery.message_links import MessageLink
from portal.delivery.notices import way_of
from portal.domain.errors import Refusal
from portal.retrieval import patient_requests
from portal.retrieval.patient_requests import Asked
from portal.web.edge import limits, see_other, services


@patient.get("/n/<string:token>")
def stop_page(token: str) -> Response:
    """Ask whether messages are to stop, or say that they have. Looking stops nothing, since scanners of mail look.

    A token that is not ours leads through the same pages; they name no hospital then.
    """
    found = _message(token)
    done = found.stopped if found is not None else "done" in request.args
    way = way_of(found.channel, found.masked) if found is not None else ""
    return page("stop.html", token=token, message=found, way=way, done=done)


@patient.post("/n/<string:token>")
def stop_messages(token: str) -> Response:
    """Stop messages to the address that got this one and tell the desk; ``mine``: it was a mistake, they go on."""
    found = _message(token)
    if "mine" in request.form:
        if found is not None:
            requests.resume_address(services(), found.attempt_id)
        return see_other(url_for("patient.stop_page", token=token))
    if found is not None and requests.stop_address(services(), found.attempt_id) and not found.stopped:
        content = {"channel": way_of(found.channel, ""), "address": found.masked}
        with suppress(Refusal):  # the desk hears of so many an hour; stopping is what matters here
            patient_requests.ask(services(), limits(), found.unit_id, Asked("not_me", content, found.bill_id), caller())
    return see_other(url_for("patient.stop_page", token=token, done=1))


def _message(token: str) -> MessageLink | None:
    with services().database.read() as connection:
        found = message_links.by_stop(services(), connection, token)
    if found is not None:
        unit_of(found.unit_id)
    return found
