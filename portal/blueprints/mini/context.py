"""What every operation of the mini-program's API needs: the body checked by the document, the session, the answers.

No cookie, no CSRF token: a bearer token in a header is sent by nobody else.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from portal.blueprints.mini import openapi
from portal.blueprints.mini.schemas import QUERIES, SCHEMAS
from portal.core import strict_json
from portal.core.database import Connection
from portal.delivery import mini_login
from portal.domain.errors import CATALOGUE, Refusal
from portal.ledger.bills import BillFacts
from portal.retrieval.proof import identify, sessions
from portal.retrieval.proof.sessions import Session
from portal.web.edge import runtime, services
from portal.web.headers import keep_headers, say_when

mini = Blueprint("mini", __name__, url_prefix=openapi.BASE)
"""All operations hang on it."""
LARGEST = 16 * 1024
_LONE = re.compile("[\ud800-\udfff]")
"""Half of a character: JSON can write it as an escape, and nothing can store it."""
_KINDS: dict[str, Any] = {"string": str, "boolean": bool, "array": list}


def answer(**members: Any) -> Response:
    """Answer with a JSON object in UTF-8; half a character that somebody sent stays an escape."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "backslashreplace"), mimetype="application/json")


@mini.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    """Answer a refusal; 401 and 403 say what is wrong with the token (RFC 6750)."""
    response = answer(code=refusal.code, what=refusal.what, why=refusal.why, next=refusal.remedy)
    response.status_code = {"NOT_MATCHED": 404}.get(refusal.code, refusal.status)
    if response.status_code == 401:
        invalid = ' error="invalid_token"' if "Authorization" in request.headers else ""
        response.headers["WWW-Authenticate"] = f"Bearer{invalid}"
    elif refusal.code == "LEVEL_TOO_LOW":
        response.headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    return say_when(response, refusal)


def failed(error: HTTPException) -> Response:
    """Answer an address that is none, another method, our own fault: JSON, as every answer of the API."""
    told = {"code": "REQUEST_INVALID", "what": "请求无法识别", "why": "没有这个地址，或请求的写法不对"}
    told |= {"next": "请更新小程序后重试"}
    if (error.code or 500) >= 500:
        text = CATALOGUE["INTERNAL"]
        why = text.why.format(request_id=g.get("request_id", ""))
        told = {"code": "INTERNAL", "what": text.what, "why": why, "next": text.remedy}
    response = answer(**told)
    response.status_code = error.code or 500
    keep_headers(error, response)
    return response


def caller() -> str:
    """Return the caller's network address; services count it by keyed hash."""
    return request.remote_addr or ""


def body(schema: str) -> dict[str, Any]:
    """Return the request's JSON object, checked by the document. Raises ENVELOPE_INVALID, ENTRY_INVALID."""
    text = request.stream.read(LARGEST + 1)
    try:
        raw = strict_json.decode_object(text if len(text) <= LARGEST else b"")
    except strict_json.JsonError as error:
        raise Refusal("ENVELOPE_INVALID", reason=f"请求体{error}") from None
    wanted = SCHEMAS[schema]
    problems = sorted({*wanted["required"]} - set(raw)) + sorted(set(raw) - set(wanted["properties"]))
    for name, kind in wanted["properties"].items():
        if name in raw and not _fits(raw[name], kind):
            problems.append(name)
    if problems:
        raise Refusal("ENTRY_INVALID", problems="、".join(name[:20] for name in problems[:5]) + " 不正确")
    return raw


def _fits(value: Any, kind: dict[str, Any]) -> bool:
    if not isinstance(value, _KINDS[kind["type"]]):
        return False
    if kind["type"] == "array":
        return len(value) <= kind["maxItems"] and all(_fits(one, kind["items"]) for one in value)
    if kind["type"] == "boolean":
        return True
    whole = kind["minLength"] <= len(value) <= kind["maxLength"] and re.fullmatch(kind["pattern"], value)
    return bool(whole) and value in kind.get("enum", [value]) and not _LONE.search(value)


def query(*names: str) -> dict[str, Any]:
    """Return these parameters of the address, those that are not there left out. Raises ENTRY_INVALID."""
    found: dict[str, Any] = {}
    for name in names:
        for text in request.args.getlist(name)[:1]:
            try:
                found[name] = _read(text, QUERIES[name]["schema"])
            except ValueError:
                raise Refusal("ENTRY_INVALID", problems=f"{name} 不正确") from None
    return found


def _read(text: str, kind: dict[str, Any]) -> int | date | str:
    """Return a parameter by its schema. Raises ValueError."""
    if kind.get("format") == "date":
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    if kind["type"] == "integer":
        if not re.fullmatch(r"[0-9]{1,19}", text) or not kind["minimum"] <= int(text) <= kind["maximum"]:
            raise ValueError(text)
        return int(text)
    if not re.fullmatch(kind["pattern"], text):
        raise ValueError(text)
    return text


def session_of(connection: Connection, level: int = 0) -> Session:
    """Return the session of the token. Raises SESSION_OVER without one, LEVEL_TOO_LOW below ``level``."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = sessions.read(services(), connection, token) if scheme == "Bearer" else None
    if found is None or not mini_login.openid_of(services(), connection, found):
        raise Refusal("SESSION_OVER")
    g.mini_session = found
    if found.level < level:
        raise Refusal("LEVEL_TOO_LOW")
    return found


def present(level: int = 0) -> Session:
    """Return the same in a connection of its own, for an act that opens its own transaction."""
    with services().database.read() as connection:
        return session_of(connection, level)


@mini.after_request
def _keep_open(response: Response) -> Response:
    session: Session | None = g.get("mini_session")
    if session is not None:
        sessions.touch(services(), session)
    return response


def own_bill(connection: Connection, bill_id: int, level: int = 1) -> tuple[BillFacts, str, Session]:
    """Return the session's bill, its payer's full name (shown to the person themselves), the session.

    Raises SESSION_OVER, LEVEL_TOO_LOW, BILL_NOT_FOUND.
    """
    session = session_of(connection, level)
    found = identify.own_bill(services(), connection, session, bill_id)
    if found is None:
        raise Refusal("BILL_NOT_FOUND")
    return *found, session


def unit_code(session: Session) -> str:
    """Return the public code of a session's unit. Raises SESSION_OVER when the unit is gone."""
    found = runtime().units.get(session.unit_id)
    if found is None:
        raise Refusal("SESSION_OVER")
    return str(found.code)
