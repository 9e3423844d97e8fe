"""Papers for patients beside the bill itself: cover of a reimbursement bundle, yearly self-pay statement, poster.

Frozen data in, PDF out; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from portal.domain.banner import Banner
from portal.domain.money import yuan
from portal.rendering import qr
from portal.rendering.papers.slip import VERIFY_AT, Desk
from portal.rendering.pdf import layout
from portal.rendering.pdf.fonts import FAMILIES

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "forms"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_environment.filters["yuan"] = yuan
SIZES = ("A4", "A3")


@dataclass(frozen=True, slots=True)
class Line:
    """One bill on a list; money in fen. ``note`` such as 已换开纸质."""

    day: str
    title: str
    code: str
    number: str
    check_code: str
    total_fen: int
    insured_fen: int
    self_pay_fen: int
    own_cost_fen: int
    own_cash_fen: int
    note: str = ""


def _pdf(template: str, *, tagged: bool = False, **values: Any) -> bytes:
    source = _environment.get_template(template).render(families=FAMILIES, verify_at=VERIFY_AT, **values)
    return layout.pdf(source, tagged=tagged)


def cover(
    desk: Desk, payer: str, lines: Sequence[Line], left_out: Sequence[Line], made_at: str, banner: Banner
) -> bytes:
    """Return the first page of a bundle: every bill with the elements by which it is verified, totals, what is not in
    it."""
    totals = {
        name: sum(getattr(line, name) for line in lines)
        for name in ("total_fen", "insured_fen", "self_pay_fen", "own_cost_fen", "own_cash_fen")
    }
    values: dict[str, Any] = {"desk": desk, "payer": payer, "lines": lines, "left_out": left_out, "totals": totals}
    return _pdf("bundle.html", made_at=made_at, banner=banner, **values)


def statement(desk: Desk, payer: str, year: int, lines: Sequence[Line], made_at: str, banner: Banner) -> bytes:
    """Return what somebody paid themselves in one year at this hospital (for 大病医疗专项附加扣除)."""
    totals = {
        name: sum(getattr(line, name) for line in lines)
        for name in ("total_fen", "insured_fen", "self_pay_fen", "own_cost_fen", "own_cash_fen")
    }
    values: dict[str, Any] = {"desk": desk, "payer": payer, "year": year, "lines": lines, "totals": totals}
    return _pdf("statement.html", tagged=True, made_at=made_at, banner=banner, **values)


def poster(desk: Desk, address: str, domain: str, size: str, banner: Banner) -> bytes:
    """Draw the hospital code 单位通码 as a poster of ``size``: big QR, name, and the domain to compare with."""
    if size not in SIZES:
        raise ValueError(size)
    return _pdf("poster.html", desk=desk, qr=qr.drawing(address), domain=domain, size=size, banner=banner)
