"""A pytest plug-in that writes down how a run ended: its exit status, then the names of the tests that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

OPTION = "--failed-tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the file."""
    parser.addoption(OPTION, type=Path, required=True, help="file for the exit status and the names of failed tests")


def pytest_configure(config: pytest.Config) -> None:
    """Record the run, unless this is a process that another one gave tests to."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Record(config.getoption(OPTION)))


class Record:
    """Failed tests in the order of their failing, each once; set-up and clearing away belong to the test."""

    def __init__(self, file: Path) -> None:
        self._file = file.absolute()
        self._failed: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed:
            self._failed[report.nodeid] = None

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the file."""
        self._file.write_text("".join(f"{line}\n" for line in (int(exitstatus), *self._failed)), encoding="utf-8")
