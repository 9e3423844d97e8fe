"""What a form led to, shown by a page of its own after a redirect: Back and reload repeat nothing and lose nothing.

A POST answers 303 to an address with ``?f=<number>``. What was typed, what is wrong with it and what the act answered
travel in a cookie of that one address, sealed, for ten minutes: no table fills, and nothing typed stands in an address.
"""

from __future__ import annotations

import json
import secrets
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, request
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from portal.blueprints.patient import english
from portal.core.crypto.field_cipher import SealBroken
from portal.web.edge import see_other, services

COOKIE = "qp_shown"
SECONDS = 600
_FIELD = "form_result"
_PARAMETER = "f"
_NOT_TYPED = ("csrf_token", "back")


@dataclass(frozen=True, slots=True)
class Result:
    """``typed`` by the field's name; ``problem`` of the form, ``wrong`` of its fields; ``told``: what the act
    answered."""

    status: int = 200
    typed: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


_NOTHING = Result()


def typed(*names: str, most: int = 300) -> dict[str, str]:
    """Return these fields of the form that was sent, each cut at ``most`` characters."""
    return {name: request.form.get(name, "")[:most] for name in names}


def typed_so_far() -> dict[str, str]:
    """Return every field of the form that was sent, for a switch of the head that is pressed while one types."""
    return {name: text[:300] for name, text in request.form.items() if name not in _NOT_TYPED}


def show(address: str, result: Result) -> Response:
    """Lead on to ``address``, where :func:`shown` then finds the result."""
    number, path = secrets.token_urlsafe(6), urlsplit(address).path
    plain = zlib.compress(json.dumps(asdict(result), ensure_ascii=False).encode())
    sealed = services().cipher.encrypt(_FIELD, f"{number} {path}", plain)
    response = see_other(f"{address}{'&' if '?' in address else '?'}{_PARAMETER}={number}")
    response.set_cookie(
        COOKIE,
        urlsafe_b64encode(sealed).decode(),
        max_age=SECONDS,
        path=path,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


def show_problem(address: str, status: int = 422, /, *, problem: str = "", **wrong: str) -> Response:
    """Lead back to a form with what was typed and why it was not taken: ``problem`` of all, ``wrong`` by field."""
    return show(address, Result(status, typed_so_far(), problem, wrong))


def shown() -> Result:
    """Return what the form of this address led to; an empty result where nothing was sent, or it is over."""
    number = request.args.get(_PARAMETER, "")
    if request.method != "GET" or not number:
        return _NOTHING
    if "form_result" not in g:
        g.form_result = _open(number)
    found: Result = g.form_result
    return found


def _open(number: str) -> Result:
    for cookie in request.cookies.getlist(COOKIE):  # one of a shorter path comes along
        try:
            sealed = urlsafe_b64decode(cookie.encode("ascii"))
            plain = services().cipher.decrypt(_FIELD, f"{number} {request.path}", sealed)
        except (ValueError, SealBroken):
            continue
        return Result(**json.loads(zlib.decompress(plain)))
    return _NOTHING


@pass_context
def mistake(context: Context, name: str) -> Markup:
    """Return the sentence of what is wrong with a field, to stand before its label."""
    text = context["wrong"].get(name, "")
    paragraph = Markup('<p class="problem" id="{}-wrong" role="alert">{}</p>')
    return paragraph.format(name, english.said(text)) if text else Markup()


@pass_context
def tied(context: Context, name: str, hint: str = "") -> Markup:
    """Return the attributes that tie a field to its hint and its mistake; the first mistaken field has the focus."""
    wrong = context["wrong"]
    described = " ".join(filter(None, (f"{name}-wrong" if name in wrong else "", hint)))
    found = Markup(' aria-describedby="{}"').format(described) if described else Markup()
    if name in wrong:
        found += Markup(' aria-invalid="true"')
        if name == next(iter(wrong)):
            found += escape(" autofocus")
    return found


GLOBALS = {"mistake": mistake, "tied": tied}
