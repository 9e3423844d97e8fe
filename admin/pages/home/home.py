"""首页, the choice of a point, and signing out."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, current_app, g, request, url_for
from werkzeug.exceptions import HTTPException

from admin.kit.groups import home as group
from admin.kit.guard import local_path
from admin.kit.page import page, say
from admin.kit.security import SESSION_COOKIE, current_session, current_staff, may, signed_in
from admin.pages.home import work
from portal.access.permissions import Permission
from portal.access.sign_in import login, sessions
from portal.ledger import overview
from portal.web import cookies
from portal.web.edge import see_other, services
from portal.web.numbers import row_id


@group.get("")
@signed_in(menu="首页", order=1)
def home() -> Response:
    """Show what waits for this person, and whether finance is there."""
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        finance = overview.exchange(connection, unit_id) if may(Permission.BILLS_VIEW) else None
        tiles = work.tiles(connection, unit_id)
    return page("home/home.html", tiles=tiles, finance=finance)


@group.post("/point")
@signed_in()
def choose_point() -> Response:
    """Work at another of one's points."""
    point_id = request.form.get("point", 0, type=row_id)
    sessions.choose_point(services(), current_session(), point_id)
    say("已选定开票点。")
    return see_other(_where_from())


def _where_from() -> str:
    """Return the page that the person was on if it can be opened again, else the home page."""
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
    return cookies.forget(see_other(url_for("entrance.login")), SESSION_COOKIE)
