"""A bill stamped into compiled forms: one font, one text stream a page, a vector QR code, the XML as a file inside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import md5

from portal.core.clock import local
from portal.rendering import qr
from portal.rendering.compiled import Ink, Page, Run, Slot
from portal.rendering.contents import Sheet
from portal.rendering.fitting import ELLIPSIS, fit
from portal.rendering.glyphs import Glyphs, glyphs, program, to_unicode, widths
from portal.rendering.pdf import Writer, number, text

ATTACHMENT = "einvoice.xml"
DESCRIPTION = "财政电子票据数据文件"
_SPACE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(slots=True)
class _Words:
    """A piece of a text stream: operators, then words to be shown (or none)."""

    operators: str
    words: str = ""


def stamp(pages: Sequence[tuple[Page, Sheet]], *, title: str, qr_text: str, xml: bytes, issued_at: datetime) -> bytes:
    """The PDF. Same input, same bytes. Raises :class:`~portal.rendering.glyphs.Uncovered`."""
    known = glyphs()
    streams = [_page_words(page, sheet, qr_text, known) for page, sheet in pages]
    chars = sorted({char for stream in streams for piece in stream for char in piece.words})
    codes = {ord(char): code for code, char in enumerate(chars, 1)}
    writer = Writer()
    root, tree = writer.reserve(), writer.reserve()
    resources = _resources(writer, pages, _font(writer, chars, known))
    below: dict[str, int] = {}
    kids = []
    for (page, sheet), stream in zip(pages, streams, strict=True):
        if sheet.form not in below:
            below[sheet.form] = writer.deflated(page.below)
        content = writer.stream(_encode(stream, codes) + _above(page, sheet))
        kids.append(
            writer.add(
                f"<</Type/Page/Parent {tree} 0 R/MediaBox[0 0 {number(page.width)} {number(page.height)}]"
                f"/Resources {resources} 0 R/Contents[{below[sheet.form]} 0 R {content} 0 R]>>"
            )
        )
    writer.add(f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(f'{kid} 0 R' for kid in kids)}]>>", tree)
    file = _attachment(writer, xml, issued_at)
    writer.add(
        f"<</Type/Catalog/Pages {tree} 0 R/Lang(zh-CN)/ViewerPreferences<</DisplayDocTitle true>>"
        f"/Names<</EmbeddedFiles<</Names[({ATTACHMENT}) {file} 0 R]>>>>/AF[{file} 0 R]>>",
        root,
    )
    info = writer.add(f"<</Title {text(title)}/Producer(Qupiao)/CreationDate({_time(issued_at)})>>")
    return writer.finish(root, info)


def _time(at: datetime) -> str:
    return local(at).strftime("D:%Y%m%d%H%M%S+08'00'")


def _attachment(writer: Writer, xml: bytes, issued_at: datetime) -> int:
    check = md5(xml, usedforsecurity=False).hexdigest()
    facts = f"<</Size {len(xml)}/CheckSum<{check}>/ModDate({_time(issued_at)})>>"
    data = writer.stream(xml, f"/Type/EmbeddedFile/Subtype/text#2Fxml/Params{facts}")
    return writer.add(
        f"<</Type/Filespec/F({ATTACHMENT})/UF({ATTACHMENT})/Desc {text(DESCRIPTION)}/AFRelationship/Data"
        f"/EF<</F {data} 0 R/UF {data} 0 R>>>>"
    )


def _font(writer: Writer, chars: list[str], known: Glyphs) -> int:
    outlines = writer.stream(program(known.charstrings(chars)), "/Subtype/CIDFontType0C")
    descriptor = writer.add(
        "<</Type/FontDescriptor/FontName/QPFACE+QupiaoFace/Flags 4/FontBBox[-200 -300 1200 1200]/ItalicAngle 0"
        f"/Ascent 880/Descent -120/CapHeight 733/StemV 80/FontFile3 {outlines} 0 R>>"
    )
    descendant = writer.add(
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/QPFACE+QupiaoFace/CIDSystemInfo"
        f"<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor {descriptor} 0 R"
        f"/DW 1000/W {widths(chars, known.advances)}>>"
    )
    unicode = writer.stream(to_unicode(chars))
    return writer.add(
        "<</Type/Font/Subtype/Type0/BaseFont/QPFACE+QupiaoFace/Encoding/Identity-H"
        f"/DescendantFonts[{descendant} 0 R]/ToUnicode {unicode} 0 R>>"
    )


def _resources(writer: Writer, pages: Sequence[tuple[Page, Sheet]], font: int) -> int:
    alphas = sorted({alpha for page, _ in pages for alpha in page.alphas})
    states = "".join(f"/ca{a:g}<</ca {a:g}>>/CA{a:g}<</CA {a:g}>>" for a in alphas)
    return writer.add(f"<</Font<</F {font} 0 R>>/ExtGState<<{states}>>>>")


def _page_words(page: Page, sheet: Sheet, qr_text: str, known: Glyphs) -> list[_Words]:
    """Everything written on a page, in reading order."""
    pieces: list[_Words] = []
    for item in page.items:
        if isinstance(item, Run):
            if not item.group or item.group in sheet.groups:
                pieces.append(_Words(_run(item), item.text))
                pieces.append(_Words(_end(item.ink)))
        elif item.key == "qr":
            pieces.append(_Words(_qr(item, qr_text)))
        else:
            value = sheet.fields.get(item.key)
            if value:
                _slot(pieces, item, (value,) if isinstance(value, str) else value, known)
    return pieces


@lru_cache(maxsize=4096)
def _run(run: Run) -> str:
    return f"{_begin(run.ink)}/F {number(run.size)} Tf {run.ink.colour} {_turn(run.matrix)} {_at(*run.matrix[4:])} Tm "


@lru_cache(maxsize=256)
def _begin(ink: Ink) -> str:
    return "BT " if ink.alpha == 1 else f"q /ca{ink.alpha:g} gs BT "


@lru_cache(maxsize=256)
def _end(ink: Ink) -> str:
    return "ET\n" if ink.alpha == 1 else "ET Q\n"


def _turn(matrix: tuple[float, ...]) -> str:
    return "1 0 0 1" if matrix[0] == 1 else " ".join(f"{part:.5g}" for part in matrix[:4])


def _at(x: float, y: float) -> str:
    return f"{x:.2f} {y:.2f}"


def _slot(pieces: list[_Words], slot: Slot, texts: tuple[str, ...], known: Glyphs) -> None:
    texts = tuple(_SPACE.sub(" ", part) for part in texts)
    for part in texts:
        known.learn(part)
    known.learn(ELLIPSIS)
    setting = fit(texts, slot, known.advances)
    first = slot.inks[0]
    if not setting.whole:
        actual = "".join(texts).encode("utf-16-be").hex()
        pieces.append(_Words(f"/Span<</ActualText<feff{actual}>>>BDC "))
    for line in setting.lines:
        pieces.append(
            _Words(f"{_begin(first)}/F {number(line.size)} Tf {_turn(slot.matrix)} {_at(line.x, line.y)} Tm ")
        )
        for ink, words in line.parts:
            pieces.append(_Words(f"{slot.inks[ink].colour} ", words))
        pieces.append(_Words(_end(first)))
    if not setting.whole:
        pieces.append(_Words("EMC\n"))


def _qr(slot: Slot, qr_text: str) -> str:
    """The code as one filled path, with a module of margin inside the slot (the paper around is white)."""
    size, runs = qr.runs(qr_text)
    left, _, _, top = slot.box
    module = (slot.box[2] - left) / (size + 2)
    rectangles = "".join(f"{x} {y} {length} 1 re\n" for x, y, length in runs)
    place = f"{module:.5f} 0 0 {-module:.5f} {left + module:.3f} {top - module:.3f}"
    return f"q 0 g {place} cm\n{rectangles}f Q\n"


def _encode(stream: list[_Words], codes: dict[int, int]) -> bytes:
    parts = []
    for piece in stream:
        parts.append(piece.operators)
        if piece.words:
            parts.append(f"<{piece.words.translate(codes).encode('utf-16-be').hex()}>Tj ")
    return "".join(parts).encode("ascii")


def _above(page: Page, sheet: Sheet) -> bytes:
    return "\n".join(drawing for group, drawing in page.above.items() if not group or group in sheet.groups).encode(
        "ascii"
    )
