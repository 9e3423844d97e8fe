"""QR codes: module for module as the library draws them, and the PNG holds the same modules."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from qrcode.util import MODE_8BIT_BYTE, QRData

from portal.rendering import qr

LINK = "https://bill.example.org/b/kAbCdEfGhIjKlMnOpQrStUv"


def library(text: str, mask: int = qr.MASK) -> list[list[bool]]:
    """The oracle: qrcode itself, same level and mode, by default the same mask."""
    code: QRCode = QRCode(error_correction=ERROR_CORRECT_M, border=0, mask_pattern=mask)
    code.add_data(QRData(text.encode(), mode=MODE_8BIT_BYTE))
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.modules]


@pytest.mark.parametrize("length", [*range(90), 120, 180, 181, 213, 214, 400, 700, 1200, 1800, 2331])
def test_every_version_is_as_the_library_draws_it(length: int) -> None:
    """Lengths on both sides of every small version's limit, and of the longer counter (versions 10 and up)."""
    text = (LINK * 60)[:length]
    assert qr.matrix(text) == library(text)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
@settings(max_examples=60)
def test_any_text_is_as_the_library_draws_it(text: str) -> None:
    """Whatever the characters."""
    assert qr.matrix(text) == library(text)


def test_too_long_a_text_is_refused() -> None:
    """Version 40 at level M holds 2,331 bytes."""
    with pytest.raises(ValueError, match="too long"):
        qr.matrix("x" * 2332)


@pytest.mark.parametrize("scale", [1, 3, 4, 7])
@pytest.mark.parametrize("text", [LINK, "x", LINK * 3])
def test_the_png_shows_the_matrix_within_a_quiet_zone(text: str, scale: int) -> None:
    """Every pixel belongs to the right module, and the edge is white."""
    rows = qr.matrix(text)
    picture = Image.open(io.BytesIO(qr.png(text, scale)))
    size = len(rows) + 2 * qr.QUIET
    assert picture.size == (size * scale, size * scale)
    grey = picture.convert("L")
    for y in range(size * scale):
        for x in range(size * scale):
            row, column = y // scale - qr.QUIET, x // scale - qr.QUIET
            inside = 0 <= row < len(rows) and 0 <= column < len(rows)
            assert (grey.getpixel((x, y)) == 0) == (inside and rows[row][column])


def test_the_png_of_a_link_is_small() -> None:
    """It travels in every HIS answer."""
    assert len(qr.png(LINK)) < 1000


@given(st.text(st.sampled_from(LINK), max_size=100))
@settings(max_examples=20)
def test_vectors_cover_the_dark_modules_exactly_once(text: str) -> None:
    """The runs, and the path made of them."""
    size, runs = qr.runs(text)
    rows = [[False] * size for _ in range(size)]
    for x, y, length in runs:
        for column in range(x, x + length):
            assert not rows[y][column]
            rows[y][column] = True
    assert rows == qr.matrix(text)
    moves = re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", qr.path(text)[1])
    assert [tuple(map(int, move)) for move in moves] == runs


@pytest.mark.parametrize("quiet", [2, 4])
@pytest.mark.parametrize(
    "text", [LINK, "QP 7KM2 XPTA", "演示市人民医院" * 9, "otpauth://totp/%E9%99%88?secret=" + "A" * 160]
)
def test_the_drawing_is_of_the_text_on_white(text: str, quiet: int) -> None:
    """The modules are a code of these bytes at level M under one of the eight masks, within the quiet zone."""
    svg = ET.fromstring(qr.drawing(text, {"role": "img", "aria-label": '取票"<&'}, quiet))
    size = len(qr.matrix(text))
    assert svg.attrib == {
        "viewBox": f"0 0 {size + 2 * quiet} {size + 2 * quiet}",
        "role": "img",
        "aria-label": '取票"<&',
    }
    ground, path = svg
    assert (ground.tag, ground.get("fill"), ground.get("width"), ground.get("height")) == (
        "rect",
        "white",
        "100%",
        "100%",
    )
    assert path.get("fill") == "#000000" and "id" not in path.attrib
    dark = {(int(y) - quiet, int(x) - quiet) for x, y in re.findall(r"M(\d+),(\d+)H", path.attrib["d"])}
    drawn = [[(row, column) in dark for column in range(size)] for row in range(size)]
    assert any(drawn == library(text, mask) for mask in range(8))
