"""How a text stands in its slot: whole if it fits, else smaller, else in lines, else cut with an ellipsis.

* A text that is too wide is set smaller, in steps down to :data:`LEAST`; at each size it may take as many lines as
  the slot is high.
* What even then has no room is cut and ends in ``…``; the whole text stays in the file for search and copying.
* Figures (slots set to the right) are never cut nor broken: they are set as small as needed, on one line.
* No text ever leaves its slot, so none overlaps another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from portal.rendering.pdf.compiled import Slot

STEPS = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58)
LEAST = STEPS[-1]
LEADING = 1.1
ELLIPSIS = "…"


class Line(NamedTuple):
    """Where a line begins, in points, and its parts: index of the ink, text."""

    x: float
    y: float
    size: float
    parts: tuple[tuple[int, str], ...]


class Setting(NamedTuple):
    """The lines of a text; ``whole`` is False when their sequence is not the text itself, as it is to be found."""

    lines: tuple[Line, ...]
    whole: bool


def fit(texts: tuple[str, ...], slot: Slot, advances: Mapping[str, int]) -> Setting:
    """Set ``texts`` (the value, or label and value) in ``slot``. ``advances`` knows every character."""
    text = "".join(texts)
    left, bottom, right, top = slot.box
    start = slot.matrix[4] if slot.align == "left" else left
    room = right - start
    width = sum(map(advances.__getitem__, text)) * slot.size / 1000
    if slot.turned:  # centred on its middle
        x = slot.matrix[4] - slot.matrix[0] * width / 2
        y = slot.matrix[5] - slot.matrix[1] * width / 2
        return Setting((Line(x, y, slot.size, _parts(texts, 0, len(text))),), True)
    if width <= room:
        return Setting((_line(texts, (0, len(text), width), slot, start, slot.matrix[5], 1),), True)
    if slot.align == "right":
        return Setting(_place(texts, [(0, len(text), width)], slot, start, room / width), True)
    for scale in STEPS:
        most = max(1, int((top - bottom) / (slot.size * scale * LEADING)))
        if width * scale <= room * most:
            lines = _break(text, room / (slot.size * scale) * 1000, advances)
            if len(lines) <= most:
                measured = [(a, b, w * slot.size / 1000) for a, b, w in lines]
                return Setting(_place(texts, measured, slot, start, scale), len(lines) == 1)
    return _cut(texts, slot, start, room, advances)


def _cut(texts: tuple[str, ...], slot: Slot, start: float, room: float, advances: Mapping[str, int]) -> Setting:
    text = "".join(texts)
    most = max(1, int((slot.box[3] - slot.box[1]) / (slot.size * LEAST * LEADING)))
    thousandths = room / (slot.size * LEAST) * 1000
    lines = _break(text, thousandths, advances)[:most]
    first, last, width = lines[-1]
    while last > first and width + advances[ELLIPSIS] > thousandths:
        last -= 1
        width -= advances[text[last]]
    lines[-1] = (first, last, width + advances[ELLIPSIS])
    measured = [(a, b, w * slot.size / 1000) for a, b, w in lines]
    placed = list(_place(texts, measured, slot, start, LEAST))
    end = placed[-1]
    placed[-1] = Line(end.x, end.y, end.size, (*end.parts, (len(texts) - 1, ELLIPSIS)))
    return Setting(tuple(placed), False)


def _break(text: str, room: float, advances: Mapping[str, int]) -> list[tuple[int, int, float]]:
    """Lines as (first, end, width), widths in thousandths. Latin words and numbers stay whole where a line has room."""
    lines, first, width, at = [], 0, 0.0, 0
    while at < len(text):
        advance = advances[text[at]]
        if width + advance > room and at > first:
            back = at
            while back > first and _sticks(text[back - 1], text[back]):
                back -= 1
            end = back if back - first > (at - first) // 2 else at
            lines.append((first, end, float(sum(advances[char] for char in text[first:end]))))
            first, width, at = end, 0.0, end
            continue
        width += advance
        at += 1
    lines.append((first, at, width))
    return lines


def _sticks(before: str, after: str) -> bool:
    return before.isascii() and after.isascii() and before != " " and after != " "


def _place(
    texts: tuple[str, ...], lines: list[tuple[int, int, float]], slot: Slot, start: float, scale: float
) -> tuple[Line, ...]:
    """Return the lines around the middle of the slot."""
    middle = (slot.box[1] + slot.box[3]) / 2
    pitch = slot.size * scale * LEADING
    base = middle + (slot.matrix[5] - middle) * scale + (len(lines) - 1) / 2 * pitch
    return tuple(_line(texts, line, slot, start, base - place * pitch, scale) for place, line in enumerate(lines))


def _line(
    texts: tuple[str, ...], line: tuple[int, int, float], slot: Slot, start: float, y: float, scale: float
) -> Line:
    first, end, width = line[0], line[1], line[2] * scale
    if slot.align == "right":
        start = slot.box[2] - width
    elif slot.align == "center":
        start = (slot.box[0] + slot.box[2] - width) / 2
    return Line(start, y, slot.size * scale, _parts(texts, first, end))


def _parts(texts: tuple[str, ...], first: int, end: int) -> tuple[tuple[int, str], ...]:
    if len(texts) == 1:
        return ((0, texts[0][first:end]),)
    parts, begin = [], 0
    for ink, text in enumerate(texts):
        piece = text[max(first - begin, 0) : max(end - begin, 0)]
        if piece:
            parts.append((ink, piece))
        begin += len(text)
    return tuple(parts)
