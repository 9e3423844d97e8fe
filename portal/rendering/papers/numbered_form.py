"""The print on a numbered paper form 纸质票据: the e-bill's data at the places of the form.

The form's title, lines and labels are pre-printed; ``underlay`` draws them as well, for plain paper and for a look
at the screen. Every printer feeds a little differently, so its offset moves everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from portal.domain.banner import Banner
from portal.domain.documents.bill import BillDocument
from portal.rendering.pdf import layout
from portal.rendering.pdf.compiled import Ink, Slot
from portal.rendering.pdf.contents import FORMS, Look, sheets
from portal.rendering.pdf.fitting import ELLIPSIS, LEADING, fit
from portal.rendering.pdf.fonts import FAMILIES
from portal.rendering.pdf.glyphs import UNITS, Uncovered, glyphs

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "forms"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
LABELS = (
    ("票据代码、号码：", 7, 22.6),
    ("电子票据：", 118, 22.6),
    ("交款人统一社会信用代码：", 7, 28.2),
    ("校验码：", 118, 28.2),
    ("交款人：", 7, 33.8),
    ("开票日期：", 118, 33.8),
    ("金额合计（大写）", 9, 97.2),
    ("（小写）", 145, 97.2),
    *((char, 9, 107 + 5 * place) for place, char in enumerate("其他信息")),
    ("收款单位（章）：", 7, 137),
    ("复核人：", 122, 137),
    ("收款人：", 166, 137),
)
"""Pre-printed labels with their places in millimetres."""


@dataclass(frozen=True, slots=True)
class PaperPrint:
    """One sheet to print: the e-bill, the sheet's code and number, who exchanged it; ``copy`` counts this print."""

    document: BillDocument
    sheet: str
    operator: str
    copy: int = 1


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a printer's print is moved to the right and down, in tenths of a millimetre."""

    x: int = 0
    y: int = 0


def pdf(
    prints: Sequence[PaperPrint],
    offset: Offset,
    *,
    banner: Banner,
    underlay: bool = False,
    insurance_whole: bool = False,
    at_once: bool = False,
) -> bytes:
    """Return the sheets, one a page. From its second print on a sheet says 补打. ``insurance_whole``: as in
    :class:`Look`; ``at_once``: as in :func:`layout.pdf`."""
    pages = []
    look = Look("supervised", supervised=False, insurance_whole=insurance_whole)
    for one in prints:
        document = one.document
        [face, *_] = sheets(document, look)
        pages.append(
            {
                "form": document.form if document.form in FORMS else "outpatient",
                "name": document.name.replace("（电子）", ""),
                "fields": face.fields,
                "sheet": one.sheet,
                "operator": one.operator,
                "again": one.copy if one.copy > 1 else 0,
            }
        )
    source = _environment.get_template("paper.html").render(
        title="纸质票据",
        pages=pages,
        x=offset.x / 10,
        y=offset.y / 10,
        families=FAMILIES,
        labels=LABELS,
        underlay=underlay,
        banner=banner,
    )
    return layout.pdf(source, to_scale=True, at_once=at_once)


_POINTS = 72 / 25.4
"""Points of a millimetre."""


def fitted(text: str, width: float, height: float, size: float, align: str) -> Markup:
    """Return a text as it stands in a box of millimetres, by the rule of the face: whole, else smaller, else in lines,
    else cut with an ellipsis. ``size`` in points; ``align``: left or right."""
    box = (0.0, 0.0, width * _POINTS, height * _POINTS)
    slot = Slot("", align, (1, 0, 0, 1, 0, 0), size, (Ink("", 1),), box)
    lines = fit((text,), slot, _advances(text + ELLIPSIS)).lines
    pitch = lines[0].size * LEADING
    above = (box[3] - len(lines) * pitch) / 2
    style = f"padding-top:{above:.2f}pt;font-size:{lines[0].size:.2f}pt;line-height:{pitch:.2f}pt"
    words = Markup("<br>").join("".join(part for _, part in line.parts) for line in lines)
    return Markup('<div style="{}">{}</div>').format(style, words)


def _advances(text: str) -> dict[str, int]:
    """Return the widths of the characters; of one that no font draws that of the box which stands for it."""
    known = glyphs()
    for char in set(text):
        with suppress(Uncovered):
            known.learn(char)
    return {char: known.advances.get(char, UNITS) for char in set(text)}


_environment.globals["fitted"] = fitted


def calibration_page(offset: Offset) -> bytes:
    """Return a calibration page: the form's lines, and crosses whose places it says."""
    crosses = [(left, top) for top in (20, 80, 140) for left in (20, 107, 195)]
    source = _environment.get_template("calibration.html").render(
        crosses=crosses, x=offset.x / 10, y=offset.y / 10, families=FAMILIES
    )
    return layout.pdf(source, to_scale=True)
