"""What every console page stands on: who is signed in, what a view requires, menus, refusals, forms that act once.

A view says what it needs with :func:`requires`; a view that says nothing is never served (tests/structure).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, flash, g, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from portal.access import staff_sessions
from portal.access.permissions import TITLES, Permission
from portal.access.staff import Place, Staff
from portal.access.staff_sessions import Session
from portal.domain.actor import Actor
from portal.domain.errors import CATALOGUE, Refusal
from portal.web.edge import fingerprint, see_other, services

STATIC = Path(__file__).parents[1] / "static"
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a view needs. ``permissions``: one of them is enough; none: being signed in. ``menu`` is its menu word,
    ``within`` the endpoint of the menu page it belongs to."""

    permissions: frozenset[Permission]
    menu: str = ""
    order: int = 100
    within: str = ""


def requires(*permissions: Permission, menu: str = "", order: int = 100, within: str = "") -> Callable[[View], View]:
    """Declare who may call a view (any one of ``permissions``) and where it stands in the menus.

    A page that opens without parameters has ``menu`` (its word in the menu) or ``within`` (the endpoint of the
    menu page that leads to it); others may have ``within`` to light up that menu entry.
    """
    if not permissions:
        raise ValueError("name a permission; for everybody signed in use signed_in()")
    return _declare(Requirement(frozenset(permissions), menu, order, within))


def signed_in(menu: str = "", order: int = 100, within: str = "") -> Callable[[View], View]:
    """Declare that anybody signed in may call the view (home, own password, log-out)."""
    return _declare(Requirement(frozenset(), menu, order, within))


def _declare(requirement: Requirement) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.requirement = requirement  # type: ignore[attr-defined]
        return view

    return mark


def requirement_of(endpoint: str) -> Requirement | None:
    """What the view of an endpoint declared."""
    found: Requirement | None = getattr(current_app.view_functions.get(endpoint), "requirement", None)
    return found


GROUPS: list[tuple[str, str]] = []
"""Name and title of every menu group, in the order of the menu."""


def group(name: str, title: str) -> Blueprint:
    """A menu group's blueprint at ``/console/<name>``, guarded; its views declare what they require."""
    blueprint = Blueprint(name, "admin", url_prefix=f"/console/{name}", template_folder="templates")
    GROUPS.append((name, title))
    blueprint.before_request(_guard)
    blueprint.after_request(_finish)
    handle_refusals(blueprint)
    return blueprint


def handle_refusals(blueprint: Blueprint) -> None:
    """Refusals, unknown pages and expired forms of this blueprint are shown in the console's look."""
    blueprint.after_request(_name_origin)
    blueprint.register_error_handler(Refusal, _refused)
    blueprint.register_error_handler(CSRFError, _form_over)
    blueprint.register_error_handler(HTTPException, _http_error)


# --- who is here -------------------------------------------------------------------------------------------------


def cookie_name() -> str:
    """Name of the session cookie; bound to host and TLS by its name when the platform is served by https."""
    return "__Host-qp_staff" if current_app.config["SESSION_COOKIE_SECURE"] else "qp_staff"


def current_session() -> Session:
    """The signed-in browser of this request."""
    found: Session = g.staff_session
    return found


def current_staff() -> Staff:
    """The signed-in person of this request."""
    return current_session().staff


def current_actor() -> Actor:
    """Who acts, for services: label, name on documents, unit, request id."""
    return current_staff().actor(g.get("request_id", ""))


def current_point() -> Place:
    """The point where the person works now. Raises POINT_NEEDED when none is bound or chosen."""
    point = current_session().point
    if point is None:
        raise Refusal("POINT_NEEDED")
    return point


def may(permission: Permission) -> bool:
    """Whether the signed-in person has the permission; for what a page shows, never instead of ``requires``."""
    session = g.get("staff_session")
    return session is not None and permission in session.staff.permissions


# --- the guard ---------------------------------------------------------------------------------------------------


def _guard() -> Response | None:
    requirement = requirement_of(request.endpoint or "")
    if requirement is None:
        raise RuntimeError(f"{request.endpoint} declares no permission")
    with services().database.read() as connection:
        session = staff_sessions.read(services(), connection, request.cookies.get(cookie_name(), ""))
    if session is None:
        return _to_login()
    g.staff_session = session
    step = current_app.extensions["qupiao_next_step"](session)
    if step and request.endpoint not in (step, "home.sign_out"):
        return see_other(url_for(step))
    if requirement.permissions and not requirement.permissions & session.staff.permissions:
        raise Refusal("PERMISSION_MISSING", title=TITLES[min(requirement.permissions)])
    staff_sessions.touch(services(), session)
    if request.method == "POST":
        check_origin()
        return _claim_form(session)
    return None


def _to_login() -> Response:
    back = request.full_path.rstrip("?") if request.method == "GET" else ""
    return see_other(url_for("entrance.login", next=back or None))


