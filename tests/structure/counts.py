"""Counts of what the structure forbids, or allows less of from day to day; each returns the places, one a line.

``python -m tests.structure.counts`` prints the numbers, ``python -m tests.structure.counts NAME`` the places.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTER = ("admin", "portal/blueprints")
"""Where people and machines come in: no business act and no SQL of its own."""
LISTING_ADAPTER = "admin/kit/listing.py"
"""Lists are SQLAlchemy's statements until they are sent: their adapter may name its types."""
DEMO_ROOMS = ("portal/demo/", "portal/cli/", "portal/simulators/")
CONTROL = "tests/structure/test_counts.py"
MODULES_AT_MOST, PARAMETERS_AT_MOST = 12, 6
CITATIONS = re.compile(
    r"\b(?:design|checks?) [A-Z]\d+|\bstor(?:y|ies) \d|\binvariants? \d|\bideas? \d"
    r"|\b[DS]\d+(?:\.\d+)*[a-z]?\b(?=[,;:.)])"
    r"|\b(?:design|features|his-interface|delivery-channels|fiscal-ebill|measurements|reference|channels)\b:? §"
    r"|\b[Rr]equirement \d|\((?!A[345]\b|H5\b)[A-Z]\d{1,2}(?:[,–-] ?[A-Z]\d{1,2})*\)"
)
"""Words that cite a document which is not in this repository."""


def files(root: Path, *folders: str) -> Iterator[tuple[str, Path]]:
    """Yield the Python files of the folders: name within the repository, and path."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path


def _lines(root: Path, folders: tuple[str, ...], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, path in files(root, *folders)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


def _importing(root: Path, folders: tuple[str, ...], wrong: Callable[[str], bool]) -> list[str]:
    places = []
    for name, path in files(root, *folders):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        places += [f"{name}:{number}" for number in sorted({line for line, module in _imports(tree) if wrong(module)})]
    return places


def transactions_outside(root: Path) -> list[str]:
    """Write transactions that pages begin themselves."""
    return _lines(root, OUTER, re.compile(r"database\.write\("))


def sqlalchemy_outside(root: Path) -> list[str]:
    """Imports of SQLAlchemy by pages; lists' adapter apart."""
    places = _importing(root, OUTER, lambda module: module.partition(".")[0] == "sqlalchemy")
    return [place for place in places if not place.startswith(LISTING_ADAPTER)]


def table_casts(root: Path) -> list[str]:
    """Tables of models that every file casts anew; ``portal.models.tables`` names them once."""
    return _lines(root, ("portal", "admin"), re.compile(r"__table__.*# type: ignore"))


def citations(root: Path) -> list[str]:
    """Lines that cite an absent document."""
    return _lines(root, ("portal", "admin", "bench", "migrations"), CITATIONS)


def citations_in_tests(root: Path) -> list[str]:
    """The same in the tests; the test of these counts plants one."""
    return [place for place in _lines(root, ("tests",), CITATIONS) if not place.startswith(CONTROL)]


def tests_that_import_tests(root: Path) -> list[str]:
    """Tests that take something from a test or from a conftest.py."""
    return _importing(
        root,
        ("tests",),
        lambda module: (
            module.startswith("tests.")
            and any(part.startswith("test_") or part == "conftest" for part in module.split("."))
        ),
    )


def demo_branches(root: Path) -> list[str]:
    """Branches of the product for the demo, outside the demo's own rooms."""
    places = _lines(root, ("portal", "admin"), re.compile(r"\bif (?:not )?demo\b|settings\.demo\b"))
    return [place for place in places if not place.startswith(DEMO_ROOMS)]


def crowded_packages(root: Path) -> list[str]:
    """Packages with more than twelve modules side by side."""
    modules: dict[str, int] = {}
    for name, path in files(root, "portal", "admin"):
        if path.name != "__init__.py":
            folder = name.rpartition("/")[0]
            modules[folder] = modules.get(folder, 0) + 1
    return [f"{folder}: {count}" for folder, count in modules.items() if count > MODULES_AT_MOST]


def long_signatures(root: Path) -> list[str]:
    """Functions of more than six parameters; ``self`` does not count."""
    places = []
    for name, path in files(root, "portal", "admin"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = node.args
                names = {one.arg for one in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)}
                count = len(names - {"self", "cls"})
                if count > PARAMETERS_AT_MOST:
                    places.append(f"{name}:{node.lineno}: {node.name} takes {count}")
    return places


def returns_of_any(root: Path) -> list[str]:
    """Functions that do not say what they return."""
    return _lines(root, ("portal", "admin"), re.compile(r"-> Any\b"))


def long_files_of_tests(root: Path) -> list[str]:
    """Files of tests that outgrow their subject."""
    return [name for name, path in files(root, "tests") if len(path.read_text(encoding="utf-8").splitlines()) > 500]


COUNTS: dict[str, Callable[[Path], list[str]]] = {
    count.__name__: count
    for count in (
        transactions_outside,
        sqlalchemy_outside,
        table_casts,
        citations,
        citations_in_tests,
        tests_that_import_tests,
        demo_branches,
        crowded_packages,
        long_signatures,
        returns_of_any,
        long_files_of_tests,
    )
}


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        print("\n".join(COUNTS[asked](ROOT)))  # noqa: T201
    for shown in [] if sys.argv[1:] else COUNTS:
        print(f"{len(COUNTS[shown](ROOT)):5} {shown}")  # noqa: T201
