"""自助机 pages: card or slip → bills without paper → print; paper counter; call staff.

The device proves itself by its token, typed once by staff and kept in its cookie. What a person showed travels from
page to page sealed, for two minutes, and never in an address.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, g, render_template, request, url_for
from flask_wtf.csrf import CSRFError

from portal.access import attempts
from portal.access.attempts import Guard
from portal.core.clock import now
from portal.core.crypto.field_cipher import SealBroken
from portal.domain.errors import CATALOGUE, Refusal
from portal.issuing.paper import kiosk as device
from portal.issuing.paper import kiosk_bills, prints
from portal.issuing.paper.kiosk import LOW_SHEETS, Kiosk
from portal.issuing.paper.kiosk_bills import MOST, Person
from portal.ledger import paper
from portal.web import cookies
from portal.web.edge import asset, file_response, limits, see_other, services
from portal.web.headers import say_when
from portal.web.numbers import row_ids

kiosk = Blueprint("kiosk", __name__, url_prefix="/kiosk")
COOKIE = "qp_kiosk"
SHOWN_SECONDS = 120
PRINT_MINUTES = 5
TRIES, TRY_SECONDS = 60, 900
SETUP = Guard("kiosk", "token", 5, 900)
PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
DONE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; object-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Of the page that holds the print in a frame."""


def _here() -> Kiosk:
    """Return the device that calls. Raises KIOSK_UNKNOWN."""
    found = device.by_token(services(), cookies.read(COOKIE))
    if found is None:
        raise Refusal("KIOSK_UNKNOWN")
    g.kiosk = found
    return found


def _page(template: str, status: int = 200, **values: Any) -> Response:
    at = getattr(g, "kiosk", None)
    values.update(kiosk=at, low=at is not None and at.sheets <= LOW_SHEETS, asset=asset)
    values["banner"] = current_app.config["BANNER"]
    return Response(render_template(f"kiosk/{template}", **values), status)


@kiosk.errorhandler(Refusal)
def _refused(refusal: Refusal) -> Response:
    if refusal.code == "KIOSK_UNKNOWN":
        return _page("setup.html", refusal.status, problem="" if request.method == "GET" else str(refusal))
    return say_when(
        _page("error.html", refusal.status, what=refusal.what, why=refusal.why, remedy=refusal.remedy), refusal
    )


@kiosk.errorhandler(CSRFError)
def _form_over(_error: CSRFError) -> Response:
    text = CATALOGUE["SESSION_OVER"]
    return _page("error.html", 400, what=text.what, why=text.why, remedy="请回到首页重新刷卡")


@kiosk.get("")
def start() -> Response:
    """Asks for a card or a slip; before a device has its token, for that."""
    _here()
    return _page("start.html", problem="")


@kiosk.post("/setup")
def setup() -> Response:
    """Take the token that staff type: this browser is that device from now on. Raises KIOSK_UNKNOWN, TRY_LATER."""
    token = request.form.get("token", "").strip()
    digest = services().index.digest("kiosk.limit", token).hex()[:24]
    attempt = attempts.begin(services(), limits(), SETUP, digest, request.remote_addr or "")
    if device.by_token(services(), token) is None:
        raise Refusal("KIOSK_UNKNOWN")
    attempt.right()
    return cookies.remember(see_other(url_for("kiosk.start")), COOKIE, token, days=365, strict=True)


@kiosk.post("/bills")
def bills() -> Response:
    """Show the bills that can be printed for what was read, by person; the one who stands there chooses."""
    here = _here()
    _limit("find", str(here.id))
    try:
        key = device.key_of(services(), request.form.get("read", "")[:300])
    except Refusal as refusal:
        return _page("start.html", refusal.status, problem=f"{refusal.what}。{refusal.remedy}。")
    with services().database.read() as connection:
        found = kiosk_bills.found(services(), connection, here.unit_id, key)
        persons = kiosk_bills.persons(services(), connection, found)
    if not found:
        return _page("none.html", days=kiosk_bills.DAYS)
    return _bills_page(here, persons, key)


def _bills_page(here: Kiosk, persons: list[Person], key: bytes, status: int = 200, problem: str = "") -> Response:
    count = sum(len(person.bills) for person in persons)
    values = {"persons": persons, "count": count, "key": _seal(here, key), "problem": problem}
    return _page("bills.html", status, seconds=SHOWN_SECONDS, **values)


@kiosk.post("/print")
def print_bills() -> Response:
    """Exchange the chosen bills and lead to the page that prints them. Nothing chosen: the list again (422)."""
    here = _here()
    key = _open(here, request.form.get("key", ""))
    chosen = row_ids(request.form.getlist("bill"))
    if not chosen:
        with services().database.read() as connection:
            found = kiosk_bills.found(services(), connection, here.unit_id, key)
            persons = kiosk_bills.persons(services(), connection, found)
        return _bills_page(here, persons, key, 422, problem="还没有选择票据，请点选要打印的票据")
    sheets = device.exchange(services(), here, key, chosen, g.get("request_id", ""))
    return see_other(url_for("kiosk.done", sheet=sheets))


@kiosk.get("/done")
def done() -> Response:
    """Says what was exchanged; the sheets stand in a frame and print themselves as soon as they are there."""
    here = _here()
    response = _page("done.html", sheets=[row.id for row in _own_sheets(here)], seconds=60)
    response.headers["Content-Security-Policy"] = DONE_POLICY
    return response


@kiosk.get("/sheets.pdf")
def sheets_pdf() -> Response:
    """Show the sheets that this device has just exchanged."""
    here = _here()
    ids = [row.id for row in _own_sheets(here)]
    if not ids:
        raise Refusal("KIOSK_NOTHING")
    data = prints.pdf(services(), here.unit_id, ids, here.printer_id, underlay=False, at_once=True)
    response = file_response(data, "application/pdf", "paper.pdf", "inline")
    response.headers["Content-Security-Policy"] = PDF_POLICY
    return response


def _own_sheets(here: Kiosk) -> list[Any]:
    """Return the named sheets, those of this device and of the last minutes only."""
    ids = row_ids(request.args.getlist("sheet"))[:MOST]
    with services().database.read() as connection:
        rows = paper.own_sheets(connection, here.unit_id, ids)
    since = now() - timedelta(minutes=PRINT_MINUTES)
    return [row for row in rows if row.point_id == here.point_id and row.exchanged_at >= since]


@kiosk.post("/call")
def call() -> Response:
    """Call staff."""
    device.call(services(), _here(), "患者呼叫", g.get("request_id", ""))
    return see_other(url_for("kiosk.start"))


def _limit(what: str, who: str) -> None:
    digest = services().index.digest("kiosk.limit", who).hex()[:24]
    if not limits().hit(f"kiosk.{what}:{digest}", TRIES, TRY_SECONDS):
        raise Refusal("TRY_LATER", minutes=TRY_SECONDS // 60)


def _seal(here: Kiosk, key: bytes) -> str:
    text = json.dumps({"key": key.hex(), "until": time.time() + SHOWN_SECONDS})
    return urlsafe_b64encode(services().cipher.encrypt("kiosk.key", here.id, text)).decode()


def _open(here: Kiosk, sealed: str) -> bytes:
    """Return what was sealed into the list's form. Raises SESSION_OVER when it is old, another device's or forged."""
    try:
        opened = json.loads(services().cipher.decrypt_text("kiosk.key", here.id, urlsafe_b64decode(sealed.encode())))
    except (SealBroken, ValueError):
        raise Refusal("SESSION_OVER") from None
    if opened["until"] < time.time():
        raise Refusal("SESSION_OVER")
    return bytes.fromhex(opened["key"])
