"""The apology of the patients' pages: what happened, why, what next."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, g, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from portal.blueprints.patient import english, form_results
from portal.blueprints.patient.context import page, patient, unit_of
from portal.blueprints.patient.form_results import Result
from portal.domain.errors import CATALOGUE, Refusal
from portal.domain.texts import said_later
from portal.web.edge import see_other
from portal.web.headers import keep_headers, say_when


def _apology(status: int, texts: tuple[str, str, str], **fields: object) -> Response:
    """Show the page of what, why and what next, whose gaps are filled by ``fields``; all of it in one language."""
    whole = all(map(english.known, texts))
    g.english = whole and english.wanted()
    what, why, remedy = (english.said(text).format(**fields) for text in texts)
    return page("error.html", status, english=whole, what=what, why=why, remedy=remedy)


def _refused(code: str, status: int, fields: Mapping[str, object]) -> Response:
    text = CATALOGUE[code]
    response = _apology(status, (text.what, text.why, text.remedy), **fields)
    return say_when(response, Refusal(code, **fields))


def _or_shown(code: str, status: int, fields: Mapping[str, object]) -> Response:
    """Answer now; a form's refusal has an address of its own instead, so that Back passes over it."""
    if request.method != "POST":
        return _refused(code, status, fields)
    unit = g.unit.id if "unit" in g else 0
    told = {"code": code, "fields": dict(fields), "unit": unit}
    return form_results.show(url_for("patient.problem"), Result(status, told=told))


@patient.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    """Answer a refusal; ``not found`` and ``not yours`` look the same."""
    status = 404 if refusal.code == "NOT_MATCHED" else refusal.status
    return _or_shown(refusal.code, status, refusal.fields)


@patient.errorhandler(CSRFError)
def form_over(_error: CSRFError) -> Response:
    """Answer a form whose token is over."""
    return _or_shown("SESSION_OVER", 400, {})


@patient.get("/problem")
def problem() -> Response:
    """Show why a form was refused as a whole; nothing to show leads to the first page."""
    result = form_results.shown()
    if "code" not in result.told:
        return see_other(url_for("patient.home"))
    if result.told["unit"]:
        unit_of(result.told["unit"])
    return _refused(result.told["code"], result.status, result.told["fields"])


def http_error(error: HTTPException) -> Response:
    """Show the page of an address that is not there, or of a request that is not one."""
    if (error.code or 500) < 400:
        return error.get_response()  # type: ignore[return-value]
    why = said_later("网址不完整，或者抄错了") if error.code == 404 else said_later("这一步不能直接打开或重复")
    texts = (said_later("这一页打不开"), why, said_later("请点下面的按钮回去，或到收费窗口查询"))
    response = _apology(error.code or 500, texts)
    keep_headers(error, response)
    return response


def broken(_error: Exception) -> Response:
    """Show the page of our own fault, with the number to name at the window."""
    text = CATALOGUE["INTERNAL"]
    return _apology(500, (text.what, text.why, text.remedy), request_id=g.get("request_id", ""))
