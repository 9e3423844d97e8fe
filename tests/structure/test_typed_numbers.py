"""A number that somebody sent is read by :mod:`portal.web.numbers` alone, which knows what the databases hold."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BARE = re.compile(r"type=int\)|int\(\w+\) for \w+ in request\.|\.isdecimal\(\) and len\(")


def test_ids_of_forms_and_addresses_are_read_in_one_way() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("admin", "portal/blueprints")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if BARE.search(line)
    ]
    assert found == []


def test_the_rule_sees_what_it_forbids() -> None:
    for line in ('request.form.get("point", type=int)', "[int(one) for one in request.form.getlist(names)]"):
        assert BARE.search(line)
