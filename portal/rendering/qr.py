"""QR codes of byte texts at level M: a drawing for a page, and what the issuing path needs of them.

:func:`drawing` is ``qrcode``'s own, for pages and papers that one person looks at. Where a bill is issued (the answer
to a HIS, the stamped face) the library supplies blanks, block sizes and Galois tables, and the filling is ours: an
eighth of the library's time with a fixed mask, which is a fifth of its time with the best. A test
compares every version with the library, module by module.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from qrcode.base import gexp, glog, rs_blocks
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from qrcode.util import MODE_8BIT_BYTE, QRData

QUIET = 4
"""Modules of quiet zone that readers want around a code."""
MASK = 2
"""Fixed: readers do not care, and choosing costs five times the drawing."""


@dataclass(frozen=True, slots=True)
class _Version:
    size: int
    blocks: tuple[tuple[int, int], ...]
    """Data and error-correction bytes of each block."""
    blank: bytes
    """One byte a module: function modules, and the mask where data go."""
    order: tuple[int, ...]
    """Where the data bits go, one after the other."""


@lru_cache(maxsize=40)
def _capacity(version: int) -> int:
    return sum(block.data_count for block in rs_blocks(version, ERROR_CORRECT_M))


@lru_cache(maxsize=40)
def _version(version: int) -> _Version:
    code: QRCode[Any] = QRCode(version=version, error_correction=ERROR_CORRECT_M, border=0, mask_pattern=MASK)
    code.data_cache = []
    code.makeImpl(False, MASK)
    size, masked = (
        code.modules_count,
        bytes(bool(module) for row in code.modules for module in row),
    )
    code.modules = [[None] * size for _ in range(size)]
    for row, column in ((0, 0), (size - 7, 0), (0, size - 7)):
        code.setup_position_probe_pattern(row, column)
    code.setup_position_adjust_pattern()
    code.setup_timing_pattern()
    code.setup_type_info(False, MASK)
    if version >= 7:
        code.setup_type_number(False)
    order, upward = [], True
    for right in (*range(size - 1, 6, -2), 5, 3, 1):
        for row in range(size - 1, -1, -1) if upward else range(size):
            order += [row * size + column for column in (right, right - 1) if code.modules[row][column] is None]
        upward = not upward
    blocks = tuple((b.data_count, b.total_count - b.data_count) for b in rs_blocks(version, ERROR_CORRECT_M))
    return _Version(size, blocks, masked, tuple(order))


@lru_cache(maxsize=40)
def _products(count: int) -> tuple[int, ...]:
    """Return the generator polynomial of ``count`` bytes (its leading 1 left out) times every byte, as big integers."""
    generator = [1]
    for power in range(count):
        shifted = [0, *(gexp(glog(factor) + power) for factor in generator)]
        generator = [a ^ b for a, b in zip([*generator, 0], shifted, strict=True)]
    logs = [glog(factor) for factor in generator[1:]]
    return 0, *(int.from_bytes([gexp(log + glog(byte)) for log in logs]) for byte in range(1, 256))


def _correction(data: bytes, count: int) -> bytes:
    products, mask, top, rest = _products(count), (1 << 8 * count) - 1, 8 * count - 8, 0
    for byte in data:
        rest = (rest << 8 & mask) ^ products[rest >> top ^ byte]
    return rest.to_bytes(count)


def _rows(text: str) -> list[bytes]:
    data = text.encode()
    wanted = len(data) + 2
    number = next((n for n in range(1, 41) if _capacity(n) >= wanted + (n > 9)), 0)
    if not number:
        raise ValueError("text too long for a QR code")
    version, counter = _version(number), 16 if number > 9 else 8
    head = (4 << counter | len(data)) << 8 * len(data) | int.from_bytes(data)
    codewords = (head << 4).to_bytes(wanted + (number > 9)).ljust(_capacity(number), b"\x00")
    padding = _capacity(number) - wanted - (number > 9)
    codewords = codewords[: len(codewords) - padding] + (b"\xec\x11" * (padding // 2 + 1))[:padding]
    blocks, start = [], 0
    for count, extra in version.blocks:
        block = codewords[start : start + count]
        blocks.append((block, _correction(block, extra)))
        start += count
    longest = max(count for count, _ in version.blocks)
    stream = [block[place] for place in range(longest) for block, _ in blocks if place < len(block)]
    stream += [extra[place] for place in range(version.blocks[0][1]) for _, extra in blocks]
    modules = bytearray(version.blank)
    # The few modules after the last bit keep the mask alone, as the standard says.
    for place, bit in zip(version.order, f"{int.from_bytes(stream):0{8 * len(stream)}b}", strict=False):
        if bit == "1":
            modules[place] ^= 1
    return [bytes(modules[row : row + version.size]) for row in range(0, len(modules), version.size)]


def drawing(text: str, attributes: Mapping[str, str] | None = None, quiet: int = QUIET) -> Markup:
    """Draw ``text`` on white as an SVG element, as large as the page makes it; ``attributes`` are the element's."""
    from qrcode.image.svg import SvgPathFillImage  # with it comes what draws: not for those who only issue

    code = QRCode(error_correction=ERROR_CORRECT_M, border=quiet, image_factory=SvgPathFillImage)
    code.add_data(QRData(text.encode(), MODE_8BIT_BYTE))  # type: ignore[call-overload]  # their constant is an int
    code.make()
    svg = code.make_image().get_image()
    box = svg.attrib["viewBox"]
    svg.attrib.clear()  # of its size in millimetres, and of what only a file of its own needs
    svg.attrib.update({"viewBox": box} | dict(attributes or {}))
    for part in svg:
        part.attrib.pop("id", None)  # a paper holds several codes
    return Markup(ET.tostring(svg, encoding="unicode"))  # noqa: S704 - serialised, so escaped


def matrix(text: str) -> list[list[bool]]:
    """Return the modules of ``text`` (UTF-8) at level M, without quiet zone. Raises ValueError above 2,331 bytes."""
    return [[module == 1 for module in row] for row in _rows(text)]


def runs(text: str) -> tuple[int, list[tuple[int, int, int]]]:
    """Size in modules, and the dark runs of every row as ``(x, y, length)``: what a vector drawing fills."""
    rows, found = _rows(text), []
    for y, row in enumerate(rows):
        end = 0
        while (start := row.find(1, end)) >= 0:
            end = row.find(0, start)
            end = len(row) if end < 0 else end
            found.append((start, y, end - start))
    return len(rows), found


def path(text: str) -> tuple[int, str]:
    """Size in modules and an SVG path of the dark runs, quiet zone not included."""
    size, found = runs(text)
    return size, "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in found)


def png(text: str, scale: int = 4) -> bytes:
    """Return a black-and-white PNG of ``scale`` pixels a module, with a quiet zone of four modules."""
    rows = _rows(text)
    size = (len(rows) + 2 * QUIET) * scale
    width = (size + 7) // 8
    blank, quiet = b"\x00" + b"\xff" * width, "1" * (QUIET * scale)
    dark_and_light = {0: "1" * scale, 1: "0" * scale}
    lines = [blank * (QUIET * scale)]
    for row in rows:
        bits = quiet + row.decode("latin-1").translate(dark_and_light) + quiet
        line = int(bits.ljust(width * 8, "1"), 2).to_bytes(width)
        lines.append((b"\x00" + line) * scale)
    lines.append(blank * (QUIET * scale))
    head = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    chunks = (
        (b"IHDR", head),
        (b"IDAT", zlib.compress(b"".join(lines), 6)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
