"""A small PDF writer: numbered objects, deflated streams, cross-reference table. Same objects, same bytes."""

from __future__ import annotations

import zlib
from hashlib import sha256

LEVEL = 6


def text(value: str) -> str:
    """Return a text string: PDFDocEncoding where it is ASCII, else UTF-16 with its mark; always in hexadecimal."""
    data = value.encode("ascii") if value.isascii() else b"\xfe\xff" + value.encode("utf-16-be")
    return f"<{data.hex()}>"


def number(value: float) -> str:
    """Return a coordinate with a thousandth of a point."""
    return f"{value:.3f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


class Writer:
    """Collects objects; :meth:`finish` gives the file. One per document, one thread at a time."""

    def __init__(self) -> None:
        self._objects: list[bytes] = []

    def reserve(self) -> int:
        """Return a number for an object that is written later."""
        self._objects.append(b"")
        return len(self._objects)

    def add(self, body: str, reserved: int = 0) -> int:
        """Add an object and return its number."""
        place = reserved or self.reserve()
        self._objects[place - 1] = body.encode("ascii")
        return place

    def stream(self, data: bytes, entries: str = "", level: int = LEVEL) -> int:
        """Return a stream, deflated here; ``entries`` are further members of its dictionary."""
        return self.deflated(zlib.compress(data, level), entries)

    def deflated(self, data: bytes, entries: str = "") -> int:
        """Return a stream whose data are deflated already."""
        place = self.reserve()
        head = f"<</Filter/FlateDecode/Length {len(data)}{entries}>>stream\n"
        self._objects[place - 1] = b"".join((head.encode("ascii"), data, b"\nendstream"))
        return place

    def finish(self, root: int, info: int) -> bytes:
        """Return the file. Its identity is a hash of the objects."""
        parts, offsets, position = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"], [], 15
        for place, body in enumerate(self._objects, 1):
            entry = b"%d 0 obj\n%b\nendobj\n" % (place, body)
            offsets.append(position)
            position += len(entry)
            parts.append(entry)
        identity = sha256(b"".join(parts)).hexdigest()[:32]
        table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
        parts.append(
            f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n{table}"
            f"trailer\n<</Size {len(offsets) + 1}/Root {root} 0 R/Info {info} 0 R/ID[<{identity}><{identity}>]>>\n"
            f"startxref\n{position}\n%%EOF\n".encode("ascii")
        )
        return b"".join(parts)
