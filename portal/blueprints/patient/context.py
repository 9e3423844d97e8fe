"""What every patient page needs: the unit, the browser's session, care mode, words and shapes."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, g, render_template, request
from markupsafe import Markup

from portal.blueprints.patient import english, form_results
from portal.core.clock import local
from portal.core.database import Connection
from portal.delivery.notices import way_of
from portal.domain.errors import Refusal
from portal.domain.money import micro_text, yuan
from portal.domain.numbers import in_groups
from portal.hospital.references import UnitRow
from portal.ledger.bills import BillFacts
from portal.ledger.files import File
from portal.retrieval.proof import identify, sessions
from portal.web import cookies
from portal.web.edge import asset, file_response, runtime, services

patient = Blueprint("patient", __name__)
"""All patient pages hang on it."""
COOKIE = "qp_session"
CARE = "qp_care"
OFFICIAL = (("财政部全国财政电子票据查验平台", "https://pjcy.mof.gov.cn", "pjcy.mof.gov.cn"),)
"""Where finance shows and verifies bills."""


def unit_of(key: str | int) -> UnitRow:
    """Return the unit by its public code or id. Raises LINK_INVALID for an unknown one."""
    found: UnitRow | None = runtime().units.get(key)
    if found is None:
        raise Refusal("LINK_INVALID")
    g.unit = found
    return found


def session_of(connection: Connection) -> sessions.Session | None:
    """Return the browser's session; being used keeps it open (:func:`keep_open`)."""
    found = sessions.read(services(), connection, cookies.read(COOKIE))
    g.patient_session = found
    return found


def keep_open(response: Response) -> Response:
    """After a page of a session: write down that it is used, when that is due."""
    session: sessions.Session | None = g.get("patient_session")
    if session is not None:
        sessions.touch(services(), session)
    return response


def page(template: str, status: int = 0, **values: Any) -> Response:
    """Render a patient page. ``here`` is its own address: what lies below it is named from there.

    It shows what its form led to (``typed``, ``problem``, ``wrong``), whose status it has unless one is given. It is in
    English when the browser wants that and the template is; ``english=False`` forbids it.
    """
    result = form_results.shown()
    values = {"typed": result.typed, "problem": result.problem, "wrong": result.wrong} | values
    values["back"] = request.full_path.removesuffix("?") if request.method == "GET" else "/"
    wanted, translated = english.wanted(), template in english.PAGES
    g.english = values["english"] = wanted and translated and values.get("english", True)
    values["wants_english"] = wanted if wanted or translated else None
    values["zh"] = Markup(' lang="zh-CN"') if g.english else ""
    values.setdefault("unit", getattr(g, "unit", None))
    values["care"] = cookies.read(CARE) == "1"
    values["here"] = request.path
    values["asset"] = asset
    if "nonce" not in g:  # a form is refused before the request is named
        g.nonce = secrets.token_urlsafe(16)
    values["nonce"] = g.nonce
    values["inside_app"] = inside_app()
    banner = current_app.config["BANNER"]
    values["banner"] = banner.english or banner if g.english else banner
    return Response(render_template(f"patient/{template}", **values), status=status or result.status)


def remember(response: Response, cookie: str) -> Response:
    """Give the browser its session id; readable by nobody but the server."""
    return cookies.remember(response, COOKIE, cookie)


def inside_app() -> str:
    """``微信`` or ``支付宝`` when the page is open inside that app, whose browser saves no files; else ``""``."""
    agent = request.headers.get("User-Agent", "")
    return "微信" if "MicroMessenger" in agent else "支付宝" if "AlipayClient" in agent else ""


def caller() -> str:
    """Return the caller's network address; services count it by keyed hash."""
    return request.remote_addr or ""


def session_here(connection: Connection, level: int = 0) -> sessions.Session:
    """Return the browser's session at this unit. Raises SESSION_OVER without one, or below ``level``."""
    found = session_of(connection)
    if found is None or found.unit_id != g.unit.id or found.level < level:
        raise Refusal("SESSION_OVER")
    return found


def own_bill(connection: Connection, bill_id: int, level: int = 1) -> tuple[BillFacts, str, sessions.Session]:
    """Return the session's bill, its payer's full name (shown to the person themselves), the session.

    Raises SESSION_OVER (also below ``level``), BILL_NOT_FOUND.
    """
    session = session_here(connection, level)
    found = identify.own_bill(services(), connection, session, bill_id)
    if found is None:
        raise Refusal("BILL_NOT_FOUND")
    return *found, session


def handed_out(file: File) -> Response:
    """Answer with a file as an attachment."""
    return file_response(file.data, file.mimetype, file.name)


def day(moment: datetime) -> str:
    """``2026-11-18`` in the hospital's time."""
    return local(moment).strftime("%Y-%m-%d")


def clock(moment: datetime) -> str:
    """``11-18 10:42`` in the hospital's time."""
    return local(moment).strftime("%m-%d %H:%M")


def tel(number: str) -> str:
    """Return a desk's phone as a link that a phone dials; what is no plain number stays text."""
    dialled = re.sub(r"[\s()（）-]", "", number)
    return Markup('<a href="tel:{}">{}</a>').format(dialled, number) if dialled.isdigit() else number


def hour(moment: datetime) -> str:
    """``10:42`` in the hospital's time."""
    return local(moment).strftime("%H:%M")


def grouped(text: str) -> str:
    """Return a sentence with its bill numbers in groups."""
    return re.sub(r"\b\d{10}\b", lambda found: in_groups(found[0]), text)


FILTERS = {
    "yuan": yuan,
    "micro": micro_text,
    "day": day,
    "time": clock,
    "hour": hour,
    "way": way_of,
    "tel": tel,
    "groups": in_groups,
    "grouped": grouped,
}
FILTERS |= english.FILTERS
