"""The console's structure: every view says what it requires, menus cover the pages and lead nowhere dead."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from flask import Flask

from admin.kit.page import all_entries
from admin.kit.security import Requirement, requirement_of
from portal.access.parameters import CATALOGUE
from portal.access.permissions import APART, ROLES, TITLES, TWO_FACTORS, Permission, Role, conflict, permissions_of
from portal.audit.actions import ACTIONS
from tests.support.addresses import endpoints
from tests.support.console import Console

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WRITERS, ACTION = re.compile(r"(^|[._])(record|audit|row)$"), re.compile(r"[a-z_]+\.[a-z_-]+")


def undeclared(app: Flask) -> list[str]:
    """Views of the console that say nothing about who may call them."""
    with app.app_context():
        return [endpoint for endpoint in endpoints(app) if not isinstance(requirement_of(endpoint), Requirement)]


def test_every_view_declares_its_permission_and_an_unmarked_one_is_never_served(app: Flask) -> None:
    assert undeclared(app) == []
    app.add_url_rule("/console/system/planted", "system.planted", lambda: "secret")
    assert undeclared(app) == ["system.planted"], "the check must be able to fail"
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = Console(app, "system").client.get("/console/system/planted")
    assert answer.status_code == 500 and "secret" not in answer.text


def test_pages_without_parameters_are_in_a_menu_or_within_a_page_of_one(app: Flask) -> None:
    with app.app_context():
        menu = {entry.endpoint for entries in all_entries().values() for entry in entries}
        for rule in app.url_map.iter_rules():
            requirement = requirement_of(rule.endpoint)
            if requirement is None or "GET" not in (rule.methods or ()):
                continue
            assert rule.arguments or requirement.menu or requirement.within, f"{rule.rule}: menu or within"
            assert not requirement.within or requirement.within in menu, f"{rule.rule}: within leads nowhere"


def test_permissions_have_titles_and_each_is_granted_to_some_role(app: Flask) -> None:
    assert set(TITLES) == set(Permission)
    assert permissions_of(Role) == frozenset(Permission)
    assert set(ROLES) == set(Role) and all(role.title for role in Role)


def test_the_three_officers_stand_apart(app: Flask) -> None:
    officers = (Role.SYSTEM, Role.SECURITY, Role.AUDITOR)
    for one in officers:
        assert one in TWO_FACTORS and one in APART
        assert conflict([one]) is None and conflict([one, Role.CASHIER]) is one
        for other in officers:
            assert one is other or not {Permission.USERS_EDIT, Permission.ROLES_EDIT, Permission.AUDIT_VIEW} & (
                ROLES[one] & ROLES[other]
            )
    assert conflict([Role.CASHIER, Role.LEAD, Role.KEEPER]) is None
    changing = {Permission(p) for p in Permission if p.value.partition(":")[2] not in ("view", "verify", "watch")}
    assert not ROLES[Role.AUDITOR] & changing and not ROLES[Role.INSPECTOR] & changing, "readers change nothing"


def test_every_parameter_is_read_somewhere(app: Flask) -> None:
    """A setting that changes nothing would be a lie on the screen."""
    sources = [path for folder in ("portal", "admin") for path in (ROOT / folder).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.name != "parameters.py")
    assert [key for key in CATALOGUE if f'"{key}"' not in text] == []


def test_every_action_of_the_log_has_a_name(app: Flask) -> None:
    """A name on screen for whatever is written to the log: portal/audit/actions.py."""
    found = set()
    for path in (path for folder in ("portal", "admin") for path in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and WRITERS.search(ast.unparse(call.func)):
                texts = [one.value for one in call.args if isinstance(one, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str) and ACTION.fullmatch(text)}
    assert len(found) > 60, "the search must find them"
    assert sorted(found - set(ACTIONS)) == []
