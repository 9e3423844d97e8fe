"""Roles × endpoints from the URL map against the one declared table, and forged forms."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.routing import IntegerConverter, Rule

from admin.kit.security import requirement_of
from portal.access.permissions import ROLES, Role
from tests.support.addresses import endpoints
from tests.support.console import Console

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def rules(app: Flask, method: str) -> list[Rule]:
    """The console's guarded addresses that take this method."""
    guarded = set(endpoints(app))
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint in guarded and method in (rule.methods or ())]


def address(rule: Rule) -> str:
    """The address with ids of nothing that exists."""
    values = {
        name: 999 if isinstance(rule._converters[name], IntegerConverter) else "nothing" for name in rule.arguments
    }
    built = rule.build(values)
    assert built is not None
    return str(built[1])


def refused(person: Console, rule: Rule, method: str) -> bool:
    """Whether the guard, and not the view, turned the person away."""
    if method == "GET":
        answer = person.client.get(address(rule))
    else:
        answer = person.client.post(address(rule), data={"csrf_token": person.token})  # type: ignore[attr-defined]
    assert answer.status_code != 500, rule.rule
    return answer.status_code == 403 and "没有权限" in answer.text


@pytest.mark.parametrize("role", list(Role))
def test_each_role_reaches_exactly_what_the_table_says(app: Flask, role: Role) -> None:
    person = Console(app, role.value)
    person.token = person.form("/console/home", "退出").values["csrf_token"]  # type: ignore[attr-defined]
    checked = 0
    for method in ("GET", "POST"):
        for rule in rules(app, method):
            if rule.endpoint == "home.sign_out":
                continue
            with app.app_context():
                requirement = requirement_of(rule.endpoint)
            assert requirement is not None
            allowed = not requirement.permissions or bool(requirement.permissions & ROLES[role])
            assert refused(person, rule, method) is not allowed, (role, method, rule.rule)
            checked += 1
    assert checked > 30


def test_nobody_reaches_anything_without_signing_in(app: Flask) -> None:
    client = app.test_client()
    for rule in rules(app, "GET"):
        answer = client.get(address(rule))
        assert answer.status_code == 303 and "/console/login" in (answer.location or ""), rule.rule


def test_every_post_needs_its_token_and_our_origin(app: Flask) -> None:
    person, other = Console(app, "lead"), Console(app, "lead")
    foreign = other.form("/console/home", "退出").values["csrf_token"]
    mine = person.form("/console/home", "退出").values["csrf_token"]
    guarded = set(endpoints(app)) | {"entrance.sign_in"}
    checked = 0
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint not in guarded:
            continue
        path = address(rule)
        for data in ({}, {"csrf_token": foreign}, {"csrf_token": "x"}):
            answer = person.client.post(path, data=data)
            assert answer.status_code == 400 and "页面已过期" in answer.text, (rule.rule, data)
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = person.client.post(path, data={"csrf_token": mine}, headers=headers)
            assert answer.status_code in (400, 403), (rule.rule, headers)
        checked += 1
    assert checked > 10
    assert person.client.get("/console/home").status_code == 200, "still signed in: nothing of it had an effect"
