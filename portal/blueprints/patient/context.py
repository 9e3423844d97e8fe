"""What every patient page needs: the unit, the browser's session, care mode, words and shapes."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, current_app, g, render_template, request
from sqlalchemy import Connection, Row

from portal.core.clock import local
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.domain.money import micro_text, yuan
from portal.retrieval import sessions

COOKIE = "qp_session"
CARE = "qp_care"


def services() -> Services:
    """The process's services."""
    found: Services = current_app.extensions["qupiao"]
    return found


def unit_of(key: str | int) -> Row[Any]:
    """The unit by its public code or id. Raises LINK_INVALID for an unknown one."""
    found: Row[Any] | None = current_app.extensions["qupiao_units"].get(key)
    if found is None:
        raise Refusal("LINK_INVALID")
    g.unit = found
    return found


def session_of(connection: Connection) -> sessions.Session | None:
    """The browser's session; being used keeps it open (:func:`keep_open`)."""
    found = sessions.read(services(), connection, request.cookies.get(COOKIE, ""))
    g.patient_session = found
    return found


def keep_open(response: Response) -> Response:
    """After a page of a session: write down that it is used, when that is due."""
    session: sessions.Session | None = g.get("patient_session")
    if session is not None:
        sessions.touch(services(), session)
    return response


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render a patient page. ``here`` is its own address: what lies below it is named from there."""
    values.setdefault("unit", getattr(g, "unit", None))
    values["care"] = request.cookies.get(CARE) == "1"
    values["here"] = request.path
    values["style"] = style_version()
    values["demo"] = current_app.config["DEMO"]
    return Response(render_template(f"patient/{template}", **values), status=status)


def remember(response: Response, cookie: str) -> Response:
    """Give the browser its session id; readable by nobody but the server."""
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="Lax", secure=request.is_secure, path="/")
    return response


@cache
def style_version() -> str:
    """A fingerprint in the style sheet's address, so that it may be cached for long."""
    sheet = Path(current_app.static_folder or "") / "patient.css"
    return hashlib.sha256(sheet.read_bytes()).hexdigest()[:8]


def day(moment: datetime) -> str:
    """``2026-11-18`` in the hospital's time."""
    return local(moment).strftime("%Y-%m-%d")


def spoken_day(moment: datetime) -> str:
    """``11 月 18 日``."""
    moment = local(moment)
    return f"{moment.month} 月 {moment.day} 日"


def groups(text: str, size: int = 4) -> str:
    """A number in groups: ``9000 0001 23`` counted from the left."""
    return " ".join(text[start : start + size] for start in range(0, len(text), size))


FILTERS = {"yuan": yuan, "micro": micro_text, "day": day, "spoken_day": spoken_day, "groups": groups}
