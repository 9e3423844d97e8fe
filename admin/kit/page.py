"""Pages of the console: the frame with its menus, messages on the next page, static files."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Response, current_app, flash, g, render_template, request, url_for

from admin.kit.security import current_staff, may, requirement_of
from portal.access.permissions import Permission
from portal.web.edge import fingerprint

STATIC = Path(__file__).parents[1] / "static"


GROUPS: list[tuple[str, str]] = []
"""Name and title of every menu group, in the order of the menu."""


FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field


def form_token() -> str:
    """Make a fresh one-time token for a form; :func:`posted_token` reads it back."""
    return secrets.token_urlsafe(18)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render ``admin/<template>`` in the console's frame."""
    session = g.get("staff_session")
    values.setdefault("session", session)
    values.setdefault("staff", session.staff if session is not None else None)
    values.setdefault("menus", menus() if session is not None else [])
    values.update(may=may, P=Permission, form_token=form_token, asset=asset, banner=current_app.config["BANNER"])
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
    """Return every menu entry by group, in order."""
    entries: dict[str, list[Entry]] = {name: [] for name, _ in GROUPS}
    for endpoint in current_app.view_functions:
        requirement = requirement_of(endpoint)
        if requirement is not None and requirement.menu:
            entry = Entry(requirement.menu, endpoint, requirement.order, requirement.permissions)
            entries[endpoint.partition(".")[0]].append(entry)
    return {name: sorted(of_group, key=lambda entry: entry.order) for name, of_group in entries.items()}


def menus() -> list[Menu]:
    """Return the menus of the signed-in person: only pages that they may open, no empty group."""
    allowed = current_staff().permissions
    requirement = requirement_of(request.endpoint or "")
    current = (requirement.within if requirement is not None else "") or request.endpoint or ""
    entries = all_entries()
    shown = (Menu(title, tuple(_openable(entries[name], allowed)), current) for name, title in GROUPS)
    return [menu for menu in shown if menu.entries]


def _openable(entries: Iterable[Entry], allowed: frozenset[Permission]) -> Iterable[Entry]:
    return (entry for entry in entries if not entry.permissions or entry.permissions & allowed)
