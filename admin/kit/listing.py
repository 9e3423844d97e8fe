"""Lists over HTTP: a page, or the same rows as Excel (``format=xlsx``) or for print (``format=print``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request, url_for

from admin.kit import reasons
from admin.kit.page import page
from admin.kit.security import current_actor, current_staff
from portal import audit
from portal.access import kept_inputs
from portal.core.clock import now
from portal.domain.errors import Refusal
from portal.listing import values
from portal.listing.lists import EXCEL_ROWS, PRINT_ROWS, Listing, ListPage, ListQuery, Rows
from portal.listing.printed import printed
from portal.rendering.tables import spreadsheet
from portal.web.edge import file_response, see_other, services

KEPT = "kept"
"""In a list's address: the key of the filters that are kept on the server."""


def respond(list_page: ListPage, statement: Rows, template: str = "kit/list.html", **more: Any) -> Response:
    """Answer the request with a list; ``statement`` selects what the person may see at all."""
    most = {"xlsx": EXCEL_ROWS, "print": PRINT_ROWS}.get(request.args.get("format", ""), 0)
    with services().database.read() as connection:
        listing = list_page.read(connection, statement, list_query(list_page), most)
    return _answer(listing, template, more)


def respond_computed(list_page: ListPage, rows: Sequence[Any], template: str, **more: Any) -> Response:
    """Answer the request with rows that were computed and not selected: all of them are one page."""
    return _answer(list_page.computed(rows, list_query(list_page)), template, more)


def list_query(list_page: ListPage) -> ListQuery:
    """Return what the present address asks of a list; kept filters are read from the server, never from the address."""
    arguments = request.args
    filters = {key: text for key, text in arguments.items() if key not in list_page.kept}
    if list_page.kept and (key := arguments.get(KEPT)):
        filters |= _kept(list_page, key)
    return ListQuery(filters, arguments.getlist("cols"), arguments.get("after", ""), arguments.get("before"))


def _kept(list_page: ListPage, key: str) -> Mapping[str, str]:
    """Return the kept filters of a key. Raises LIST_FILTER_OVER, so that a list is never wider than it says."""
    with services().database.read() as connection:
        values = kept_inputs.read(services(), connection, current_staff().id, f"list:{list_page.name}", key)
    if values is None:
        raise Refusal("LIST_FILTER_OVER")
    return values


def keep_filters(list_page: ListPage, endpoint: str) -> Response:
    """Lead from a posted filter form to the list's address, in which a key stands for what is kept on the server."""
    kept = {key: text for key in list_page.kept if (text := request.form.get(key, "").strip()[:100])}
    shown = {one.key: request.form.get(one.key, "")[:100] for one in list_page.filters if one.key not in list_page.kept}
    address: dict[str, Any] = shown | {"cols": request.form.getlist("cols")}
    if kept:
        address[KEPT] = kept_inputs.keep(services(), current_staff().id, f"list:{list_page.name}", kept)
    return see_other(url_for(endpoint, **address))


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


def _logged(listing: Listing) -> dict[str, str]:
    """Return the filters for the log, which holds no personal data."""
    hidden = {key: "…" for key in listing.of.kept if listing.values.get(key)}
    return dict(listing.values) | hidden


def _taken_out(listing: Listing, form: str) -> Response:
    """All rows as a file or for print: logged, and many of them not without a reason."""
    reason = reasons.export_reason(len(listing.rows))
    if reason is None:
        return reasons.ask_export(listing.of.title, len(listing.rows), listing.count)
    action = reasons.EXPORTED if reason else "list.exported"
    details = {"rows": len(listing.rows), "form": form, "filters": _logged(listing)}
    details |= {"explained": reason} if reason else {}
    audit.note(services(), current_actor(), action, ("list", listing.of.name), details)
    if form == "print":
        return page("kit/print.html", listing=listing, paper=printed(listing), printed_at=now())
    name = f"{listing.of.name}-{values.day(now())}.xlsx"
    return file_response(listing.excel(current_staff().name), spreadsheet.MIMETYPE, name)
