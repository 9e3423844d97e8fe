"""首页, choosing the point, leaving."""

from __future__ import annotations

from flask import Response, g, request, url_for

from admin.groups import home as group
from admin.shell import cookie_name, current_session, page, say, see_other, services, signed_in
from portal.access import login, staff_sessions
from portal.domain.errors import Refusal


@group.get("")
@signed_in(menu="首页", order=1)
def home() -> Response:
    """Is anything wrong now, and where to begin."""
    return page("home.html")


@group.post("/point")
@signed_in()
def choose_point() -> Response:
    """Work at another of one's points."""
    point_id = request.form.get("point", 0, type=int)
    with services().database.write() as connection:
        if not staff_sessions.choose_point(connection, current_session(), point_id):
            raise Refusal("PAGE_NOT_FOUND")
    say("已切换开票点。")
    return see_other(url_for("home.home"))


@group.post("/leave")
@signed_in()
def sign_out() -> Response:
    """End the session on the server."""
    login.sign_out(services(), current_session(), g.request_id)
    response = see_other(url_for("entrance.login"))
    response.delete_cookie(cookie_name(), path="/")
    return response
