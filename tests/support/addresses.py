"""The addresses of the application: the console's endpoints and pages, the forms met on the way through links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient

from admin import wiring
from tests.support.console import Console, FormOnPage, valid

GUARDED = {blueprint.name for blueprint, authentication in wiring.BLUEPRINTS if authentication == "staff-session"}


def endpoints(app: Flask) -> Iterator[str]:
    """Endpoints that need a staff session."""
    return (endpoint for endpoint in app.view_functions if endpoint.partition(".")[0] in GUARDED)


def pages_of(app: Flask) -> list[str]:
    """The console's addresses without parameters."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/console/") and "GET" in (rule.methods or ()) and not rule.arguments
    )


ALIKE = 3
"""Pages of one kind that are opened: the forms of a hundredth bill are those of the first."""


def links(html: str, root: str) -> list[str]:
    """The addresses below ``root`` that a page names."""
    found = (urlsplit(one.replace("&amp;", "&")) for one in re.findall(r'href="([^"]+)"', html))
    return [f"{one.path}?{one.query}" if one.query else one.path for one in found if one.path.startswith(root)]


def kind(address: str) -> str:
    """An address without its numbers and without what a filter holds."""
    return re.sub(r"\d+|(?<=/b/)[^/]+", "0", urlsplit(address).path)


def forms(client: FlaskClient, starts: list[str], roots: tuple[str, ...]) -> dict[str, FormOnPage]:
    """Every form that one meets by following links from ``starts``, once each; those of one kind but for its numbers
    are one."""
    waiting, seen, found = list(starts), Counter[str](), dict[str, FormOnPage]()
    reader = Console(client.application)
    while waiting:
        address = waiting.pop()
        if seen[kind(address)] >= ALIKE:
            continue
        seen[kind(address)] += 1
        answer = client.get(address)
        assert answer.status_code < 500, address
        if answer.mimetype != "text/html":
            continue
        if answer.status_code == 200:
            valid(answer.text)
        waiting += [one for root in roots for one in links(answer.text, root)]
        for form in reader.forms(answer.text):
            action = form.action or address
            action = urlsplit(action).path if form.method == "get" else action
            found[f"{kind(action)} {' '.join(sorted(form.values))}"] = FormOnPage(action, form.method, form.values)
    return found
