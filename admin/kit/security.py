"""The signed-in person, the requirements of views, and permissions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import current_app, g, request

from portal.access.permissions import Permission
from portal.access.sign_in.sessions import Session
from portal.access.staff import Place, Staff
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.web import cookies

SESSION_COOKIE = "qp_staff"
SHOWN_POINT = "shown_point"
"""The field of every form that tells the code of the point which its page shows."""
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Requirement:
    """The requirement of a view. One of its ``permissions`` is enough; without any, being signed in is.

    ``menu`` is its menu word, ``within`` the endpoint of the menu page to which it belongs.
    """

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
    """Return the requirement that the view of an endpoint declared."""
    requirement: Requirement | None = getattr(current_app.view_functions.get(endpoint), "requirement", None)
    return requirement


def cookie_name() -> str:
    """Return the name of the session cookie, which binds it to host and TLS when the platform is served by https."""
    return cookies.cookie_name(SESSION_COOKIE)


def current_session() -> Session:
    """Return the signed-in browser of this request."""
    session: Session = g.staff_session
    return session


def current_staff() -> Staff:
    """Return the signed-in person of this request."""
    return current_session().staff


def current_actor() -> Actor:
    """Return the actor for services: label, name on documents, unit, request id."""
    return current_staff().actor(g.get("request_id", ""))


def current_point() -> Place:
    """Return the point where the person works now.

    Raises POINT_NEEDED when none is bound or chosen, POINT_CHANGED when the form that was sent showed another one:
    cash and numbers would land at a window that nobody has looked at.
    """
    point = current_session().point
    if point is None:
        raise Refusal("POINT_NEEDED")
    shown = request.form.get(SHOWN_POINT, "") if request.method == "POST" else ""
    if shown and shown != point.code:
        raise Refusal("POINT_CHANGED", shown=shown[:50], now=f"{point.code} {point.name}")
    return point


def may(permission: Permission) -> bool:
    """Tell whether the signed-in person has the permission; for what a page shows, never instead of ``requires``."""
    session = g.get("staff_session")
    return session is not None and permission in session.staff.permissions
