"""The guard before every console page: sessions, permissions, origins, forms that act once, refusals.

A view says what it needs with :func:`admin.kit.security.requires`; a view that says nothing is never served.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from admin.kit.page import FORM_TOKEN, GROUPS, page, say
from admin.kit.security import cookie_name, requirement_of
from portal.access.permissions import TITLES
from portal.access.sign_in import sessions
from portal.access.sign_in.sessions import Session
from portal.domain.errors import CATALOGUE, Refusal
from portal.web.edge import see_other, services
from portal.web.headers import say_when


def group(name: str, title: str) -> Blueprint:
    """Make the guarded blueprint of a menu group at ``/console/<name>``; its views declare what they require."""
    blueprint = Blueprint(name, "admin", url_prefix=f"/console/{name}", template_folder="templates")
    GROUPS.append((name, title))
    blueprint.before_request(_guard)
    blueprint.after_request(_finish)
    handle_refusals(blueprint)
    return blueprint


def handle_refusals(blueprint: Blueprint) -> None:
    """Show refusals, unknown pages and expired forms of a blueprint in the console's look."""
    blueprint.after_request(_name_origin)
    blueprint.register_error_handler(Refusal, refused)
    blueprint.register_error_handler(CSRFError, _form_over)
    blueprint.register_error_handler(HTTPException, _http_error)


def _guard() -> Response | None:
    requirement = requirement_of(request.endpoint or "")
    if requirement is None:
        raise RuntimeError(f"{request.endpoint} declares no permission")
    with services().database.read() as connection:
        session = sessions.read(services(), connection, request.cookies.get(cookie_name(), ""))
    if session is None:
        return _to_login()
    g.staff_session = session
    step = current_app.extensions["qupiao_next_step"](session)
    if step and request.endpoint not in (step, "home.sign_out"):
        return see_other(url_for(step))
    if requirement.permissions and not requirement.permissions & session.staff.permissions:
        raise Refusal("PERMISSION_MISSING", title=TITLES[min(requirement.permissions)])
    sessions.touch(services(), session)
    if request.method == "POST":
        check_origin()
        return _claim_form(session)
    return None


def _to_login() -> Response:
    back = request.full_path.rstrip("?") if request.method == "GET" else ""
    return see_other(url_for("entrance.login", next=back or None))


def check_origin() -> None:
    """Check that a form comes from a page of ours. Raises FORM_EXPIRED for one of another origin."""
    origin = request.headers.get("Origin", "")
    if (origin and urlsplit(origin).netloc != request.host) or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Refusal("FORM_EXPIRED")


def local_path(path: str) -> str:
    """Return a path that leads to a page of the console; the home page instead of any other."""
    parts = urlsplit(path)
    plain = path.startswith("/console/") and not parts.netloc and not parts.scheme and "\\" not in path
    return path if plain else url_for("home.home")


def posted_token() -> str:
    """Return the token of the submitted form: an idempotency key of one intended act."""
    return request.form.get(FORM_TOKEN, "")[:64]


def _print_choice() -> str:
    """Return what a form of a print has chosen, in short; nothing for other forms.

    A print opens a tab of its own and leaves its form as it stands: with another paper it is another print.
    """
    if "paper" not in request.form:
        return ""
    chosen = [(name, value) for name in ("paper", "all", "bill") for value in request.form.getlist(name)]
    return sha256(repr(chosen).encode()).hexdigest()[:8]


def _claim_form(session: Session) -> Response | None:
    """Take the form's token; lead a second submit of the same form to where the first one went."""
    token = posted_token()
    if not token:
        return None
    token = f"{session.staff.id}:{_print_choice()}{token}"[:64]
    if sessions.claim_form(services(), token, session.staff.id):
        g.form_claimed = token
        return None
    where = sessions.form_result(services(), token)
    if not where:
        raise Refusal("FORM_RUNNING")
    say("这张表单刚才已经办理过，没有重复办理。", "warning")
    return see_other(where)


def _finish(response: Response) -> Response:
    """Use a form up that led somewhere; one that was refused may be sent again."""
    token = g.pop("form_claimed", "")
    if token:
        sessions.finish_form(services(), token, response.location if 300 <= response.status_code < 400 else None)
    return response


def _name_origin(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "same-origin"  # under no-referrer a browser hides the origin of its forms
    return response


def refused(refusal: Refusal) -> Response:
    """Show a refusal in the console's look."""
    shown = page("kit/refused.html", refusal.status, what=refusal.what, why=refusal.why, remedy=refusal.remedy)
    return say_when(shown, refusal)


def _form_over(_error: CSRFError) -> Response:
    return refused(Refusal("FORM_EXPIRED"))


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:
        return error.get_response()  # type: ignore[return-value]
    if code == 404:
        return refused(Refusal("PAGE_NOT_FOUND"))
    text = CATALOGUE["ENVELOPE_INVALID"]
    return page("kit/refused.html", code, what=text.what, why="页面没有看懂这次请求", remedy="请返回上一页重试")
