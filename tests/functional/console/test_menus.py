"""The menus of every role, on both databases: each page that they name opens, and no other."""

from __future__ import annotations

from flask import Flask, url_for

from admin.kit.page import all_entries
from portal.access.permissions import ROLES, Role
from tests.support.console import Console


def test_menus_lead_nowhere_dead_for_any_role(app: Flask) -> None:
    with app.test_request_context():
        addresses = [
            (entry.permissions, url_for(entry.endpoint)) for entries in all_entries().values() for entry in entries
        ]
    opened = set()
    for role in Role:
        person = Console(app, role.value)
        for permissions, address in addresses:
            allowed = not permissions or bool(permissions & ROLES[role])
            person.get(address, 200 if allowed else 403)
            if allowed:
                opened.add(address)
    assert opened == {address for _, address in addresses}, "a menu entry that no role can open"
