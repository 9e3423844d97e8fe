"""The HTML of the forms: blank with markers for the compiler, or filled in for WeasyPrint (oracle and fallback)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from math import cos, radians, sin
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from portal.domain.banner import Banner
from portal.rendering import qr
from portal.rendering.pdf.contents import FACE_ROWS, LIST_ROWS, Sheet
from portal.rendering.pdf.fonts import FAMILIES

MARKER = "〓"
"""Begins a slot's place-holder text, a number follows; no form prints it."""

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "forms"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_ALIGN = {"left": "slot", "right": "slot r", "center": "slot c"}


@dataclass(frozen=True, slots=True)
class Imprint:
    """What a form prints besides its slots: the installation's banner and the names in the seals of a bill."""

    banner: Banner = field(default_factory=Banner)
    unit_seal: str = ""
    supervision_seal: str = ""


def filled(title: str, sheets: Sequence[Sheet], qr_text: str, imprint: Imprint) -> str:
    """Return the whole document as HTML, everything in its place; CSS cuts texts that are too long."""

    def slot(sheet: Sheet, key: str, align: str = "left", label: str = "", pair: bool = False) -> Markup:  # noqa: ARG001 - a template says it
        value = sheet.fields.get(key, "")
        left, right = value if isinstance(value, tuple) else (label, value)
        return Markup('<a class="{}">{}{}</a>').format(_ALIGN[align], _label(left), right)

    def when(sheet: Sheet, group: str) -> Markup | None:
        return Markup("") if group in sheet.groups else None

    def code() -> Markup:
        size, path = qr.path(qr_text)
        view = f"-1 -1 {size + 2} {size + 2}"
        return Markup('<svg viewBox="{}"><path d="{}" fill="#000"/></svg>').format(view, path)

    bodies = [_body(sheet.form, imprint, partial(slot, sheet), partial(when, sheet), code) for sheet in sheets]
    return _shell(title, Markup("").join(bodies))


def blank(form: str, imprint: Imprint) -> tuple[str, list[str]]:
    """Return one page with markers, and the key and alignment of each: ``cell.3.amount;right``, ``when.supervised``."""
    keys: list[str] = []

    def marker(key: str) -> str:
        keys.append(key)
        return f"{MARKER}{len(keys) - 1}"

    def slot(key: str, align: str = "left", label: str = "", pair: bool = False) -> Markup:
        name = f"{key};{align}"
        text = marker(name)
        left = text if pair else label
        return Markup('<a class="{}" href="field:{}">{}{}</a>').format(_ALIGN[align], name, _label(left), text)

    def when(group: str) -> Markup:
        return escape(marker(f"when.{group}"))

    def code() -> Markup:
        style = Markup(' style="height:19mm"')
        return Markup('<a class="slot"{} href="field:qr;left">{}</a>').format(style, marker("qr;left"))

    return _shell(form, _body(form, imprint, slot, when, code)), keys


def _label(text: str) -> Markup:
    return Markup('<span class="label">{}</span>').format(text) if text else Markup("")


def _body(form: str, imprint: Imprint, slot: object, when: object, code: object) -> Markup:
    template = _environment.get_template(f"{form}.html")
    return Markup(  # noqa: S704 - the template has escaped what it was given
        template.render(
            slot=slot,
            when=when,
            qr=code,
            banner=imprint.banner,
            unit_seal=imprint.unit_seal,
            supervision_seal=imprint.supervision_seal,
            rows=FACE_ROWS,
            list_rows=LIST_ROWS,
            sin=lambda degrees: sin(radians(degrees)),
            cos=lambda degrees: cos(radians(degrees)),
        )
    )


def _shell(title: str, body: Markup) -> str:
    return _environment.get_template("shell.html").render(title=title, families=FAMILIES, body=body)
