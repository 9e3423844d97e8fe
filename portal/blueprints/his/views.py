"""The HTTP edge of the HIS interface: tolerant of addresses and headers, always 200 with an envelope."""

from __future__ import annotations

import re
import secrets
import traceback
from collections.abc import Mapping
from typing import Any

import structlog
from flask import Blueprint, Response, abort, g, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from portal.access.his import bound_calls, keys, refusals
from portal.access.his.accounts import HisAccount
from portal.blueprints.his.context import Context
from portal.blueprints.his.methods import dispatch
from portal.core.database import is_away
from portal.domain.errors import Refusal
from portal.his_contract import envelope
from portal.his_contract.envelope import NO_CALL, Call
from portal.web.edge import runtime

his = Blueprint("his", __name__)
log = structlog.get_logger("qupiao.his")

_TAIL = re.compile(r"/+api/+medical/+([^/]*)/*", re.ASCII)
_METHOD = re.compile(r"[A-Za-z]{1,60}", re.ASCII)
_AWAY = "数据库暂时没有应答"


class _TailConverter(BaseConverter):
    """Everything that follows, further slashes included (``//api/medical/…``)."""

    regex = "/.*?"
    part_isolating = False


@his.record_once
def _prepare(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["his_tail"] = _TailConverter


@his.route(
    "/medical-web<his_tail:tail>",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    provide_automatic_options=False,
    merge_slashes=False,
)
def call(tail: str) -> Response:
    """One call of a HIS: ``POST /medical-web/api/medical/<method>``."""
    found = _TAIL.fullmatch(tail)
    if found is None:
        abort(404)
    if request.method == "OPTIONS":
        return _cors(Response())
    return _cors(Response(_answer(found[1].strip()), content_type="application/json;charset=UTF-8"))


def _cors(response: Response) -> Response:
    """Kiosks call from a browser page of another origin; no cookie is involved, the signature is the proof."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = "POST, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = "Content-Type, Content-Encoding, Accept, X-Requested-With"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _answer(sent_method: str) -> bytes:
    """Return the whole answer to this request; nothing that happens escapes it."""
    noise, sender, key = secrets.token_hex(16), NO_CALL, ""
    proven: HisAccount | None = None
    sent: list[Mapping[str, Any]] = []

    def message() -> Mapping[str, Any]:
        sent.append(envelope.business(sender))
        return sent[0]

    method = sent_method if _METHOD.fullmatch(sent_method) else "?"
    try:
        sender = _read()
        account = runtime().his_accounts.get(sender.appid)
        if account is None:
            runtime().wrong_signatures.note(runtime().services, None)
            raise Refusal("APPID_UNKNOWN", appid=sender.appid[:50])
        key = account.key
        if not envelope.signature_holds(sender, key):
            if not account.earlier_key or not envelope.signature_holds(sender, account.earlier_key):
                runtime().wrong_signatures.note(runtime().services, account)
                raise Refusal("SIGN_WRONG")
            key = account.earlier_key
            keys.note_earlier(runtime().services, account)
        proven = account
        context = Context(runtime().services, runtime().issuing, account, method, _request_id())
        bound_calls.bind(context.services, method, f"{account.id} {sender.sign.strip().upper()}")
        payload = dispatch(context, message)
        log.info("his.served", method=method, account=account.id)
        return envelope.answer(sender, key, envelope.SUCCESS, envelope.payload(payload), noise)
    except Refusal as refusal:
        log.info("his.refused", method=method, code=refusal.code)
        if proven is not None and method in refusals.TITLES:
            _keep(proven, method, sent[0] if sent else {}, refusal)
        return envelope.refusal_answer(sender, key, refusal, noise)
    except Exception as error:  # noqa: BLE001 - the contract knows no other answer than an envelope
        _log_fault(method, error)
        fault = Refusal("BUSY", reason=_AWAY) if is_away(error) else Refusal("INTERNAL", request_id=_request_id())
        if proven is not None and method in refusals.TITLES and fault.code == "INTERNAL":
            _keep(proven, method, sent[0] if sent else {}, fault)
        return envelope.refusal_answer(sender, key, fault, noise)


def _keep(account: HisAccount, method: str, sent: Mapping[str, Any], refusal: Refusal) -> None:
    """Keep a refused push for those who are asked why there is no bill; the answer does not depend on it."""
    if refusal.code == "BUSY":
        return
    result = envelope.RESULT_CODES.get(refusal.code, envelope.RESULT_CODES["INTERNAL"])
    try:
        refusals.keep(runtime().services, account, method, refusals.subject(sent), (result, refusal))
    except Exception as error:  # noqa: BLE001 - what is only noted must not change an answer
        _log_fault(method, error)


def _log_fault(method: str, error: Exception) -> None:
    # Messages of exceptions may repeat what was sent, so only types and places are written.
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]
    log.error("his.failed", method=method, error=type(error).__name__, places=places)


def _request_id() -> str:
    if "request_id" not in g:
        g.request_id = secrets.token_hex(8)
    return str(g.request_id)


def _read() -> Call:
    """Return the outer members. Raises ENVELOPE_INVALID, BODY_TOO_LARGE."""
    if request.method != "POST":
        raise Refusal("ENVELOPE_INVALID", reason="请使用 POST 方法")
    try:
        body = request.get_data(cache=False) or _unread_body(request.environ)
    except RequestEntityTooLarge as error:
        raise Refusal("BODY_TOO_LARGE", limit=envelope.MOST_BYTES) from error
    except (HTTPException, OSError) as error:
        raise Refusal("ENVELOPE_INVALID", reason="报文没有收完整") from error
    return envelope.parse(body)


def _unread_body(environ: dict[str, Any]) -> bytes:
    """Return the body when Content-Length and chunked encoding are both announced, which the framework reads as
    empty."""
    length = environ.get("CONTENT_LENGTH") or ""
    if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower() or not length.isdecimal():
        return b""
    body: bytes = environ["wsgi.input"].read(min(int(length), envelope.MOST_BYTES + 1))
    return body
