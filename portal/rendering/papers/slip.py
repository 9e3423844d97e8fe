"""Notice slips 告知单 and voucher sheets as PDF: 80 mm for receipt printers, A5 for the others.

A slip may be lost, so it says no more than level L0: masked payer, no department, no items; its QR opens the bill's
link, which asks for the name before it shows anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from portal.domain.banner import Banner
from portal.domain.money import words, yuan
from portal.domain.numbers import in_groups
from portal.domain.titled import Titled
from portal.rendering import qr
from portal.rendering.pdf import layout
from portal.rendering.pdf.fonts import FAMILIES

VERIFY_AT = "财政部全国财政电子票据查验平台，或“广东财政”微信公众号"
"""Where a bill is verified officially."""

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "forms"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_environment.filters["yuan"] = yuan
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


def pdf(slips: Sequence[Slip], paper: Paper, banner: Banner, printed_at: str) -> bytes:
    """All slips, one a page. ``printed_at`` is the time as printed. Fetches nothing."""
    source = _environment.get_template("slip.html").render(
        slips=slips, paper=paper.value, banner=banner, printed_at=printed_at, families=FAMILIES, verify_at=VERIFY_AT
    )
    return layout.pdf(source, to_scale=True)
