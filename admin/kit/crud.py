"""Pages of the master data that a hospital keeps: a list, 新增 and 修改 of one object, saved and audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Form
from admin.kit.groups import basics as group
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from portal.access.permissions import Permission
from portal.hospital import master_data
from portal.hospital.master_data import Kept
from portal.listing.columns import Act
from portal.listing.lists import ListPage, Rows
from portal.web.edge import services


def edit_acts(endpoint: str) -> Callable[[Any], list[Act]]:
    """Return the acts of a row: 修改, for those who may."""
    return lambda row: [Act("修改", url_for(endpoint, row_id=row.id))] if may(Permission.CATALOGUE_EDIT) else []


@dataclass(frozen=True, slots=True)
class KeptPages:
    """The three pages of one kind: ``<name>s`` in the menu at ``order``, ``new_<name>`` and ``edit_<name>``.

    ``noun`` is the word after 新增 and 修改. ``rows`` selects what the list of a unit shows. ``edit`` answers the page
    of one object, from its id (0: a new one) and its title.
    """

    name: str
    path: str
    noun: str
    order: int
    listed: ListPage
    rows: Callable[[int], Rows]
    edit: Callable[[int, str], Response]
    imports: str = ""
    """The kind of import that this list has; empty: none."""


def register(pages: KeptPages) -> None:
    """Register the pages of one kind in the menu group of the master data."""
    name = pages.name
    views = requires(Permission.CATALOGUE_VIEW, menu=pages.listed.title, order=pages.order)
    edits = requires(Permission.CATALOGUE_EDIT, within=f"basics.{name}s")

    def rows_page() -> Response:
        new, verb = f"basics.new_{name}", f"新增{pages.noun}"
        rows, template = pages.rows(current_staff().unit_id), "kit/kept.html"
        return respond(pages.listed, rows, template, new=new, verb=verb, imports=pages.imports)

    def new_page() -> Response:
        return pages.edit(0, f"新增{pages.noun}")

    def edit_page(row_id: int) -> Response:
        return pages.edit(row_id, f"修改{pages.noun}")

    group.add_url_rule(pages.path, f"{name}s", views(rows_page))
    for rule, endpoint, view in (("new", f"new_{name}", new_page), ("<int:row_id>", f"edit_{name}", edit_page)):
        group.add_url_rule(f"{pages.path}/{rule}", endpoint, edits(view), methods=["GET", "POST"])


def simple(kind: str, form: type[Form], back: str) -> Callable[[int, str], Response]:
    """Return the ``edit`` of a kind whose form has just its columns; ``back`` is the endpoint of its list."""
    return lambda row_id, title: keep(kind, row_id, form(kept(kind, row_id)), title, back)


def kept(kind: str, row_id: int) -> Kept | None:
    """Return the unit's object of a kind, ``None`` for a new one (0). Raises PAGE_NOT_FOUND."""
    if not row_id:
        return None
    with services().database.read() as connection:
        return master_data.find(connection, kind, current_staff().unit_id, row_id)


def keep(kind: str, row_id: int, form: Form, title: str, back: str, more: Mapping[str, Any] | None = None) -> Response:
    """Show the form of an object and save it, with ``more`` values that nobody types."""

    def save() -> None:
        master_data.save(services(), current_actor(), kind, row_id, {**form.data, **(more or {})})

    return saved(form, save, back, title)


def saved(form: Form, save: Callable[[], Any], back: str, title: str, template: str = "kit/form.html") -> Response:
    """Show a form; when it is sent and right, save it and go back to the list."""

    def act() -> str:
        save()
        say("已保存，几秒后生效。")
        return url_for(back)

    return form_page(form, act, title=title, back=url_for(back), template=template, verb="保存")
