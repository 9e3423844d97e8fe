"""The apology of the patients' pages: what happened, why, what next."""

from __future__ import annotations

from flask import Response, g
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from portal.blueprints.patient import english
from portal.blueprints.patient.context import page, patient
from portal.domain.errors import CATALOGUE, Refusal
from portal.domain.texts import said_later
from portal.web.headers import keep_headers, say_when


def _apology(status: int, texts: tuple[str, str, str], **fields: object) -> Response:
    """Show the page of what, why and what next, whose gaps are filled by ``fields``; all of it in one language."""
    whole = all(map(english.known, texts))
    g.english = whole and english.wanted()
    what, why, remedy = (english.said(text).format(**fields) for text in texts)
    return page("error.html", status, english=whole, what=what, why=why, remedy=remedy)


@patient.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    """Answer a refusal; ``not found`` and ``not yours`` look the same."""
    status = 404 if refusal.code == "NOT_MATCHED" else refusal.status
    text = CATALOGUE[refusal.code]
    return say_when(_apology(status, (text.what, text.why, text.remedy), **refusal.fields), refusal)


@patient.errorhandler(CSRFError)
def form_over(_error: CSRFError) -> Response:
    """Answer a form whose token is over."""
    text = CATALOGUE["SESSION_OVER"]
    return _apology(400, (text.what, text.why, text.remedy))


def http_error(error: HTTPException) -> Response:
    """Show the page of an address that is not there, or of a request that is not one."""
    if (error.code or 500) < 400:
        return error.get_response()  # type: ignore[return-value]
    text = CATALOGUE["LINK_INVALID"] if error.code == 404 else CATALOGUE["ENVELOPE_INVALID"]
    why = text.why if error.code == 404 else said_later("页面没有看懂这次请求")
    remedy = said_later("请返回上一页重试，或到收费窗口查询")
    response = _apology(error.code or 500, (text.what, why, remedy))
    keep_headers(error, response)
    return response


def broken(_error: Exception) -> Response:
    """Show the page of our own fault, with the number to name at the window."""
    text = CATALOGUE["INTERNAL"]
    return _apology(500, (text.what, text.why, text.remedy), request_id=g.get("request_id", ""))
