"""Every part of the benchmarks still runs, and stands on its own feet. Figures are not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import where
from tests.support.length import SOAK

ROOT = Path(__file__).resolve().parents[2]
TITLES = {
    "pages": "Patient pages on",
    "lookup": "Stored and unknown identities on",
    "where": "Where one issue goes on",
    "issue": "Issue on",
    "face": "PDF of a bill",
}


KINDS = [("SQLite", list(TITLES)), *([("PostgreSQL", ["where", "issue"])] if SOAK else [])]
"""On PostgreSQL, in a soak, only the parts that hold statements of their own for it."""


@pytest.mark.parametrize(("kind", "parts"), KINDS)
def test_every_part_runs(kind: str, parts: list[str]) -> None:
    command = [sys.executable, "-m", "bench", *parts, "--tiny", "--database", kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for part in parts:
        title = TITLES[part] + (f" {kind}" if part != "face" else "")
        assert re.search(rf"^{title}\b", done.stdout, re.MULTILINE), f"no table of {part}: {done.stdout}"
    assert "DIFFER" not in done.stdout, "the answers of stored and unknown identities"


def test_nothing_of_the_tests_is_used() -> None:
    for path in (ROOT / "bench").glob("*.py"):
        assert not re.search(r"\btests\b", path.read_text(encoding="utf-8")), path.name


def test_a_border_that_is_gone_or_never_crossed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = where.Clock()
    with pytest.raises(LookupError, match="never called while a bill was issued: .*digests"), where.watched(clock):
        pass
    monkeypatch.setattr(where.content, "digests", lambda *_: None)
    with pytest.raises(LookupError, match="digests is another function by now"), where.watched(clock):
        pass
