"""Officers and approvers are reset and made by two persons only, and neither gets the other's password alone."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.access import accounts, administration, queries
from portal.access.permissions import GUARDED, ROLES, Permission, Role
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.hospital import staff_approvals
from portal.models.tables import APPROVAL, STAFF_ACCOUNT
from tests.support.console import PASSWORD, Console

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NEW = "Dan-zhu-12-lan-shu"


def services_of(app: Flask) -> Services:
    found: Services = app.extensions["qupiao"].services
    return found


def page_of(app: Flask, username: str) -> str:
    """The address of an account's page."""
    with services_of(app).database.read() as connection:
        found = connection.scalar(select(STAFF_ACCOUNT.c.id).where(STAFF_ACCOUNT.c.username == username))
    return f"/console/system/users/{found}"


def decided(app: Flask, username: str = "supervisor") -> str:
    """Agree to the newest request; the page that follows."""
    with services_of(app).database.read() as connection:
        newest = connection.scalar(select(APPROVAL.c.id).order_by(APPROVAL.c.requested_at.desc()))
    person = Console(app, username)
    answer = person.send(f"/console/home/approvals/{newest}", "同意并办理")
    return answer.text if answer.status_code == 200 else person.follow(answer)


def shown_password(html: str) -> str:
    found = re.search(r'一次性密码</dt><dd class="figures">([^<]+)<', html)
    assert found, html[-3000:]
    return found[1]


def test_every_role_that_decides_or_administers_is_guarded() -> None:
    strong = {Permission.APPROVALS_DECIDE, Permission.ROLES_EDIT, Permission.USERS_EDIT, Permission.AUDIT_VERIFY}
    assert {role for role, granted in ROLES.items() if strong & granted} == GUARDED


@SQLITE
def test_an_officer_s_password_is_reset_by_two(app: Flask) -> None:
    """Who asks sees no password and changes nothing; who agrees sees it, once; the person changes it."""
    security = Console(app, "security")
    answer = security.send(page_of(app, "auditor"), "重置密码")
    told = security.follow(answer)
    assert "已提交复核" in told and "重置 auditor（审计员） 的密码" in told and "一次性密码" not in told
    assert Console(app, "auditor", PASSWORD).client.get("/console/home").status_code == 200, "the old one still opens"
    assert security.send(page_of(app, "auditor"), "重置密码").status_code == 409, "one request at a time"
    page = decided(app)
    password = shown_password(page)
    assert "不要交给提出申请的人" in page
    assert Console(app).sign_in("auditor", PASSWORD).status_code == 401
    person = Console(app, "auditor", password)
    values = {"current": password, "new": NEW, "again": NEW}
    assert person.send("/console/home/password", "修改密码", **values).status_code == 303
    services, supervisor = services_of(app), Actor("staff:supervisor", "主管", 1)
    with services.database.read() as connection:
        done = connection.scalar(select(APPROVAL.c.id).where(APPROVAL.c.kind == staff_approvals.PASSWORD)) or 0
        assert password not in str(connection.execute(select(APPROVAL)).all())
    assert staff_approvals.hand_over(services, supervisor, done) is None, "once"
    assert Console(app, "auditor", NEW)


@SQLITE
def test_the_password_waits_for_nobody(app: Flask) -> None:
    """Only who decided hands it over, and within minutes."""
    security, services = Console(app, "security"), services_of(app)
    security.send(page_of(app, "system"), "重置密码")
    with services.database.read() as connection:
        asked = connection.scalar(select(APPROVAL.c.id)) or 0
    supervisor = Actor("staff:supervisor", "主管", 1)
    from portal.approvals.registry import Decision

    app.extensions["qupiao"].approvals.decide(services, supervisor, Decision(asked, approve=True))
    assert staff_approvals.hand_over(services, Actor("staff:security", "郑", 1), asked) is None
    with services.database.write() as connection:
        connection.execute(update(APPROVAL).values(decided_at=now() - timedelta(minutes=11)))
    assert staff_approvals.hand_over(services, supervisor, asked) is None


@SQLITE
def test_a_role_that_decides_is_granted_by_two(app: Flask) -> None:
    """The first password, which whoever opened the account has seen, ends with it; ordinary roles stay one person's."""
    services = services_of(app)
    with services.database.write() as connection:
        account_id, first = accounts.open_account(
            connection, "newlead", "新主管", [], None, Actor("staff:system", "", 1)
        )
    security, address = Console(app, "security"), f"/console/system/users/{account_id}"

    def granted(role: str) -> str:
        form = next(one for one in security.forms(security.get(address).text) if one.action.endswith("/roles"))
        return security.follow(security.client.post(form.action, data=form.values | {"roles": [role]}))

    assert "角色已授予" in granted("cashier")
    assert "已提交复核" in granted("supervisor")
    password = shown_password(decided(app))
    assert Console(app).sign_in("newlead", first).status_code == 401, "the system administrator knew it"
    Console(app, "newlead", password)
    with services.database.write() as connection:
        roles = queries.staff_account(connection, 1, account_id).roles
    assert roles == (Role.SUPERVISOR,)


@SQLITE
def test_nobody_decides_about_their_own_account(app: Flask) -> None:
    security = Console(app, "security")
    security.send(page_of(app, "supervisor"), "重置密码")
    supervisor = Console(app, "supervisor")
    assert "重置 supervisor" in supervisor.get("/console/home/approvals").text
    with services_of(app).database.read() as connection:
        asked = connection.scalar(select(APPROVAL.c.id))
    answer = supervisor.send(f"/console/home/approvals/{asked}", "同意并办理")
    assert answer.status_code == 403
    with services_of(app).database.read() as connection:
        assert connection.scalar(select(APPROVAL.c.state)) == "pending"


@SQLITE
def test_a_cashier_is_reset_by_one(app: Flask) -> None:
    security = Console(app, "security")
    answer = security.send(page_of(app, "cashier"), "重置密码")
    assert answer.status_code == 200
    Console(app, "cashier", shown_password(answer.text))


@SQLITE
def test_the_way_out_on_the_server(app: Flask) -> None:
    """Where nobody can decide: a command, which the log names as such."""
    opened = administration.reset_named(services_of(app), " Supervisor ", second_factor_too=True)
    assert opened.username == "supervisor"
    Console(app, "supervisor", opened.password)
    with pytest.raises(Refusal):
        administration.reset_named(services_of(app), "nobody", second_factor_too=False)
