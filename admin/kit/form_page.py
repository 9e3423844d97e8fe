"""The one way of a page with a form: shown, filled in wrongly, refused, done."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from flask import Response

from admin.kit.forms import Form
from admin.kit.page import page
from portal.domain.errors import Refusal
from portal.web.edge import see_other


def form_page(
    form: Form,
    act: Callable[[], str | Response],
    *,
    title: str,
    back: str,
    template: str = "kit/form.html",
    shown: Container[str] | None = None,
    beside: Callable[[], Mapping[str, Any]] = dict,
    **more: Any,
) -> Response:
    """Show a form; once it was sent and is right, run the act and lead to the address that it returns.

    An act that shows something only once, such as a key, returns a page of its own instead of an address.

    A refusal is told above the form, which keeps what was typed: 422, as for a field that is filled in wrongly.
    ``shown`` names the refusals that are told so; any other is a page of its own. ``more`` goes to the template:
    ``verb`` of the button, ``lead``, ``danger``. So do the values of ``beside``, which are read
    only when the page is shown, where reading is an act of its own.
    """
    problem = ""
    if form.accepted():
        try:
            result = act()
            return result if isinstance(result, Response) else see_other(result)
        except Refusal as refusal:
            if shown is not None and refusal.code not in shown:
                raise
            problem = str(refusal)
    status = 422 if problem or form.errors else 200
    return page(template, status, title=title, form=form, back=back, problem=problem, **more, **beside())
