"""The product knows no demo: nothing outside its rooms asks whether it is the demo, and no text speaks of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("portal/demo/", "portal/cli/", "portal/simulators/")
"""Where the demo is at home: what is invented, the command that starts it, and the parties that it plays."""
_TEMPLATE = re.compile(r"\{[%{][^%}]*\b(?:if|elif|and|or|not)\b[^%}]*\bdemo\b", re.IGNORECASE)


def questions(source: str) -> list[str]:
    """Every condition of a Python source that mentions the demo."""
    conditions: list[ast.expr] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            conditions.append(node.test)
        elif isinstance(node, ast.comprehension):
            conditions += node.ifs
        elif isinstance(node, ast.BoolOp):
            conditions += node.values
        elif isinstance(node, ast.match_case) and node.guard is not None:
            conditions.append(node.guard)
    return [ast.unparse(one) for one in conditions if "demo" in ast.unparse(one).lower()]


def template_questions(source: str) -> list[str]:
    """Every condition of a template that mentions the demo."""
    return _TEMPLATE.findall(source)


def _product(*endings: str) -> Iterator[Path]:
    for folder in ("portal", "admin"):
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT).as_posix()
            if path.suffix in endings and not inside.startswith(ROOMS):
                yield path


def test_no_product_code_asks_whether_it_is_the_demo() -> None:
    asked = [f"{path}: {one}" for path in _product(".py") for one in questions(path.read_text("utf-8"))]
    asked += [f"{path}: {one}" for path in _product(".html") for one in template_questions(path.read_text("utf-8"))]
    assert asked == []


def test_questions_are_found() -> None:
    """The count can fail."""
    source = (
        "x = 1 if settings.demo else 2\nif DEMO and y: pass\nz = [a for a in b if not a.is_demo]\nq = s or demo_key"
    )
    assert len(questions(source)) >= 4
    assert (
        len(
            template_questions(
                '{% if demo %}演示{% endif %}{{ "x" if demo }}{% if banner %}{{ banner.word }}{% endif %}'
            )
        )
        == 2
    )


def test_no_template_speaks_of_the_demo() -> None:
    assert [str(path) for path in _product(".html", ".css", ".js") if "演示" in path.read_text("utf-8")] == []


def test_no_product_code_imports_the_demo() -> None:
    imports = re.compile(
        r"^\s*(?:from|import) portal\.(?:demo|simulators)\b|^\s*from portal import .*\bdemo\b", re.MULTILINE
    )
    assert [str(path) for path in _product(".py") if imports.search(path.read_text("utf-8"))] == []
