"""Figures of mutation testing: by package, and a run below the floor ends with an error."""

from __future__ import annotations

import io

import pytest

from bin import mutant_figures

NINE_OF_TEN = "\n".join(
    [
        *(f"    portal.domain.money.x_yuan__mutmut_{number}: killed" for number in range(8)),
        "    portal.domain.states.stock.x_a__mutmut_1: timeout",
        "    portal.domain.money.x_yuan__mutmut_9: survived",
        "To show one: mutmut show NAME",
        "",
    ]
)
WITHOUT = "    portal.stock.years.x_is_over__mutmut_1: no tests\n    portal.stock.years.x_is_over__mutmut_2: killed\n"


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lines: str) -> tuple[int, list[str]]:
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    return mutant_figures.main(), [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_killed_is_counted_by_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(monkeypatch, capsys, NINE_OF_TEN) == (
        0,
        ["killed survived without test other killed", "portal/domain 9 1 0 0 90.0 %", "all 9 1 0 0 90.0 %"],
    )


def test_one_package_below_the_floor_is_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, lines = told(monkeypatch, capsys, NINE_OF_TEN * 3 + WITHOUT)
    assert ended == 1
    assert lines[1:] == ["portal/domain 27 3 0 0 90.0 %", "portal/stock 1 0 1 0 50.0 %", "all 28 3 1 0 87.5 %"]


def test_a_run_that_made_no_mutants_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys, "Traceback …\n")[0] == 2
