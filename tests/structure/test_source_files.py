"""Files that people keep by hand: style sheets, scripts and templates are written to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WIDEST = 140
LATER_THAN_2015 = re.compile(r"\bvar\b|\?\.|\?\?|\basync\b|\bawait\b|\bimport\b|\bexport\b|\b\d+n\b|\*\*|\.\.\.\w")
"""Words of another dialect than the one that portal/static/patient.js explains."""


FORMS = ROOT / "portal" / "rendering" / "forms"
"""Forms of papers and faces: white space there is part of the layout, which other tests compare letter by letter."""


def files(ending: str) -> Iterator[Path]:
    """Return the product's own files with an ending, but for the forms."""
    for package in (ROOT / "portal", ROOT / "admin"):
        yield from (file for file in sorted(package.rglob(f"*{ending}")) if FORMS not in file.parents)


def too_wide(text: str) -> list[int]:
    """Return the numbers of the lines that are wider than a person reads at a glance."""
    return [number for number, line in enumerate(text.splitlines(), 1) if len(line) > WIDEST]


def later_words(script: str) -> list[str]:
    """Return what an older browser would not understand, comments apart."""
    return LATER_THAN_2015.findall(re.sub(r"(?m)(^|\s)//.*$", "", script))


@pytest.mark.parametrize("ending", [".css", ".js", ".html"])
def test_lines_are_narrow_enough_to_read(ending: str) -> None:
    wide = {str(file.relative_to(ROOT)): too_wide(file.read_text(encoding="utf-8")) for file in files(ending)}
    assert wide, "there are such files"
    assert {name: lines for name, lines in wide.items() if lines} == {}
    assert too_wide("a" * WIDEST + "\n" + "a" * (WIDEST + 1)) == [2], "the check must be able to fail"


def test_a_style_sheet_has_one_declaration_a_line() -> None:
    for file in files(".css"):
        for line in file.read_text(encoding="utf-8").splitlines():
            assert line.count(";") <= 1, (file.name, line)


def test_scripts_are_of_one_dialect() -> None:
    """What a phone of 2016 cannot read, it skips as a whole: no comfort is left. There is no step of building."""
    scripts = {file.name: later_words(file.read_text(encoding="utf-8")) for file in files(".js")}
    assert scripts
    assert {name: words for name, words in scripts.items() if words} == {}
    assert later_words("const a = b?.c; // var") == ["?."], "the check must be able to fail"


def test_the_formatter_is_never_told_to_look_away() -> None:
    """One style, also where a table would be narrower by hand."""
    word = "fmt" + ": "
    for folder in ("portal", "admin", "tests", "bench", "migrations"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert f"# {word}skip" not in text, file
            assert f"# {word}off" not in text, file
