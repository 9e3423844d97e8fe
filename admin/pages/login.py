"""The way in: the log-in page."""

from __future__ import annotations

from flask import Blueprint, Response, g, request, session, url_for

from admin.kit.guard import check_origin, handle_refusals, local_path
from admin.kit.page import page
from admin.kit.security import SESSION_COOKIE, cookie_name
from portal.access.sign_in import login as signing
from portal.access.sign_in import sessions
from portal.domain.errors import Refusal
from portal.web import cookies
from portal.web.edge import limits, see_other, services

entrance = Blueprint("entrance", "admin", url_prefix="/console", template_folder="templates", static_folder="static")
handle_refusals(entrance)

DEVICE_COOKIE = "qp_device"


def browser() -> signing.Browser:
    """Where this request comes from."""
    agent = request.headers.get("User-Agent", "")
    return signing.Browser(request.remote_addr or "", agent, cookies.read(DEVICE_COOKIE), g.get("request_id", ""))


def remember(response: Response, cookie: str) -> Response:
    """Give the browser its session id: unreadable for scripts, never sent from other sites' forms."""
    return cookies.remember(response, SESSION_COOKIE, cookie)


@entrance.get("")
def start() -> Response:
    """Show the short address of the console."""
    return see_other(url_for("home.home"))


@entrance.route("/<path:_rest>", methods=["GET", "POST"])
def unknown(_rest: str) -> Response:
    """Whatever else lies below /console: the console's own page for what is not there, with the menu of who came."""
    with services().database.read() as connection:
        found = sessions.read(services(), connection, request.cookies.get(cookie_name(), ""))
    if found is not None:
        g.staff_session = found
    raise Refusal("PAGE_NOT_FOUND")


@entrance.get("/login")
def login() -> Response:
    """Asks for name and password."""
    with services().database.read() as connection:
        if sessions.read(services(), connection, request.cookies.get(cookie_name(), "")) is not None:
            return see_other(url_for("home.home"))
    return page("kit/login.html", username="", problem="", back=request.args.get("next", ""))


@entrance.post("/login")
def sign_in() -> Response:
    """Check them; right: a new session, whatever id the browser came with."""
    check_origin()
    username, back = request.form.get("username", ""), request.form.get("next", "")
    try:
        opened = signing.sign_in(services(), limits(), username, request.form.get("password", ""), browser())
    except Refusal as refusal:
        problem = f"{refusal.why}。{refusal.remedy}。"
        return page("kit/login.html", refusal.status, username=username[:40], problem=problem, back=back)
    session.clear()  # the form token of before the log-in ends with it
    response = remember(see_other(local_path(back)), opened.session)
    return cookies.remember(response, DEVICE_COOKIE, opened.device, days=365)
