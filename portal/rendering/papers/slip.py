"""Notice slips 告知单 and voucher sheets as PDF: 80 mm for receipt printers, A5 for the others.

A slip may be lost, so it says no more than level L0: masked payer, no department, no items; its QR opens the bill's
link, which asks for the name before it shows anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import structlog
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from portal.core.clock import local
from portal.domain.banner import Banner
from portal.domain.money import words, yuan
from portal.domain.numbers import in_groups
from portal.domain.titled import Titled
from portal.rendering import qr
from portal.rendering.pdf import layout
from portal.rendering.pdf.compiled import FormError, Page, compiled
from portal.rendering.pdf.contents import Fields, Sheet
from portal.rendering.pdf.fonts import FAMILIES
from portal.rendering.pdf.glyphs import Uncovered, glyphs
from portal.rendering.pdf.stamp import stamp
from portal.rendering.pdf.templates import MARKER

log = structlog.get_logger()
_lock = Lock()
NOTICE = "电子票据告知单"

VERIFY_AT = "财政部全国财政电子票据查验平台，或“广东财政”微信公众号"
"""Where a bill is verified officially."""

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "forms"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_environment.filters["words"] = words


class Paper(Titled):
    """What the printer holds."""

    ROLL = "80mm", "80 毫米小票"
    SHEET = "a5", "A5 纸"


@dataclass(frozen=True, slots=True)
class Desk:
    """Whom to ask: the unit's names and its desk."""

    unit: str
    place: str
    phone: str
    hours: str


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip. ``name`` of the bill or voucher; ``number`` with ten digits; ``payer`` masked already (in full only on
    a voucher's own sheet); ``day`` as printed; ``link`` is what the QR opens; ``state`` a warning word such as 已冲红.

    ``printed`` counts this print: from the second on the slip says 补打 and which. ``facts`` are further labelled
    lines of a voucher; ``voucher``: a sheet that proves a payment, not a notice about a bill; ``copy``: the patient has
    drawn it. ``fetch_code``: the 取票码 by which somebody else may fetch the bill once.
    """

    desk: Desk
    name: str
    code: str
    number: str
    check_code: str
    payer: str
    amount_fen: int
    day: str
    link: str
    printed: int = 1
    state: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    voucher: bool = False
    copy: bool = False
    fetch_code: str = ""

    @property
    def again(self) -> str:
        """That it is printed again; nothing at the first time."""
        return f"补打（第 {self.printed} 次打印）" if self.printed > 1 else ""

    @property
    def amount(self) -> str:
        """The amount as it is printed: ``128.50 元``."""
        return f"{yuan(self.amount_fen)} 元"

    @property
    def grouped(self) -> str:
        """The number as people retype it: ``90 0000 0123``."""
        return in_groups(self.number)

    @property
    def page(self) -> str:
        """The address of the patients' pages as somebody types it, who has the code and not the slip."""
        return self.link.partition("/b/")[0].partition("://")[2]

    @property
    def grouped_code(self) -> str:
        """The fetch code as people retype it: ``QP 7KM2 XPTA``."""
        return in_groups(self.fetch_code)

    @property
    def qr(self) -> Markup:
        """The QR's drawing."""
        return qr.drawing(self.link)


_ALIGN = {"left": "slot", "center": "slot", "inline": "slot inline", "qr": "slot qr"}


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a compiled slip prints besides its slots: everything that decides where lines stand."""

    paper: Paper
    banner: Banner
    desk: Desk
    name: str
    state: str
    page: str
    again: bool
    fetched: bool


def pdf(slips: Sequence[Slip], paper: Paper, banner: Banner, printed_at: datetime) -> bytes:
    """All slips, one a page. Notice slips are stamped into their compiled form. Fetches nothing."""
    at = f"{local(printed_at):%Y-%m-%d %H:%M}"
    if not any(one.voucher for one in slips):
        try:
            pages = [_stamped(one, paper, banner, at) for one in slips]
            return stamp(pages, title=NOTICE, issued_at=printed_at, known=glyphs(sans=True))
        except (FormError, Uncovered) as reason:
            log.warning("slip.plain", reason=type(reason).__name__, why=str(reason))
    return layout.pdf(_source(slips, paper, banner, at), to_scale=True)


def _source(slips: Sequence[Any], paper: Paper, banner: Banner, printed_at: str) -> str:
    return _environment.get_template("slip.html").render(
        slips=slips, paper=paper.value, banner=banner, printed_at=printed_at, families=FAMILIES, verify_at=VERIFY_AT
    )


def _stamped(slip: Slip, paper: Paper, banner: Banner, printed_at: str) -> tuple[Page, Sheet]:
    form = _Layout(
        paper, banner, slip.desk, slip.name, slip.state, slip.page, bool(slip.again), fetched=bool(slip.fetch_code)
    )
    shown: Fields = {name: str(getattr(slip, name)) for name in _SLOTS}
    shown |= {"qr": slip.link, "printed_at": printed_at}
    with _lock:
        return _compiled(form), Sheet(f"slip {hash(form)}", shown)


_SLOTS = {
    "again": "center",
    "code": "left",
    "grouped": "left",
    "check_code": "left",
    "payer": "left",
    "day": "left",
    "amount": "left",
    "grouped_code": "inline",
}
"""What differs from slip to slip, and how it stands."""


@lru_cache(256)
def _compiled(form: _Layout) -> Page:
    keys: list[str] = []

    def slot(key: str, align: str = "left") -> Markup:
        keys.append(f"{key};{'left' if align in ('inline', 'qr') else align}")
        marker = f"{MARKER}{len(keys) - 1}"
        return Markup('<a class="{}" href="field:{}">{}</a>').format(_ALIGN[align], keys[-1], marker)

    at = slot("printed_at", "inline")
    blank = {name: slot(name, align) for name, align in _SLOTS.items()} | {"qr": slot("qr", "qr")}
    blank["again"] = blank["again"] if form.again else Markup()
    fixed = {"desk": form.desk, "name": form.name, "state": form.state, "page": form.page, "fetch_code": form.fetched}
    bare = {"facts": (), "voucher": False, "copy": False}
    source = _source([SimpleNamespace(**blank | fixed | bare)], form.paper, form.banner, at)
    return compiled(source, keys, glyphs(sans=True))