def check_origin() -> None:
    """A form must come from a page of ours. Raises FORM_EXPIRED (checks A7: other origin)."""
    origin = request.headers.get("Origin", "")
    if (origin and urlsplit(origin).netloc != request.host) or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Refusal("FORM_EXPIRED")


def local_path(path: str) -> str:
    """``path`` when it leads to a page of the console, else the home page."""
    parts = urlsplit(path)
    plain = path.startswith("/console/") and not parts.netloc and not parts.scheme and "\\" not in path
    return path if plain else url_for("home.home")


# --- forms that act once -----------------------------------------------------------------------------------------

FORM_TOKEN = "form_token"


def form_token() -> str:
    """A fresh one-time token for a form; :func:`posted_token` reads it back."""
    return secrets.token_urlsafe(18)


def posted_token() -> str:
    """The token of the submitted form: an idempotency key of one intended act."""
    return request.form.get(FORM_TOKEN, "")[:64]


def _claim_form(session: Session) -> Response | None:
    """Take the form's token; a second submit of the same form is led to where the first one went."""
    token = posted_token()
    if not token:
        return None
    token = f"{session.staff.id}:{token}"[:64]
    if staff_sessions.claim_form(services(), token, session.staff.id):
        g.form_claimed = token
        return None
    where = staff_sessions.form_result(services(), token)
    if not where:
        raise Refusal("FORM_RUNNING")
    say("这张表单刚才已经办理过，没有重复办理。", "warning")
    return see_other(where)


def _finish(response: Response) -> Response:
    """A form that led somewhere is used up; one that was refused may be sent again."""
    token = g.pop("form_claimed", "")
    if token:
        staff_sessions.finish_form(services(), token, response.location if 300 <= response.status_code < 400 else None)
    return response


def _name_origin(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "same-origin"  # under no-referrer a browser hides the origin of its forms
    return response


# --- pages -------------------------------------------------------------------------------------------------------


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render ``admin/<template>`` in the console's frame."""
    session = g.get("staff_session")
    values.setdefault("session", session)
    values.setdefault("staff", session.staff if session is not None else None)
    values.setdefault("menus", menus() if session is not None else [])
    values.update(may=may, P=Permission, form_token=form_token, asset=asset, demo=current_app.config["DEMO"])
    return Response(render_template(f"admin/{template}", **values), status=status)


def say(text: str, tone: str = "success") -> None:
    """Tell at the top of the next page what was done (``success``, ``warning``, ``danger``). No personal data."""
    flash(text, tone)


def asset(name: str) -> str:
    """Return the address of one of the console's static files with its fingerprint."""
    return url_for("entrance.static", filename=name, v=fingerprint(STATIC / name))


@dataclass(frozen=True, slots=True)
class Entry:
    """One menu entry."""

    title: str
    endpoint: str
    order: int
    permissions: frozenset[Permission]


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu group with the entries that the person may open; ``current`` marks the one that is open."""

    title: str
    entries: tuple[Entry, ...]
    current: str


def all_entries() -> dict[str, list[Entry]]:
    """Every menu entry by group, in order."""
    found: dict[str, list[Entry]] = {name: [] for name, _ in GROUPS}
    for endpoint in current_app.view_functions:
        requirement = requirement_of(endpoint)
        if requirement is not None and requirement.menu:
            entry = Entry(requirement.menu, endpoint, requirement.order, requirement.permissions)
            found[endpoint.partition(".")[0]].append(entry)
    return {name: sorted(entries, key=lambda entry: entry.order) for name, entries in found.items()}


def menus() -> list[Menu]:
    """The menus of the signed-in person: only what they may open, no empty group."""
    allowed = current_staff().permissions
    requirement = requirement_of(request.endpoint or "")
    current = (requirement.within if requirement is not None else "") or request.endpoint or ""
    entries = all_entries()
    shown = (Menu(title, tuple(_openable(entries[name], allowed)), current) for name, title in GROUPS)
    return [menu for menu in shown if menu.entries]


def _openable(entries: Iterable[Entry], allowed: frozenset[Permission]) -> Iterable[Entry]:
    return (entry for entry in entries if not entry.permissions or entry.permissions & allowed)


# --- refusals ----------------------------------------------------------------------------------------------------


def _refused(refusal: Refusal) -> Response:
    return page("kit/refused.html", refusal.status, what=refusal.what, why=refusal.why, remedy=refusal.remedy)


def _form_over(_error: CSRFError) -> Response:
    return _refused(Refusal("FORM_EXPIRED"))


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:
        return error.get_response()  # type: ignore[return-value]
    if code == 404:
        return _refused(Refusal("PAGE_NOT_FOUND"))
    text = CATALOGUE["ENVELOPE_INVALID"]
    return page("kit/refused.html", code, what=text.what, why="页面没有看懂这次请求", remedy="请返回上一页重试")
