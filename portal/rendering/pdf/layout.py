"""WeasyPrint, loaded by the first page that it lays out: otherwise a third of what every process loads at start."""

from __future__ import annotations

import io
import struct
from typing import Any

import uharfbuzz as hb


def lay_out(source: str) -> Any:
    """Return the laid-out document of an HTML text. Fetches nothing."""
    from weasyprint import HTML
    from weasyprint.text.fonts import FontConfiguration

    return HTML(string=source, url_fetcher=_refuse).render(font_config=FontConfiguration())


def pdf(source: str, to_scale: bool = False, *, tagged: bool = False, at_once: bool = False) -> bytes:
    """Return the PDF of an HTML text, with fonts of no more than its characters.

    ``to_scale``: a viewer prints it in its true size, which matters on a form: its offset mends no scale. ``tagged``: a
    screen reader finds headings and the cells of tables. ``at_once``: a viewer prints it as soon as it is open.
    """

    def finish(_document: Any, file: Any) -> None:
        for item in file.objects:
            extra = getattr(item, "extra", {})
            if extra.get("Subtype") == "/OpenType":
                item.stream = [_outlines(b"".join(item.stream))]
                extra["Subtype"] = "/CIDFontType0C"
        if to_scale:
            file.catalog["ViewerPreferences"] = "<</PrintScaling/None>>"
        if at_once:
            file.catalog["OpenAction"] = "<</S/Named/N/Print>>"

    return bytes(lay_out(source).write_pdf(finisher=finish, pdf_tags=tagged) or b"")


def _outlines(font: bytes) -> bytes:
    """Return the CFF program of a font's glyphs alone.

    WeasyPrint's subset keeps a place for each of the 65,000 glyphs of a font, which is 150 kB of empty places; the
    program is CID-keyed, so that the numbers of the glyphs that are left stay.
    """
    face = hb.Face(hb.Blob(font))
    (count,) = struct.unpack(">H", face.reference_table("hhea").data[34:36])
    advances = struct.unpack(f">{2 * count}H", face.reference_table("hmtx").data[: 4 * count])[::2]
    known = hb.Font(face)
    wanted = hb.SubsetInput()
    wanted.glyph_set.update({0, *(glyph for glyph, advance in enumerate(advances) if advance)})
    wanted.glyph_set.update(known.get_nominal_glyph(point) for point in face.unicodes)
    wanted.flags = hb.SubsetFlags.DESUBROUTINIZE | hb.SubsetFlags.NO_HINTING
    return bytes(hb.subset(face, wanted).reference_table("CFF ").data)


def attachment(data: bytes, name: str, description: str) -> Any:
    """Return a file to be embedded by ``lay_out(…).write_pdf(…)`` as the data of the page."""
    from weasyprint import Attachment

    return Attachment(file_obj=io.BytesIO(data), name=name, description=description, relationship="Data")


def _refuse(*_: object, **__: object) -> dict[str, object]:
    raise ValueError("a page fetches nothing")
