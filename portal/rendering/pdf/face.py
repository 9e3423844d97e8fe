"""The face of a bill as PDF and PNG, made from the signed document.

Two ways to the same page: :meth:`FaceRenderer.pdf` stamps the bill into the compiled form; :meth:`FaceRenderer.plain`
lets WeasyPrint lay out the filled form. The second is the oracle of the tests and of the benchmark, and stands in
where the first has no compiled form.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from threading import Lock

import pypdfium2
import structlog
from PIL import Image

from portal.domain.banner import Banner
from portal.domain.documents.bill import BillDocument
from portal.rendering.pdf import templates
from portal.rendering.pdf.compiled import FormError, page
from portal.rendering.pdf.contents import FURTHER, LIST, Look, sheets
from portal.rendering.pdf.glyphs import Uncovered
from portal.rendering.pdf.layout import attachment, lay_out
from portal.rendering.pdf.stamp import ATTACHMENT, DESCRIPTION, stamp
from portal.rendering.pdf.templates import Imprint

log = structlog.get_logger()
_pdfium = Lock()
"""pdfium keeps state of its own: one thread at a time."""


class FaceRenderer:
    """Draws faces. Safe for many threads: compiled forms and glyphs are shared, everything else is the call's own."""

    def __init__(self, banner: Banner, insurance_whole: bool = False) -> None:
        self._banner = banner
        self._insurance_whole = insurance_whole

    def pdf(
        self,
        document: BillDocument,
        *,
        state: str,
        qr_text: str,
        xml: bytes,
        supervised: bool,
        exchanged: bool = False,
    ) -> bytes:
        """Return the bill as PDF: face, list pages, and ``einvoice.xml`` as an associated file.

        ``state``: a BillState value; ``exchanged``: a paper bill stands for it. Same arguments, same bytes.
        """
        look = Look(state, supervised, exchanged, self._insurance_whole)
        try:
            return self.stamped(document, look, qr_text=qr_text, xml=xml)
        except (FormError, Uncovered) as reason:
            log.warning("face.plain", form=document.form, reason=type(reason).__name__)
            return self.plain(document, look, qr_text=qr_text, xml=xml)

    def stamped(self, document: BillDocument, look: Look, *, qr_text: str, xml: bytes) -> bytes:
        """By the compiled form. Raises FormError without one, Uncovered for a character that no font draws."""
        imprints = dict.fromkeys((LIST, FURTHER), Imprint(self._banner))
        face = self._imprint(document)
        pages = [(page(sheet.form, imprints.get(sheet.form, face)), sheet) for sheet in sheets(document, look)]
        return stamp(pages, title=_title(document), qr_text=qr_text, xml=xml, issued_at=document.issued_at)

    def plain(self, document: BillDocument, look: Look, *, qr_text: str, xml: bytes) -> bytes:
        """By WeasyPrint alone: the same form, about a hundred times slower, with whole fonts of the system."""
        source = templates.filled(_title(document), sheets(document, look), qr_text, self._imprint(document))
        return bytes(lay_out(source).write_pdf(attachments=[attachment(xml, ATTACHMENT, DESCRIPTION)]) or b"")

    def _imprint(self, document: BillDocument) -> Imprint:
        """Take the names in the seals from the signed document, so that the picture says what was signed."""
        unit, supervision = document.unit_seal, document.supervisor_seal
        return Imprint(self._banner, unit.name if unit else "", supervision.name if supervision else "")

    def png(self, pdf: bytes, width: int) -> bytes:
        """Return the first page as PNG, ``width`` pixels wide."""
        with _pdfium:
            document = pypdfium2.PdfDocument(pdf)
            try:
                first = document[0]
                picture = first.render(scale=width / first.get_width()).to_pil()
            finally:
                document.close()
        out = io.BytesIO()
        picture.quantize(24, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, "PNG")
        return out.getvalue()


def face_alone(pdf: bytes) -> bytes:
    """Return the face of a bill's PDF in a file of its own, without its list pages and without what is attached."""
    with _pdfium:
        face, whole = pypdfium2.PdfDocument.new(), pypdfium2.PdfDocument(pdf)
        try:
            face.import_pages(whole, [0])
            out = io.BytesIO()
            face.save(out)
        finally:
            whole.close()
            face.close()
        return out.getvalue()


def merged(pdfs: Sequence[bytes]) -> bytes:
    """All pages of these files in one with the title of the first; what is attached to the others stays behind."""
    with _pdfium:
        whole = pypdfium2.PdfDocument(pdfs[0])
        try:
            for data in pdfs[1:]:
                part = pypdfium2.PdfDocument(data)
                whole.import_pages(part)
                part.close()
            out = io.BytesIO()
            whole.save(out)
        finally:
            whole.close()
    return out.getvalue()


def opens(data: bytes) -> bool:
    """Return whether this is a PDF with a page that can be opened."""
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError:
            return False
        try:
            return len(document) > 0
        finally:
            document.close()


def _title(document: BillDocument) -> str:
    return f"{document.name} {document.code} {document.number}"
