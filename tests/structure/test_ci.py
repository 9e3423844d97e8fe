"""What continuous integration does about tests that fail now and then, on a project of a few lines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = """test: style
\t@.venv/bin/python -m pytest -n $(WORKERS) $(ARGS)
style:
\t@test ! -e bad-style
"""
SETTINGS = "[pytest]\naddopts = -ra -q\ntestpaths = tests\n"
GOOD = "def test_good():\n    pass\n\n\n"
FLAKY = """@pytest.mark.parametrize("way", ["by car", "on foot"])
def test_second_time_lucky(way):
    been = pathlib.Path("been " + way)
    if not been.exists():
        been.touch()
        raise AssertionError(way)


"""
BAD = "def test_bad():\n    raise AssertionError\n\n\n"
HOPELESS = '@pytest.mark.parametrize("number", range(4))\ndef test_hopeless(number):\n    raise AssertionError\n'
UNREADABLE = "import nothing_of_the_kind\n"


def check(folder: Path, *tests: str, style: bool = True, workers: int = 0) -> tuple[bool, str]:
    """Run the check on a project with these tests; returns whether it passed and what it said."""
    for name in (".ci/run", "bin/failed_tests.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_some.py").write_text("import pathlib\n\nimport pytest\n\n\n" + "".join(tests))
    if not style:
        (folder / "bad-style").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "MAKE", "MFLAGS"))}
    kept |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin", "WORKERS": str(workers)}
    done = subprocess.run([folder / ".ci" / "run"], env=kept, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode == 0, done.stdout + done.stderr


def test_tests_that_pass_alone_are_named_and_the_closing_line_is_that_of_the_whole(tmp_path: Path) -> None:
    passed, said = check(tmp_path, GOOD, FLAKY, workers=2)
    assert passed, said
    for way in ("by car", "on foot"):
        assert f"FLAKY: tests/test_some.py::test_second_time_lucky[{way}]" in said.splitlines()
    assert [line.partition(" in ")[0] for line in said.splitlines() if " passed" in line] == ["2 failed, 1 passed"]


@pytest.mark.parametrize("tests", [(GOOD, BAD), (FLAKY, BAD), (GOOD, HOPELESS), (FLAKY, UNREADABLE)])
def test_what_fails_again_or_too_often_or_cannot_be_read_fails(tmp_path: Path, tests: tuple[str, ...]) -> None:
    passed, said = check(tmp_path, *tests)
    assert not passed and "FLAKY" not in said
    assert ("Once more" in said) == (BAD in tests)


def test_bad_style_is_no_matter_of_luck(tmp_path: Path) -> None:
    passed, said = check(tmp_path, FLAKY, style=False)
    assert not passed and "Once more" not in said and "passed" not in said


def test_a_good_run_says_nothing_of_luck(tmp_path: Path) -> None:
    passed, said = check(tmp_path, GOOD)
    assert passed and "1 passed" in said and "FLAKY" not in said
