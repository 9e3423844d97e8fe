"""A form compiled to what a stamp needs: its drawing, its words, and its slots, read from WeasyPrint's own PDF.

The blank form is laid out once. Its content stream holds every line, label and marker at its final place; links give
the room of each slot. Everything that this reader does not know is an error, never left out in silence.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from math import hypot, isclose
from threading import Lock
from typing import Any

from portal.rendering.pdf import templates, writer
from portal.rendering.pdf.glyphs import Glyphs, glyphs
from portal.rendering.pdf.layout import lay_out

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""
_PIXEL = 0.75
"""Points of a CSS pixel."""


class FormError(ValueError):
    """WeasyPrint drew the form with something that the reader does not know."""


@dataclass(frozen=True, slots=True)
class Ink:
    """Colour operator and opacity of a text."""

    colour: str
    alpha: float


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Words of the form itself. ``matrix`` turns and places them, in points; ``group``: shown with it only."""

    matrix: Matrix
    size: float
    ink: Ink
    text: str
    group: str

    @property
    def turned(self) -> bool:
        """Whether it stands askew."""
        return not isclose(self.matrix[1], 0, abs_tol=1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Room for one text. ``inks``: of the text, or of label and value."""

    key: str
    align: str
    matrix: Matrix
    size: float
    inks: tuple[Ink, ...]
    box: Box

    @property
    def turned(self) -> bool:
        """Whether it stands askew; such a text is never fitted."""
        return not isclose(self.matrix[1], 0, abs_tol=1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A compiled form: drawing below the words (deflated), words and slots in reading order, drawing above them."""

    width: float
    height: float
    below: bytes
    items: tuple[Run | Slot, ...]
    above: dict[str, str]
    """By group; the group ``""`` is always shown."""
    alphas: frozenset[float]
    chars: frozenset[str]


_lock = Lock()


def page(form: str, imprint: templates.Imprint) -> Page:
    """Return the compiled form with this imprint, made on first use. Raises :class:`FormError`."""
    with _lock:
        return _compile(form, imprint)


@lru_cache(256)
def _compile(form: str, imprint: templates.Imprint) -> Page:
    source, keys = templates.blank(form, imprint)
    return compiled(source, keys, glyphs())


def compiled(source: str, keys: list[str], known: Glyphs) -> Page:
    """Return the compiled form of an HTML text with markers, drawn with these glyphs. Raises :class:`FormError`.

    ``keys``: key and alignment of each marker; a slot is a link to ``field:`` and its key and alignment.
    """
    document = lay_out(source)
    if len(document.pages) != 1:
        raise FormError(f"one page wanted, {len(document.pages)} laid out")
    height = document.pages[0].height * _PIXEL
    found: dict[str, Any] = {}
    document.write_pdf(finisher=lambda _, file: found.update(_contents(file)))
    reader = _Reader(keys, _boxes(document.pages[0].links, height), known, _characters(source, known))
    reader.objects = found["objects"]
    reader.read(found["stream"], found["resources"], _State())
    chars = {char for item in reader.items if isinstance(item, Run) for char in item.text}
    known.learn(chars)
    return Page(
        width=document.pages[0].width * _PIXEL,
        height=height,
        below=zlib.compress(reader.drawing.text().encode("ascii"), 9),
        items=tuple(reader.items),
        above={group: drawing.text() for group, drawing in reader.above.items()},
        alphas=frozenset(reader.alphas),
        chars=frozenset(chars),
    )


def _boxes(links: Any, height: float) -> dict[str, Box]:
    """Return the room of each slot, in points. A slot and the label in it are links of their own; the outermost
    counts."""
    boxes: dict[str, Box] = {}
    for _, target, (x1, y1, x2, y2), *_ in links:
        name = target.removeprefix("field:")
        box = x1 * _PIXEL, height - y2 * _PIXEL, x2 * _PIXEL, height - y1 * _PIXEL
        known = boxes.get(name, box)
        boxes[name] = (*map(min, known[:2], box[:2]), *map(max, known[2:], box[2:]))
    return boxes


def _characters(source: str, known: Glyphs) -> dict[int, str]:
    """Return the character of each glyph number, among those of the form. Raises :class:`FormError`."""
    numbers: dict[int, str] = {}
    for char in sorted(set(source), reverse=True):
        number = known.of_first(char)
        if number is not None:
            numbers[number] = char
        elif not char.isspace():
            raise FormError(f"the first font has no {char!r}")
    return numbers


def _contents(file: Any) -> dict[str, Any]:
    """Content stream and resources of the only page, and all objects by number."""
    objects = {item.number: item for item in file.objects}
    (sheet,) = (item for item in file.objects if isinstance(item, dict) and item.get("Type") == "/Page")
    stream = objects[_reference(sheet["Contents"])]
    return {"objects": objects, "stream": stream, "resources": objects[_reference(sheet["Resources"])]}


def _reference(value: Any) -> int:
    text = value.decode() if isinstance(value, bytes) else str(value)
    return int(text.split()[0])


def _times(left: Matrix, right: Matrix) -> Matrix:
    a, b, c, d, e, f = left
    g, h, i, j, k, m = right
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


@dataclass(slots=True)
class _State:
    matrix: Matrix = (1, 0, 0, 1, 0, 0)
    colour: str = "0 0 0 rg"
    fill_alpha: float = 1
    stroke_alpha: float = 1
    outer: float = 1
    """Opacity of the groups around."""
    group: str = ""

    def copy(self) -> _State:
        return _State(self.matrix, self.colour, self.fill_alpha, self.stroke_alpha, self.outer, self.group)


@dataclass(slots=True)
class _Drawing:
    """Drawing operators; what paints nothing is dropped when its ``Q`` comes."""

    lines: list[str] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    painted: list[bool] = field(default_factory=lambda: [False])

    def add(self, line: str, paints: bool = False) -> None:
        self.lines.append(line)
        self.painted[-1] |= paints

    def save(self) -> None:
        self.open.append(len(self.lines))
        self.painted.append(False)
        self.lines.append("q")

    def restore(self) -> None:
        start, painted = self.open.pop(), self.painted.pop()
        if painted:
            self.lines.append("Q")
            self.painted[-1] = True
        else:
            del self.lines[start:]

    def text(self) -> str:
        return "\n".join(["q", *self.lines, "Q"]) if self.painted[0] else ""


_COPIED = frozenset(["w", "J", "j", "M", "d", "re", "m", "l", "c", "v", "y", "h", "W", "W*", "n", "RG", "G", "g", "rg"])
_PAINTS = frozenset(["S", "s", "f", "f*", "F", "B", "B*", "b", "b*"])
_STRING = re.compile(r"<([0-9a-fA-F]*)>|(-?[0-9.]+)")
_DECIMAL = re.compile(r"-?\d+\.\d*")


class _Reader:
    def __init__(self, keys: list[str], boxes: dict[str, Box], known: Glyphs, numbers: dict[int, str]) -> None:
        self._keys, self._boxes, self._known, self._numbers = keys, boxes, known, numbers
        self.objects: dict[int, Any] = {}
        self.items: list[Run | Slot] = []
        self.drawing = _Drawing()
        self.above: dict[str, _Drawing] = {}
        self.alphas: set[float] = set()

    def read(self, stream: Any, resources: Any, state: _State) -> str:
        """Read one content stream; returns the group that a marker in it names."""
        stack: list[_State] = []
        size, text_matrix, group = 0.0, state.matrix, state.group
        for line in b"\n".join(_bytes(part) for part in stream.stream).decode("ascii").split("\n"):
            *operands, operator = line.split() or [""]
            if operator in ("BT", "ET", "Tr", ""):
                if operator == "Tr" and operands != ["0"]:
                    raise FormError("text that is not filled")
            elif operator == "q":
                stack.append(state.copy())
                self.drawing.save()
            elif operator == "Q":
                state = stack.pop()
                self.drawing.restore()
            elif operator == "cm":
                state.matrix = _times(_matrix(operands), state.matrix)
                self.drawing.add(_short(line))
            elif operator == "Tm":
                text_matrix = _times(_matrix(operands), state.matrix)
            elif operator == "Tf":
                size = float(operands[1])
            elif operator in ("TJ", "Tj"):
                named = self._text(line, text_matrix, size, state)
                if named:
                    group = state.group = named
                    for saved in stack:
                        saved.group = named
            elif operator == "gs":
                self._graphics_state(resources["ExtGState"][operands[0][1:]], state)
            elif operator == "Do":
                self._form(operands[0][1:], resources, state)
            elif operator in _COPIED or operator in _PAINTS:
                if operator == "rg":
                    state.colour = _short(line)
                self.drawing.add(_short(line), operator in _PAINTS)
            else:
                raise FormError(f"unknown drawing operator {line[:60]!r}")
        return group

    def _graphics_state(self, entries: Any, state: _State) -> None:
        for name, value in entries.items():
            alpha = round(float(value) * state.outer, 3)
            if name == "ca":
                state.fill_alpha = alpha
            elif name == "CA":
                state.stroke_alpha = alpha
            else:
                raise FormError(f"unknown graphics state {name}")
            self.alphas.add(alpha)
            self.drawing.add(f"/{name}{alpha:g} gs")

    def _form(self, name: str, resources: Any, state: _State) -> None:
        """Read a group: its drawing goes above the words, alone, so that it may be left out."""
        entry = resources["XObject"][name]
        form = self.objects[_reference(entry)] if not hasattr(entry, "stream") else entry
        if form.extra.get("Subtype") != "/Form":
            raise FormError("a picture")
        inner = form.extra["Resources"]
        inner = inner if isinstance(inner, dict) else self.objects[_reference(inner)]
        outside, first = self.drawing, len(self.items)
        self.drawing = _Drawing()
        self.drawing.add(
            " ".join(map(writer.number, state.matrix[:4])) + f" {state.matrix[4]:.3f} {state.matrix[5]:.3f} cm"
        )
        nested = state.copy()
        nested.outer = state.fill_alpha
        group = self.read(form, inner, nested)
        for place in range(first, len(self.items)):
            item = self.items[place]
            if isinstance(item, Run):
                self.items[place] = Run(item.matrix, item.size, item.ink, item.text, group)
        known = self.above.get(group)
        if known is None:
            self.above[group] = self.drawing
        else:
            known.lines += ["Q", "q", *self.drawing.lines]
            known.painted[0] |= self.drawing.painted[0]
        self.drawing = outside

    def _text(self, line: str, matrix: Matrix, size: float, state: _State) -> str:
        """One line of words, a slot's marker, or the name of a group, which is returned."""
        scale = hypot(matrix[0], matrix[1])
        ink = Ink(state.colour, state.fill_alpha)
        pieces: list[tuple[float, str]] = []
        offset = 0.0
        advances = self._known.advances
        for digits, shift in _STRING.findall(line):
            if shift:
                offset -= float(shift)
                continue
            text = "".join(self._character(digits[at : at + 4]) for at in range(0, len(digits), 4))
            self._known.learn(text)
            pieces.append((offset, text))
            offset += sum(advances[char] for char in text)
        whole = "".join(text for _, text in pieces)
        turn = (matrix[0] / scale, matrix[1] / scale, matrix[2] / scale, matrix[3] / scale)
        if whole.startswith(templates.MARKER):
            return self._marker(whole, (*turn, matrix[4], matrix[5]), size * scale, ink, offset / 1000 * size * scale)
        for shift, text in pieces:
            move = shift / 1000 * size
            place = (matrix[4] + move * matrix[0], matrix[5] + move * matrix[1])
            self.items.append(Run((*turn, *place), round(size * scale, 3), ink, text, state.group))
        return ""

    def _character(self, digits: str) -> str:
        try:
            return self._numbers[int(digits, 16)]
        except KeyError as error:
            raise FormError("a glyph that is no character of the form: a font feature or another font") from error

    def _marker(self, text: str, matrix: Matrix, size: float, ink: Ink, width: float) -> str:
        name = self._keys[int(text[len(templates.MARKER) :])]
        if name.startswith("when."):
            return name.removeprefix("when.")
        key, align = name.split(";")
        last = self.items[-1] if self.items else None
        if isinstance(last, Slot) and last.key == key:  # the value of a pair
            self.items[-1] = Slot(key, align, last.matrix, last.size, (*last.inks, ink), last.box)
            return ""
        if name not in self._boxes:
            raise FormError(f"slot {key}: no link was laid out")
        slot = Slot(key, align, matrix, round(size, 3), (ink,), self._boxes[name])
        if slot.turned:  # centred, so that the marker's middle is the text's
            place = (matrix[4] + matrix[0] * width / 2, matrix[5] + matrix[1] * width / 2)
            slot = Slot(key, align, (*matrix[:4], *place), slot.size, slot.inks, slot.box)
        self.items.append(slot)
        return ""


def _bytes(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    data = getattr(part, "data", None)
    return data if isinstance(data, bytes) else str(part).encode("ascii")


def _matrix(operands: list[str]) -> Matrix:
    a, b, c, d, e, f = map(float, operands)
    return a, b, c, d, e, f


def _short(line: str) -> str:
    """Numbers with at most four decimals."""
    return _DECIMAL.sub(lambda match: f"{float(match.group()):.4f}".rstrip("0").rstrip("."), line)
