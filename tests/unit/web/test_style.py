"""What the patients' style sheet promises: a focus that is seen, by its own colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import portal

SHEET = (Path(portal.__file__).parent / "static" / "patient.css").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    whole = colour if len(colour) == 7 else "#" + "".join(2 * one for one in colour[1:])
    parts = [int(whole[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted(map(luminance, (one, other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def variable(name: str) -> str:
    found = re.search(rf"--{name}: (#[0-9a-f]+);", SHEET)
    assert found, name
    return found[1]


def ring(selector: str) -> str:
    """The colour of the outline that a rule with this selector gives."""
    found = re.search(rf"{re.escape(selector)}[^{{]*\{{[^}}]*outline(?:-color)?:[^;]*?(#[0-9a-f]+);", SHEET)
    assert found, selector
    return found[1]


def test_the_measure_is_right() -> None:
    assert round(contrast("#f2a33a", "#fff"), 2) == 2.08 and contrast("#000", "#fff") == 21


@pytest.mark.parametrize("ground", ["paper", "ground", "brand-soft"])
def test_the_focus_is_seen_on_every_ground(ground: str) -> None:
    """3:1 at least (WCAG 2.2, 1.4.11); in the head, which is dark, it is white."""
    assert contrast(ring("a:focus-visible"), variable(ground)) >= 3
    assert contrast(ring(".top button:focus-visible"), variable("brand")) >= 3
