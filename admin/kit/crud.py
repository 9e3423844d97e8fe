"""What a hospital keeps itself, by one mechanism: a list, 新增 and 修改 of one row, saved and audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, url_for
from sqlalchemy import Select, Table, select

from admin.kit.form_page import form_page
from admin.kit.forms import Form
from admin.kit.groups import basics as group
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from portal.access.permissions import Permission
from portal.hospital import master_data
from portal.listing.columns import Act
from portal.listing.lists import ListPage
from portal.web.edge import services


def edit_acts(endpoint: str) -> Callable[[Any], list[Act]]:
    """修改 at the end of a row, for who may."""
    return lambda row: [Act("修改", url_for(endpoint, row_id=row.id))] if may(Permission.CATALOGUE_EDIT) else []


def kept_pages(
    name: str,
    path: str,
    noun: str,
    order: int,
    listed: ListPage,
    edit: Callable[[int, str], Response],
    rows: Callable[[], Select[Any]],
) -> None:
    """Register the three pages of one kind: ``<name>s`` in the menu, ``new_<name>`` and ``edit_<name>``.

    ``edit`` takes the row's id (0: a new one) and the title of its page; ``noun`` is the word after 新增 and 修改.
    """
    views, edits = (
        requires(Permission.CATALOGUE_VIEW, menu=listed.title, order=order),
        requires(Permission.CATALOGUE_EDIT, within=f"basics.{name}s"),
    )

    def rows_page() -> Response:
        return respond(listed, rows(), "kit/kept.html", new=f"basics.new_{name}", verb=f"新增{noun}")

    def new_page() -> Response:
        return edit(0, f"新增{noun}")

    def edit_page(row_id: int) -> Response:
        return edit(row_id, f"修改{noun}")

    group.add_url_rule(path, f"{name}s", views(rows_page))
    for rule, endpoint, view in (("new", f"new_{name}", new_page), ("<int:row_id>", f"edit_{name}", edit_page)):
        group.add_url_rule(f"{path}/{rule}", endpoint, edits(view), methods=["GET", "POST"])


def of_unit(table: Table) -> Callable[[], Select[Any]]:
    """The unit's rows of a table."""
    return lambda: select(table).where(table.c.unit_id == current_staff().unit_id)


def simple(kind: str, form: type[Form], back: str) -> Callable[[int, str], Response]:
    """``edit`` of a kind whose form has just its columns; ``back`` is the endpoint of its list."""
    return lambda row_id, title: keep(kind, row_id, form(kept(kind, row_id)), title, back)


def kept(kind: str, row_id: int) -> Any:
    """The unit's row of this kind, ``None`` for a new one (0). Raises PAGE_NOT_FOUND."""
    if not row_id:
        return None
    with services().database.read() as connection:
        return master_data.one(connection, kind, current_staff().unit_id, row_id)


def keep(kind: str, row_id: int, form: Form, title: str, back: str, more: Mapping[str, Any] | None = None) -> Response:
    """Show the form of a row and save it, with ``more`` values that nobody types."""

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
