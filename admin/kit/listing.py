"""Lists over HTTP: a page, or the same rows as Excel (``format=xlsx``) or for print (``format=print``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request, url_for

from admin.kit import reasons
from admin.kit.page import page
from admin.kit.security import current_actor, current_staff
from portal import audit
from portal.core.clock import now
from portal.listing import values
from portal.listing.lists import EXCEL_ROWS, PRINT_ROWS, Listing, ListPage, ListQuery, Rows
from portal.listing.printed import printed
from portal.rendering.tables import spreadsheet
from portal.web.edge import file_response, services


def respond(list_page: ListPage, statement: Rows, template: str = "kit/list.html", **more: Any) -> Response:
    """Answer the request with a list; ``statement`` selects what the person may see at all."""
    most = {"xlsx": EXCEL_ROWS, "print": PRINT_ROWS}.get(request.args.get("format", ""), 0)
    with services().database.read() as connection:
        listing = list_page.read(connection, statement, list_query(), most)
    return _answer(listing, template, more)


def respond_computed(list_page: ListPage, rows: Sequence[Any], template: str, **more: Any) -> Response:
    """Answer the request with rows that were computed and not selected: all of them are one page."""
    return _answer(list_page.computed(rows, list_query()), template, more)


def list_query() -> ListQuery:
    """Return what the present address asks of a list."""
    arguments = request.args
    return ListQuery(arguments, arguments.getlist("cols"), arguments.get("after", ""), arguments.get("before"))


def list_address(**changes: str | None) -> str:
    """Return the present page's address with other parameters; ``None`` drops one."""
    kept = {key: value for key, value in request.args.items(multi=True) if key not in (*changes, "cols")}
    chosen = {"cols": request.args.getlist("cols")} if request.args.getlist("cols") else {}
    arguments: dict[str, Any] = kept | chosen | {key: value for key, value in changes.items() if value is not None}
    return url_for(request.endpoint or "", **(request.view_args or {}), **arguments)


def _answer(listing: Listing, template: str, more: Mapping[str, Any]) -> Response:
    form = request.args.get("format", "")
    if form in ("xlsx", "print"):
        return _taken_out(listing, form)
    most = {"打印": PRINT_ROWS, "导出": EXCEL_ROWS}
    cuts = {verb: rows for verb, rows in most.items() if listing.count > rows}
    return page(template, listing=listing, cuts=cuts, title=listing.of.title, **more)


def _taken_out(listing: Listing, form: str) -> Response:
    """All rows as a file or for print: logged, and many of them not without a reason."""
    reason = reasons.export_reason(len(listing.rows))
    if reason is None:
        return reasons.ask_export(listing.of.title, len(listing.rows), listing.count)
    action = reasons.EXPORTED if reason else "list.exported"
    details = {"rows": len(listing.rows), "form": form, "filters": dict(listing.values)}
    details |= {"explained": reason} if reason else {}
    audit.note(services(), current_actor(), action, ("list", listing.of.name), details)
    if form == "print":
        return page("kit/print.html", listing=listing, paper=printed(listing), printed_at=now())
    name = f"{listing.of.name}-{values.day(now())}.xlsx"
    return file_response(listing.excel(current_staff().name), spreadsheet.MIMETYPE, name)
