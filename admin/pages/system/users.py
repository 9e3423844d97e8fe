"""用户 and 角色: staff accounts with their roles, points and open sessions."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Response, request, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import DayField, Form, SelectMultipleField, Text, choices, optional, required
from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access import accounts, administration, queries
from portal.access.administration import AccountChange, NewAccount, OneTimePassword
from portal.access.permissions import ROLES, TITLES, Permission, Role
from portal.access.sign_in import sessions
from portal.core.clock import SHANGHAI, local
from portal.domain.errors import Refusal
from portal.hospital import staff_approvals
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import STAFF_ACCOUNT
from portal.web.edge import see_other, services

WAITS = "已提交复核：管理人员和复核人员的账号，由另一人在“待复核”同意后才生效。"
STATES = {
    "active": State("启用", "ok"),
    "locked": State("已锁定", "wait"),
    "over": State("已到期", "wait"),
    "disabled": State("已停用", "red"),
}


def role_titles(codes: str | None) -> str:
    """Return the titles of roles: ``cashier,lead`` → ``收费员、窗口组长``."""
    return "、".join(Role(code).title for code in (codes or "").split(",") if code)


USERS = ListPage(
    name="users",
    title="用户",
    order=(STAFF_ACCOUNT.c.username,),
    ascending=True,
    columns=(
        Column("username", "用户名", link=lambda row: url_for("system.user", account_id=row.id)),
        Column("name", "姓名"),
        Column(
            "roles",
            "角色",
            value=lambda row: role_titles(row.roles),
        ),
        Column("points", "挂接开票点"),
        Column("state", "状态", "state", value=accounts.state_of, states=STATES),
        Column("last_login_at", "最近登录", "time"),
        Column("second", "两步验证", value=lambda row: "已启用" if row.has_totp else "未启用"),
    ),
    filters=(
        Filter("username", "用户名", queries.username_begins),
        Filter(
            "role",
            "角色",
            accounts.has_role,
            "choice",
            choices={role.value: role.title for role in Role},
        ),
        Filter("state", "状态", lambda _: accounts.is_locked(), "choice", choices={"locked": "已锁定"}),
    ),
    empty="没有符合条件的用户。",
)


class UserForm(Form):
    """Name, points, last day."""

    name = Text("姓名", [required], most=100)
    points = SelectMultipleField("挂接开票点", coerce=int, description="收费人员只能在挂接的开票点办理")
    valid_until = DayField("有效期至", [optional], description="不填为长期；财政检查账号须填写")


class NewUserForm(UserForm):
    """The same with a user name."""

    username = Text("用户名", [required], most=40, description="3 至 40 位小写字母、数字，以字母开头")


class RolesForm(Form):
    """The roles of an account."""

    roles = SelectMultipleField(
        "角色",
        choices=choices((role.value, role.title) for role in Role),
        description="三员与检查账号不能兼任",
    )


def _with_points(form: UserForm) -> UserForm:
    with services().database.read() as connection:
        points = queries.points(connection, current_staff().unit_id)
    form.points.choices = choices((point.id, f"{point.code} {point.name}") for point in points)
    return form


def _end_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


@system.get("/users")
@requires(Permission.USERS_VIEW, menu="用户", order=10)
def users() -> Response:
    """List the accounts of the unit."""
    return respond(USERS, accounts.of_unit(current_staff().unit_id), "system/users.html")


@system.route("/users/new", methods=["GET", "POST"])
@requires(Permission.USERS_EDIT, within="system.users")
def new_user() -> Response:
    """Open an account; its one-time password is shown once."""
    form = _with_points(NewUserForm())

    def act() -> Response:
        order = NewAccount(form.username.data, form.name.data, form.points.data or [], _end_of(form.valid_until.data))
        opened = administration.open_account(services(), current_actor(), order)
        return _hand_over(opened, "账号已创建，角色由安全管理员授予。")

    return form_page(form, act, title="新增用户", back=url_for("system.users"), verb="创建")


def _hand_over(opened: OneTimePassword, said: str) -> Response:
    return page(
        "system/handed_over.html",
        account_id=opened.account_id,
        username=opened.username,
        password=opened.password,
        said=said,
    )


@system.get("/users/<int:account_id>")
@requires(Permission.USERS_VIEW, within="system.users")
def user(account_id: int) -> Response:
    """Show one account with the acts that are open to the signed-in administrator."""
    return _user_page(account_id)


def _user_page(account_id: int, form: UserForm | None = None, problem: str = "", status: int = 200) -> Response:
    with services().database.read() as connection:
        account = queries.staff_account(connection, current_staff().unit_id, account_id)
        opened = sessions.open_ones(connection, account.unit_id, account_id)
        waiting = staff_approvals.waiting(connection, account_id)
    over = local(account.valid_until - timedelta(seconds=1)).date() if account.valid_until is not None else None
    values: dict[str, Any] = {"name": account.name, "points": list(account.point_ids), "valid_until": over}
    return page(
        "system/user.html",
        status,
        account=account,
        state=STATES[account.state],
        allowed=sorted({title for role in account.roles for title in (TITLES[one] for one in ROLES[role])}),
        opened=opened,
        waiting=waiting,
        form=form or _with_points(UserForm(fresh=True, **values)),
        roles_form=RolesForm(fresh=True, roles=[role.value for role in account.roles]),
        own=account.username == current_staff().username,
        problem=problem,
    )


@system.post("/users/<int:account_id>")
@requires(Permission.USERS_EDIT)
def change_user(account_id: int) -> Response:
    """Change name, points and last day of an account."""
    form = _with_points(UserForm())
    if not form.accepted():
        return _user_page(account_id, form, status=422)
    over = _end_of(form.valid_until.data)
    order = AccountChange(account_id, form.name.data, form.points.data or [], over)
    administration.change(services(), current_actor(), order)
    return _done(account_id, "已保存。")


@system.post("/users/<int:account_id>/active")
@requires(Permission.USERS_EDIT)
def switch_user(account_id: int) -> Response:
    """Disable or enable an account."""
    active = request.form.get("active") == "1"
    administration.set_active(services(), current_actor(), account_id, active)
    return _done(account_id, "已启用。" if active else "已停用，该账号的登录已全部退出。")


@system.post("/users/<int:account_id>/roles")
@requires(Permission.ROLES_EDIT)
def grant_roles(account_id: int) -> Response:
    """Grant exactly the chosen roles."""
    form = RolesForm()
    if not form.accepted():
        return _user_page(account_id, problem="角色没有这个选项。", status=422)
    try:
        done = staff_approvals.set_roles(services(), current_actor(), account_id, map(Role, form.roles.data or []))
    except Refusal as refusal:
        if refusal.code != "INPUT_INVALID":
            raise
        return _user_page(account_id, problem=str(refusal), status=422)
    return _done(account_id, "角色已授予，该账号须重新登录。" if done else WAITS)


@system.post("/users/<int:account_id>/unlock")
@requires(Permission.USERS_UNLOCK)
def unlock_user(account_id: int) -> Response:
    """Forget the wrong passwords of an account."""
    administration.unlock(services(), current_actor(), account_id)
    return _done(account_id, "已解锁。")


@system.post("/users/<int:account_id>/password")
@requires(Permission.USERS_UNLOCK)
def reset_user(account_id: int) -> Response:
    """Give an account a one-time password, shown once; for an officer's or an approver's a second person is asked."""
    password = staff_approvals.reset_password(services(), current_actor(), account_id)
    if password is None:
        return _done(account_id, WAITS)
    with services().database.read() as connection:
        username = queries.staff_account(connection, current_staff().unit_id, account_id).username
    opened = OneTimePassword(account_id, username, password)
    return _hand_over(opened, "密码已重置，该账号的登录已全部退出。")


@system.post("/users/<int:account_id>/totp")
@requires(Permission.USERS_UNLOCK)
def reset_totp(account_id: int) -> Response:
    """Take a lost second factor away; from an officer or an approver only with a second person."""
    done = staff_approvals.take_second_factor_away(services(), current_actor(), account_id)
    return _done(account_id, "两步验证已重置，请本人重新登记。" if done else WAITS)


@system.post("/users/<int:account_id>/sessions/close")
@requires(Permission.USERS_UNLOCK)
def close_sessions(account_id: int) -> Response:
    """End every session of an account."""
    count = administration.close_sessions(services(), current_actor(), account_id)
    return _done(account_id, f"已关闭 {count} 个登录。")


def _done(account_id: int, said: str) -> Response:
    say(said)
    return see_other(url_for("system.user", account_id=account_id))


@system.get("/roles")
@requires(Permission.USERS_VIEW, menu="角色", order=20)
def roles() -> Response:
    """Show the table of roles and permissions."""
    return page("system/roles.html", roles=list(Role), permissions=TITLES, granted=ROLES)
