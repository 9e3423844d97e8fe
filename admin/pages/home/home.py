"""首页, choosing the point, leaving."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, current_app, g, request, url_for
from werkzeug.exceptions import HTTPException

from admin.kit.groups import home as group
from admin.kit.guard import local_path
from admin.kit.page import page, say
from admin.kit.security import cookie_name, current_session, current_staff, may, signed_in
from portal.access import login, staff_sessions
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.audit import alarms
from portal.core.clock import business_day, now
from portal.domain.errors import Refusal
from portal.issuing.paper import kiosk
from portal.ledger import overview as figures
from portal.stock import balances
from portal.web.edge import see_other, services


@group.get("")
@signed_in(menu="首页", order=1)
def home() -> Response:
    """Is anything wrong now, and where to begin."""
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        overview = figures.of_unit(connection, unit_id) if may(Permission.BILLS_VIEW) else None
        low = [one for one in balances.holdings(connection, unit_id) if one.state != "good"] if _stock() else None
        pending = requests.pending(connection, unit_id) if may(Permission.APPROVALS_VIEW) else None
        calling = kiosk.calling(connection, unit_id) if may(Permission.PAPER_EXCHANGE) else []
        found = alarms.lately(connection, unit_id) if may(Permission.AUDIT_VIEW) else []
    since = (business_day(now()) - alarms.WATCHED).isoformat()
    return page(
        "home/home.html", overview=overview, low=low, pending=pending, calling=calling, alarms=found, since=since
    )


def _stock() -> bool:
    return may(Permission.STOCK_VIEW)


@group.post("/point")
@signed_in()
def choose_point() -> Response:
    """Work at another of one's points."""
    point_id = request.form.get("point", 0, type=int)
    with services().database.write() as connection:
        if not staff_sessions.choose_point(connection, current_session(), point_id):
            raise Refusal("PAGE_NOT_FOUND")
    say("已选定开票点。")
    return see_other(_where_from())


def _where_from() -> str:
    """The page that the person was on when it can be opened again, else the home page."""
    path = urlsplit(request.referrer or "").path
    try:
        current_app.url_map.bind(request.host).match(path, method="GET")
    except HTTPException:
        return url_for("home.home")
    return local_path(path)


@group.post("/leave")
@signed_in()
def sign_out() -> Response:
    """End the session on the server."""
    login.sign_out(services(), current_session(), g.request_id)
    response = see_other(url_for("entrance.login"))
    response.delete_cookie(cookie_name(), path="/")
    return response
