"""我的登录: one's own password, second factor and open sessions."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Form, PasswordField, Text, required
from admin.kit.groups import home
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_session, current_staff, signed_in
from admin.pages.login import browser, remember
from portal.access import accounts, parameters
from portal.access.permissions import TWO_FACTORS
from portal.access.sign_in import passwords
from portal.access.sign_in import second_factor as access_second_factor
from portal.access.sign_in import sessions as sign_in_sessions
from portal.access.sign_in.sessions import Session
from portal.core.clock import now
from portal.domain.errors import Refusal
from portal.rendering import qr
from portal.web.edge import limits, see_other, services


def next_step(session: Session) -> str:
    """Return the endpoint that a session must pass before it may work, empty when there is none.

    It is the second factor, its enrolment or a new password.
    """
    person = session.staff
    if person.has_totp and session.factors < 2:
        return "home.second_factor"
    with services().database.read() as connection:
        everybody = parameters.value(connection, person.unit_id, "login.totp") == "all"
        policy = accounts.policy_of(connection, person.unit_id)
    if person.must_change or passwords.expired(policy, person.password_at, now()):
        return "home.password"
    needed = everybody or bool(TWO_FACTORS & set(person.roles))
    return "home.totp" if needed and services().settings.second_factor and not person.has_totp else ""


class PasswordForm(Form):
    """The present password and a new one, twice."""

    current = PasswordField("当前密码", [required])
    new = PasswordField("新密码", [required])
    again = PasswordField("再输一次新密码", [required])


class CodeForm(Form):
    """Six digits."""

    code = Text("动态码", [required], most=12)


@home.get("/sessions")
@signed_in(menu="我的登录", order=90)
def sessions() -> Response:
    """List the browsers in which one is signed in, with a button to close each."""
    person = current_staff()
    with services().database.read() as connection:
        opened = sign_in_sessions.open_ones(connection, person.unit_id, person.id)
        policy = accounts.policy_of(connection, person.unit_id)
    return page("home/sessions.html", opened=opened, policy=policy)


@home.post("/sessions/close")
@signed_in()
def close_session() -> Response:
    """End another session of one's own."""
    if sign_in_sessions.close(services(), current_staff(), request.form.get("session", "")):
        say("已关闭该登录。")
    return see_other(url_for("home.sessions"))


@home.route("/password", methods=["GET", "POST"])
@signed_in(within="home.sessions")
def password() -> Response:
    """Change one's password; the first one and an expired one must be changed."""
    form = PasswordForm()
    with services().database.read() as connection:
        policy = accounts.policy_of(connection, current_staff().unit_id)

    def act() -> str:
        if form.new.data != form.again.data:
            raise Refusal("INPUT_INVALID", reason="两次输入的新密码不一致")
        if not limits().hit(f"login:p:{current_staff().id}", 10, 900):
            raise Refusal("TRY_LATER", minutes=15)
        accounts.change_password(services(), current_session(), form.current.data, form.new.data, current_actor())
        say("密码已修改，其他登录已退出。")
        return url_for("home.home")

    lead = f"密码策略：{policy.title}。"
    if current_staff().must_change:
        lead = "首次登录或密码被重置后，须先修改密码。" + lead
    return form_page(form, act, title="修改密码", back="", verb="修改密码", lead=lead)


@home.route("/second-factor", methods=["GET", "POST"])
@signed_in(within="home.sessions")
def second_factor() -> Response:
    """Ask for the code of the authenticator."""
    form = CodeForm()

    def act() -> Response:
        cookie = access_second_factor.confirm(services(), limits(), current_session(), form.code.data, browser())
        return remember(see_other(url_for("home.home")), cookie)

    lead = "请输入手机验证器上的 6 位动态码，每个码只能用一次。"
    return form_page(form, act, title="两步验证", back="", verb="确认", lead=lead)


@home.route("/totp", methods=["GET", "POST"])
@signed_in(within="home.sessions")
def totp() -> Response:
    """Enrol an authenticator: its code proves that the secret was scanned."""
    form, posted = CodeForm(), request.form.get("sealed", "")
    proposal = access_second_factor.propose(services(), current_staff())

    def act() -> Response:
        session, code = current_session(), str(form.code.data)
        cookie = access_second_factor.enrol(services(), limits(), session, posted, code, browser())
        say("两步验证已启用，下次登录需要动态码。")
        return remember(see_other(url_for("home.sessions")), cookie)

    look = {"width": "200", "height": "200", "role": "img", "aria-label": "验证器二维码"}
    return form_page(
        form,
        act,
        title="启用两步验证",
        back="",
        template="home/totp.html",
        secret=proposal.secret,
        sealed=proposal.sealed,
        qr=qr.drawing(proposal.address, look),
    )
