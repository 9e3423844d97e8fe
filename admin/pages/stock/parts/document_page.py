"""The page of one document of the stock: its facts, the numbers that it moved, the acts that are legal now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flask import Response, request

from admin.kit.page import page
from admin.kit.security import current_staff
from portal.core.clock import now
from portal.listing.values import State
from portal.stock import queries
from portal.stock.documents.facts import F, document
from portal.web.edge import services


class Button(NamedTuple):
    """An act of one button on a document's page."""

    verb: str
    action: str
    main: bool = False
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A document as its page shows it: labelled facts (empty ones are left out), buttons, the list behind it, a
    warning; ``form`` holds what the template needs of a form below."""

    title: str
    no: str
    state: State
    facts: Sequence[tuple[str, object]]
    back: str
    buttons: Sequence[Button] = ()
    note: str = ""
    form: dict[str, Any] = field(default_factory=dict)


def document_page(shown: Shown) -> Response:
    """Answer with the page of one document, or as it is printed and filed (``format=print``)."""
    with services().database.read() as connection:
        moved = queries.movements_of(connection, shown.no)
        points = queries.points(connection, current_staff().unit_id)
    on_paper = request.args.get("format") == "print"
    return page(
        "stock/document_print.html" if on_paper else "stock/document.html",
        title=shown.title,
        no=shown.no,
        state=shown.state,
        facts=[(name, value) for name, value in shown.facts if value not in (None, "")],
        buttons=shown.buttons,
        moved=moved,
        points=points,
        back=shown.back,
        note=shown.note,
        printed_at=now(),
        **shown.form,
    )


def document_of(kind: type[F], no: str) -> F:
    """Return a document of the person's unit. Raises DOCUMENT_UNKNOWN."""
    with services().database.read() as connection:
        return document(connection, kind, current_staff().unit_id, no)
