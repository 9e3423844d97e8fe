"""WeasyPrint, loaded by the first page that it lays out: otherwise a third of what every process loads at start."""

from __future__ import annotations

import io
from typing import Any


def lay_out(source: str) -> Any:
    """Return the laid-out document of an HTML text. Fetches nothing."""
    from weasyprint import HTML
    from weasyprint.text.fonts import FontConfiguration

    return HTML(string=source, url_fetcher=_refuse).render(font_config=FontConfiguration())


def to_scale(source: str) -> bytes:
    """Return the PDF of an HTML text that a viewer prints in its true size: a form's offset mends no scale."""
    return bytes(lay_out(source).write_pdf(finisher=_unscaled) or b"")


def _unscaled(_document: Any, file: Any) -> None:
    file.catalog["ViewerPreferences"] = "<</PrintScaling/None>>"


def attachment(data: bytes, name: str, description: str) -> Any:
    """Return a file to be embedded by ``lay_out(…).write_pdf(…)`` as the data of the page."""
    from weasyprint import Attachment

    return Attachment(file_obj=io.BytesIO(data), name=name, description=description, relationship="Data")


def _refuse(*_: object, **__: object) -> dict[str, object]:
    raise ValueError("a page fetches nothing")
