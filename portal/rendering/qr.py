"""QR codes: the matrix by ``qrcode`` with a fixed mask, drawn as vectors; a small PNG where the contract wants one."""

from __future__ import annotations

import struct
import zlib

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

QUIET = 4


def matrix(text: str) -> list[list[bool]]:
    """The modules of ``text`` at level M, without quiet zone. The mask is fixed: choosing the best costs five times
    as much and readers do not care (measurements §8)."""
    code: QRCode = QRCode(error_correction=ERROR_CORRECT_M, border=0, mask_pattern=2)
    code.add_data(text, optimize=0)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.modules]


def path(text: str) -> tuple[int, str]:
    """Size in modules and an SVG path of unit squares merged per row, quiet zone not included."""
    rows = matrix(text)
    runs = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                runs.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            x += 1
    return len(rows), "".join(runs)


def png(text: str, scale: int = 4) -> bytes:
    """A black-and-white PNG with a quiet zone of four modules."""
    rows = matrix(text)
    size = (len(rows) + 2 * QUIET) * scale
    width = (size + 7) // 8
    blank = b"\x00" + b"\xff" * width
    lines = [blank * (QUIET * scale)]
    for row in rows:
        bits = "1" * (QUIET * scale) + "".join(("0" if dark else "1") * scale for dark in row) + "1" * (QUIET * scale)
        line = int(bits.ljust(width * 8, "1"), 2).to_bytes(width, "big")
        lines.append((b"\x00" + line) * scale)
    lines.append(blank * (QUIET * scale))
    head = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(lines), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
