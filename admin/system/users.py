"""用户: who may sign in, with which roles, at which points."""

from __future__ import annotations

from flask import Response

from admin.groups import system
from admin.lists import Column, Filter, ListPage
from admin.shapes import State
from admin.shell import current_staff, requires
from portal.access import accounts
from portal.access.permissions import Permission, Role
from portal.access.staff import STAFF

STATES = {
    "active": State("启用", "ok"),
    "locked": State("已锁定", "wait"),
    "over": State("已到期", "wait"),
    "disabled": State("已停用", "red"),
}


def role_titles(codes: str | None) -> str:
    """``cashier,lead`` → ``收费员、窗口组长``."""
    return "、".join(Role(code).title for code in (codes or "").split(",") if code)


USERS = ListPage(
    name="users",
    title="用户",
    order=(STAFF.c.username,),
    ascending=True,
    columns=(
        Column("username", "用户名"),
        Column("name", "姓名"),
        Column(
            "roles",
            "角色",
            value=lambda row: "、".join(Role(role).title for role in (row.roles or "").split(",") if role),
        ),
        Column("points", "挂接开票点"),
        Column("state", "状态", "state", value=accounts.state_of, states=STATES),
        Column("last_login_at", "最近登录", "time"),
        Column("second", "两步验证", value=lambda row: "已启用" if row.has_totp else "未启用"),
    ),
    filters=(
        Filter("username", "用户名", lambda text: STAFF.c.username.startswith(text, autoescape=True)),
        Filter(
            "role",
            "角色",
            accounts.has_role,
            "choice",
            choices={role.value: role.title for role in Role},
        ),
    ),
    empty="没有符合条件的用户。",
)


@system.get("/users")
@requires(Permission.USERS_VIEW, menu="用户", order=10)
def users() -> Response:
    """The unit's accounts."""
    return USERS.respond(accounts.of_unit(current_staff().unit_id))
