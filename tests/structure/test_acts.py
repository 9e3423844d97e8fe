"""Business acts lie below the edges: a page neither opens a write transaction nor builds a statement."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLEAN = ("admin/pages/billing", "admin/pages/home", "admin/pages/stock", "admin/pages/system")
"""Edges that keep to it; one that is made clean is added here."""


def faults(source: str) -> list[str]:
    """What a page does that belongs below it: imports of SQLAlchemy, transactions for writing."""
    named = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy":
            named.append(f"line {node.lineno}: from {node.module} import …")
        if isinstance(node, ast.Import) and any(each.name.split(".")[0] == "sqlalchemy" for each in node.names):
            named.append(f"line {node.lineno}: import sqlalchemy")
        if isinstance(node, ast.Attribute) and node.attr in ("write", "act") and _is_database(node.value):
            named.append(f"line {node.lineno}: database.{node.attr}")
    return named


def _is_database(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "database") or (
        isinstance(node, ast.Name) and node.id == "database"
    )


def test_clean_edges_stay_clean() -> None:
    paths = [
        path for each in CLEAN for path in ([ROOT / each] if each.endswith(".py") else (ROOT / each).rglob("*.py"))
    ]
    assert len(paths) > 10
    found = {str(path.relative_to(ROOT)): faults(path.read_text(encoding="utf-8")) for path in paths}
    assert not {path: named for path, named in found.items() if named}


def test_the_check_can_fail() -> None:
    planted = "from sqlalchemy import select\nwith services().database.write() as connection:\n    select(1)\n"
    assert faults(planted) == ["line 1: from sqlalchemy import …", "line 2: database.write"]
