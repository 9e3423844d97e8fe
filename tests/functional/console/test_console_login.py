"""Signing in: lock-out that spares the others, second factor, first password, sessions, forged forms."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import text, update

from portal.access import accounts, administration
from portal.access.accounts import NewAccount
from portal.access.permissions import Role
from portal.access.sign_in import login, passwords, second_factor, sessions
from portal.access.sign_in.login import Browser
from portal.access.sign_in.sessions import IDLE, TOTAL
from portal.core.clock import now
from portal.core.settings import Settings
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import STAFF_ACCOUNT, STAFF_SESSION
from tests.support.console import PASSWORD, Console, approve
from tests.support.length import sqlite_first

WRONG = "not the password 1"


def change(app: Flask, username: str, **values: object) -> None:
    """Set columns of an account directly."""
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.username == username).values(**values))


def actions(app: Flask, username: str) -> list[str]:
    """What the log says that this person did."""
    with app.extensions["qupiao"].services.database.read() as connection:
        found = text("SELECT action FROM audit_entry WHERE actor = :a ORDER BY id")
        return list(connection.scalars(found, {"a": f"staff:{username}"}))


@sqlite_first
def test_wrong_unknown_locked_and_disabled_look_the_same(app: Flask) -> None:
    change(app, "lead", active=False)
    change(app, "keeper", locked_until=login.FOREVER)
    seen = set()
    for username, password in (("cashier", WRONG), ("nobody", WRONG), ("lead", PASSWORD), ("keeper", PASSWORD)):
        person = Console(app)
        answer = person.sign_in(username, password)
        body = re.sub(r'value="[^"]*"|nonce-?[^ ]*', "", answer.text)
        seen.add((answer.status_code, body, tuple(sorted(name for name, _ in answer.headers))))
        assert person.client.get("/console/home").status_code == 303
    assert len(seen) == 1


@sqlite_first
def test_ten_wrong_passwords_pause_the_account_but_not_a_known_browser(app: Flask) -> None:
    known = Console(app, "cashier")
    known.send("/console/home", "退出")
    attacker = Console(app)
    for _ in range(login.TRIES):
        assert attacker.sign_in("cashier", WRONG).status_code == 401
    assert Console(app).sign_in("cashier", PASSWORD).status_code == 401, "a strange browser has to wait"
    assert known.sign_in("cashier", PASSWORD).status_code == 303, "who has worked here before goes on working"
    assert Console(app).sign_in("lead", PASSWORD).status_code == 303, "nobody else is touched"


@sqlite_first
def test_a_pause_ends_and_an_administrator_ends_it_sooner(app: Flask) -> None:
    attacker = Console(app)
    for _ in range(login.TRIES):
        attacker.sign_in("cashier", WRONG)
    change(app, "cashier", locked_until=now() - timedelta(seconds=1))
    assert Console(app).sign_in("cashier", PASSWORD).status_code == 303
    for _ in range(login.TRIES):
        attacker.sign_in("lead", WRONG)
    security = Console(app, "security")
    address = re.search(r'href="(/console/system/users/\d+)">lead<', security.get("/console/system/users").text)
    assert address is not None and "已锁定" in security.get(address[1]).text
    assert "已解锁" in security.follow(security.send(address[1], "解锁"))
    assert Console(app).sign_in("lead", PASSWORD).status_code == 303


@sqlite_first
def test_never_more_than_a_hundred_wrong_passwords_in_a_row(app: Flask) -> None:
    change(app, "cashier", failures=login.MOST_FAILURES - 1)
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    with pytest.raises(Refusal):
        login.sign_in(services, limits, "cashier", WRONG, Browser("10.0.0.9", "test"))
    with services.database.read() as connection:
        until = connection.execute(text("SELECT locked_until FROM staff_account WHERE username = 'cashier'")).scalar()
    assert str(until).startswith("9999")


@sqlite_first
def test_a_known_browser_that_guesses_loses_its_trust(app: Flask) -> None:
    known = Console(app, "cashier")
    known.send("/console/home", "退出")
    for _ in range(login.TRIES):
        known.sign_in("cashier", WRONG)
    for _ in range(login.TRIES):
        known.sign_in("cashier", WRONG)
    assert known.sign_in("cashier", PASSWORD).status_code == 401, "counted like a stranger, and locked like one"


@sqlite_first
def test_one_address_cannot_try_for_ever(app: Flask) -> None:
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    bucket = f"login:a:{services.index.digest('address', '10.9.9.9').hex()[:24]}"
    for _ in range(login.ADDRESS_TRIES):
        limits.hit(bucket, login.ADDRESS_TRIES, 900)
    with pytest.raises(Refusal) as refused:
        login.sign_in(services, limits, "cashier", PASSWORD, Browser("10.9.9.9", "test"))
    assert refused.value.code == "TRY_LATER"


@sqlite_first
def test_the_first_password_must_be_changed_and_meets_the_policy(app: Flask) -> None:
    services = app.extensions["qupiao"].services
    actor = Actor("staff:system", "吴某", 1)
    with services.database.write() as connection:
        _, password = accounts.open_account(connection, "newcomer", "新人", [], None, actor)
    person = Console(app, "newcomer", password)
    assert person.client.get("/console/home").location == "/console/home/password"
    weak = ("short-1A", "newcomer-2026-X", "password-1234-A", "aaaaaaaaaaaaA1", password)
    for new in weak:
        answer = person.send("/console/home/password", "修改密码", current=password, new=new, again=new)
        assert answer.status_code == 422, new
    good = "Dan-zhu-12-lan-shu"
    stale = Console(app, "newcomer", password)
    answer = person.send("/console/home/password", "修改密码", current=password, new=good, again=good)
    assert "密码已修改" in person.follow(answer)
    assert stale.client.get("/console/home/password").location.startswith("/console/login"), "other sessions ended"
    assert Console(app).sign_in("newcomer", password).status_code == 401
    old = person.send("/console/home/password", "修改密码", current=good, new=password + "Aa", again=good)
    assert "不一致" in old.text
    change(app, "newcomer", password_at=now() - timedelta(days=91))
    assert person.client.get("/console/home").location == "/console/home/password", "ninety days are over"


def test_policies_by_their_words() -> None:
    nist = passwords.POLICIES["nist"]
    passwords.check(nist, "correct horse battery staple", "chen")
    with pytest.raises(Refusal):
        passwords.check(nist, "fourteen chars", "chen")
    assert not passwords.expired(nist, now() - timedelta(days=900), now())


def enrol(person: Console) -> tuple[str, int]:
    """Enrol an authenticator; returns its secret and the step whose code was used."""
    page = person.get("/console/home/totp").text
    secret = re.search(r'密钥：<span class="figures">([A-Z2-7]+)<', page)
    form = next(one for one in person.forms(page) if "sealed" in one.values)
    assert secret is not None
    step = int(now().timestamp()) // second_factor.STEP
    code = pyotp.TOTP(secret[1]).at(step * second_factor.STEP)
    answer = person.client.post("/console/home/totp", data=form.values | {"code": code})
    assert answer.status_code == 303, answer.text
    return secret[1], step


@sqlite_first
def test_the_second_factor_once_a_step_and_only_another_takes_it_away(app: Flask) -> None:
    person = Console(app, "auditor")
    before = person.client.get_cookie("qp_staff")
    secret, step = enrol(person)
    assert before is not None and person.client.get_cookie("qp_staff").value != before.value, (
        "a new id with every proof"
    )
    again = Console(app, "auditor")
    assert again.client.get("/console/system/log").location == "/console/home/second-factor"
    for code in (pyotp.TOTP(secret).at(step * second_factor.STEP), "000000", "", "１２３４５６", "x" * 12):
        answer = again.send("/console/home/second-factor", "确认", code=code)
        assert answer.status_code == 422, "a step that was used, and nonsense"
    assert again.client.get("/console/system/log").status_code == 303
    change(app, "auditor", totp_step=step - 2)
    code = pyotp.TOTP(secret).at(int(now().timestamp()))
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(text("DELETE FROM attempt_count"))
    blocked = again.send("/console/home/second-factor", "确认", code=code)
    if blocked.status_code == 422:  # five tries are used up; with Redis they are counted there
        assert "操作太频繁" in blocked.text
    else:
        assert again.client.get("/console/system/log").status_code == 200
    security = Console(app, "security")
    address = re.search(r'href="(/console/system/users/\d+)">auditor<', security.get("/console/system/users").text)
    assert address is not None
    assert "已提交复核" in security.follow(security.send(address[1], "重置两步验证"))
    assert again.client.get("/console/system/log").location is None or "login" not in str(
        again.client.get("/console/system/log").location
    ), "one person alone changes nothing"
    approve(Console(app, "supervisor"), "重置 auditor（审计员） 的两步验证")
    assert again.client.get("/console/system/log").location.startswith("/console/login"), "its sessions are over"
    assert Console(app, "auditor").client.get("/console/system/log").status_code == 200


@sqlite_first
def test_nobody_frees_oneself(app: Flask) -> None:
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        account_id = connection.execute(text("SELECT id FROM staff_account WHERE username = 'security'")).scalar_one()
    actor = Actor("staff:security", "郑某", 1)
    for act in (accounts.unlock, accounts.reset_password, second_factor.take_away_on):
        with pytest.raises(Refusal), services.database.write() as connection:
            act(connection, account_id, actor)
    with pytest.raises(Refusal), services.database.write() as connection:
        accounts.set_roles(connection, account_id, [], actor)


def leave_the_demo(app: Flask) -> None:
    """The same installation with the rules of one that a hospital runs."""
    invented = app.extensions["qupiao"].services.settings
    strict = Settings(**invented.model_dump(exclude={"demo_password", "wechat_tells"}))
    services = type(app.extensions["qupiao"].services)
    app.extensions["qupiao"].services = services(
        strict, *(getattr(app.extensions["qupiao"].services, name) for name in list(services.__dataclass_fields__)[1:])
    )


@sqlite_first
def test_officers_must_enrol_outside_the_demo(app: Flask) -> None:
    people = {name: Console(app, name) for name in ("system", "security", "auditor", "supervisor", "cashier")}
    leave_the_demo(app)
    for name, person in people.items():
        where = person.client.get("/console/home")
        assert (where.location == "/console/home/totp") is (name != "cashier"), name


@sqlite_first
def test_the_given_password_goes_before_a_second_factor_can_be_enrolled(app: Flask) -> None:
    """Who handed the first password out must not be able to put their own phone on the account with it."""
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    with services.database.write() as connection:
        accounts.create(connection, 1, NewAccount("newofficer", "新人", WRONG, [Role.SUPERVISOR]))
    leave_the_demo(app)
    administrator, owner = Console(app, "newofficer", WRONG), Console(app, "newofficer", WRONG)
    assert administrator.client.get("/console/home/totp").location == "/console/home/password"
    cookie = administrator.client.get_cookie("qp_staff")
    with services.database.read() as connection:
        session = sessions.read(services, connection, cookie.value if cookie else "")
    assert session is not None and "新密码" in administrator.get("/console/home/password").text
    secret, _, sealed = second_factor.propose(services, session.staff)
    code = pyotp.TOTP(secret).at(int(now().timestamp()))
    with pytest.raises(Refusal) as refused:
        second_factor.enrol(services, limits, session, sealed, code, Browser("10.0.0.9", "test"))
    assert refused.value.code == "STATE_ILLEGAL" and "先修改密码" in refused.value.remedy
    values = {"current": WRONG, "new": "Dan-zhu-12-lan-shu", "again": "Dan-zhu-12-lan-shu"}
    assert owner.send("/console/home/password", "修改密码", **values).status_code == 303
    assert owner.client.get("/console/home").location == "/console/home/totp", "only now"
    assert administrator.client.get("/console/home/totp").location.startswith("/console/login")
    enrol(owner)
    assert owner.client.get("/console/home").status_code == 200


@sqlite_first
def test_sessions_fixation_logout_disabling_and_time(app: Flask) -> None:
    person = Console(app)
    person.client.set_cookie("qp_staff", "chosen-by-an-attacker")
    person.sign_in("cashier")
    cookie = person.client.get_cookie("qp_staff")
    assert cookie is not None and cookie.value != "chosen-by-an-attacker"
    assert cookie.http_only and cookie.same_site == "Lax" and cookie.path == "/"
    assert "cashier" not in cookie.value
    old = Console(app)
    old.client.set_cookie("qp_staff", cookie.value)
    assert old.client.get("/console/home").status_code == 200
    person.send("/console/home", "退出")
    assert old.client.get("/console/home").status_code == 303, "dead on the server, not only in the browser"
    for column, age in (("seen_at", IDLE), ("created_at", TOTAL)):
        person = Console(app, "cashier")
        with app.extensions["qupiao"].services.database.write() as connection:
            connection.execute(update(STAFF_SESSION).values({column: now() - age - timedelta(seconds=1)}))
        assert person.client.get("/console/home").status_code == 303, column
    person = Console(app, "cashier")
    change(app, "cashier", active=False)
    assert person.client.get("/console/home").status_code == 303, "at once"


@sqlite_first
def test_sessions_are_shown_closed_and_bounded(app: Flask) -> None:
    people = [Console(app, "cashier") for _ in range(7)]
    assert [person.client.get("/console/home").status_code for person in people] == [303, 303, 200, 200, 200, 200, 200]
    newest = people[-1]
    assert newest.get("/console/home/sessions").text.count("关闭</button>") == 4
    assert "已关闭该登录" in newest.follow(newest.send("/console/home/sessions", "关闭"))
    assert sum(person.client.get("/console/home").status_code == 200 for person in people) == 4
    assert "staff.session-closed" in actions(app, "cashier")


@sqlite_first
def test_the_cookie_is_bound_to_host_and_tls_when_served_by_https(settings: DemoSettings) -> None:
    from portal.app import create_app

    app = create_app(DemoSettings(**(settings.model_dump() | {"base_url": "https://qupiao.example"})))
    client = app.test_client()
    page = client.get("/console/login", base_url="https://qupiao.example")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    form = {"csrf_token": token[1], "username": "cashier", "password": PASSWORD}
    answer = client.post(
        "/console/login", data=form, base_url="https://qupiao.example", headers={"Referer": "https://qupiao.example/"}
    )
    cookies = answer.headers.getlist("Set-Cookie")
    staff = next(cookie for cookie in cookies if cookie.startswith("__Host-qp_staff="))
    assert "Secure" in staff and "HttpOnly" in staff and "SameSite=Lax" in staff and "Path=/" in staff
    assert any(cookie.startswith("__Host-qp_form=") for cookie in [*cookies, *page.headers.getlist("Set-Cookie")])
    app.extensions["qupiao"].services.database.engine.dispose()


@sqlite_first
def test_a_form_acts_once(app: Flask) -> None:
    system = Console(app, "system")
    form = [one for one in system.forms(system.get("/console/system/parameters").text) if "login.totp" in one.action]
    values = form[0].values | {"value": "all"}
    first = system.client.post(form[0].action, data=values)
    second_time = system.client.post(form[0].action, data=values | {"value": "officers"})
    assert (first.status_code, second_time.status_code) == (303, 303) and first.location == second_time.location
    assert "刚才已经办理过" in system.get(second_time.location or "").text
    with app.extensions["qupiao"].services.database.read() as connection:
        changes = connection.scalars(text("SELECT details FROM audit_entry WHERE action = 'parameter.changed'")).all()
    mine = [str(one).replace("'", '"') for one in changes if "officers" in str(one)]
    assert len(mine) == 1 and '"before": "officers", "after": "all"' in mine[0]
    wrong = system.send("/console/system/parameters", "保存", value="x" * 200)
    assert wrong.status_code == 422


@sqlite_first
def test_everybody_who_shares_a_computer_is_known_to_it(app: Flask) -> None:
    """An attack on all names shuts nobody out who has signed in there before, whoever came last."""
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    shared, people = "", ("keeper", "cashier", "lead")
    for name in people:
        shared = login.sign_in(services, limits, name, PASSWORD, Browser("10.1.0.1", "test", shared)).device
    for name in people:
        for _ in range(login.TRIES):
            with pytest.raises(Refusal):
                login.sign_in(services, limits, name, WRONG, Browser("10.6.6.6", "test"))
    for name in people:
        assert login.sign_in(services, limits, name, PASSWORD, Browser("10.1.0.1", "test", shared))
        with pytest.raises(Refusal):  # the control: the accounts are locked
            login.sign_in(services, limits, name, WRONG, Browser("10.1.0.1", "test"))


@sqlite_first
def test_a_known_browser_is_counted_apart_from_its_address(app: Flask) -> None:
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    device = login.sign_in(services, limits, "cashier", PASSWORD, Browser("10.2.0.1", "test")).device
    for number in range(login.ADDRESS_TRIES + 1):
        with pytest.raises(Refusal):
            login.sign_in(services, limits, f"nobody{number}", WRONG, Browser("10.2.0.1", "test"))
    assert login.sign_in(services, limits, "cashier", PASSWORD, Browser("10.2.0.1", "test", device))


@sqlite_first
def test_an_officer_whom_nobody_else_could_is_unlocked_from_the_command_line(app: Flask) -> None:
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    for _ in range(login.TRIES):
        with pytest.raises(Refusal):
            login.sign_in(services, limits, "security", WRONG, Browser("10.3.0.1", "test"))
    with pytest.raises(Refusal):
        login.sign_in(services, limits, "security", PASSWORD, Browser("10.3.0.2", "test"))
    administration.unlock_named(services, "security")
    assert login.sign_in(services, limits, "security", PASSWORD, Browser("10.3.0.2", "test"))
    with pytest.raises(Refusal):
        administration.unlock_named(services, "nobody")


@sqlite_first
def test_codes_of_the_second_factor_are_not_guessed_for_long(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty wrong codes a day, then not even the right one, and the auditor is told once."""
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    secret, step = enrol(Console(app, "accountant"))
    monkeypatch.setattr(second_factor, "TRIES", 1000)  # the pauses of five minutes are another test's
    cookie = login.sign_in(services, limits, "accountant", PASSWORD, Browser("10.4.0.1", "test")).session
    with services.database.read() as connection:
        session = sessions.read(services, connection, cookie)
    assert session is not None
    change(app, "accountant", totp_step=step - 2)

    def typed(code: str) -> str:
        try:
            return second_factor.confirm(services, limits, session, code, Browser("10.4.0.1", "test")) and "in"
        except Refusal as refusal:
            return refusal.code

    wrong = [typed("nonsense") for _ in range(second_factor.A_DAY + 5)]
    assert wrong == ["SECOND_FACTOR_WRONG"] * second_factor.A_DAY + ["TRY_LATER"] * 5
    assert typed(pyotp.TOTP(secret).at(int(now().timestamp()))) == "TRY_LATER"
    with services.database.read() as connection:
        told = text("SELECT count(*) FROM audit_entry WHERE action = 'staff.code-guessing'")
        assert connection.scalar(told) == 1
