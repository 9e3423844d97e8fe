"""From a log-in code to a proved person, a slip's bill, and out again."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from flask import Response

from portal.blueprints.mini.context import answer, body, caller, mini, present, session_of
from portal.core.platform_settings import TEMPLATES
from portal.delivery import bindings, message_links, mini_login
from portal.domain.errors import Refusal
from portal.domain.identity import bare_slip_code, is_slip_code
from portal.retrieval.proof import code_entry, identify, sessions
from portal.retrieval.proof.sessions import Session
from portal.web.edge import limits, runtime, services

_LINK = re.compile(r"(?:.*/b/)?([A-Za-z0-9_-]+)/?")
"""A slip's QR code: the address of its page, or the token alone."""


def _token(token: str, level: int, **more: Any) -> Response:
    return answer(token=token, level=level, expires_in=services().settings.session_minutes * 60, **more)


@mini.post("/login")
def login() -> Response:
    """Exchange a log-in code for a token."""
    typed = body("Login")
    unit = runtime().units.get(typed["unit"])
    if unit is None:
        raise Refusal("LINK_INVALID")
    return _token(*mini_login.log_in(services(), runtime().providers, limits(), unit.id, typed["code"], caller()))


@mini.post("/identify")
def identify_person() -> Response:
    """Take number and name: a code is sent if they match; the answer is the same if not."""
    session = present()
    typed = body("Person")
    token = mini_login.begin(services(), limits(), session, typed["number"], typed["name"], caller())
    return _token(token, 1 if session.claim.bills else 0)


def code_state(session: Session, purpose: str = identify.FIND) -> Response:
    """Answer how the newest code of a session stands."""
    with services().database.read() as connection:
        return answer(**asdict(code_entry.state(connection, session, purpose)))


@mini.get("/code")
def code() -> Response:
    """How many tries are left, and when another code may be sent."""
    return code_state(present())


@mini.post("/resend")
def resend() -> Response:
    """重新发送; sooner than a minute after the last one nothing is sent, and ``wait`` says how long it is."""
    session = present()
    code_entry.resend(services(), limits(), session, identify.FIND, caller())
    return code_state(session)


@mini.post("/confirm")
def confirm() -> Response:
    """Take the code: level 2."""
    session = present()
    return _token(mini_login.confirm(services(), limits(), session, body("Code")["code"]), 2)


@mini.post("/phone")
def phone() -> Response:
    """Take the phone that WeChat vouches for: level 2."""
    session = present()
    typed = body("Phone")
    given = (typed["phone_code"], typed["number"], typed["name"])
    return _token(mini_login.by_phone(services(), runtime().providers, limits(), session, *given), 2)


@mini.post("/slip")
def slip() -> Response:
    """Open the bill of a slip: by fetch code and name, or by its QR code and the name or the fetch code."""
    session = present()
    typed = body("Slip")
    given, name = typed["slip"].strip(), typed["name"]
    level = max(session.level, 1)
    code = given if is_slip_code(given) else bare_slip_code(given)
    if code:
        token, bill_id = mini_login.open_code(services(), limits(), session, code, name, caller())
        return _token(token, level, bill=str(bill_id))
    found = _LINK.fullmatch(given)
    if found is None:
        raise Refusal("LINK_INVALID")
    with services().database.read() as connection:
        bill, _, sent = message_links.linked(services(), connection, found[1])
    token = mini_login.open_link(services(), limits(), session, (bill, sent), name, caller())
    return _token(token, level, bill=str(bill.bill_id))


@mini.post("/subscriptions")
def subscriptions() -> Response:
    """Templates that the person has just allowed one message of; others than ours count for nothing.

    Where WeChat's own event tells of it, that counts and this does not: one tap is one permission.
    """
    ours = {services().settings.template(name) for name in TEMPLATES if name.startswith("mini_")} - {""}
    with services().database.read() as connection:
        session = session_of(connection)
        subject = mini_login.subject_of(services(), mini_login.openid_of(services(), connection, session))
    allowed = sorted(ours & set(body("Subscribed")["templates"]))
    if not services().settings.wechat_mini.pushes:
        bindings.allow(services(), subject, allowed)
    return answer(templates=allowed)


@mini.post("/logout")
def logout() -> Response:
    """End the session on the server."""
    sessions.end(services(), present())
    return answer()
