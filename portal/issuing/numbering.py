"""Numbers of issued documents: the point, the kind, the code of the year, and the next number of the point's range."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from portal.domain.errors import Refusal
from portal.domain.numbers import BillNumber
from portal.hospital.references import References
from portal.stock.ranges import exhausted, take_number
from portal.stock.years import code_at


def point_id(references: References, point_code: str) -> int:
    """Return the id of an active point. Raises POINT_UNKNOWN."""
    found = references.points.get(point_code)
    if found is None:
        raise Refusal("POINT_UNKNOWN", place=point_code)
    return found


@dataclass(frozen=True, slots=True)
class Numbering:
    """Where a document takes its number: at a point, of a kind, under a bill code."""

    point_id: int
    point_code: str
    kind_id: int
    kind_name: str
    bill_code: str


@dataclass(frozen=True, slots=True)
class TakenNumber:
    """A number that is used with the commit, and the range from which it came."""

    range_id: int
    pair: BillNumber


def numbering(references: References, point_code: str, form: str, scene: str, moment: datetime) -> Numbering:
    """Find where a document of a form is numbered; ``scene`` names it in the refusal.

    Raises POINT_UNKNOWN, KIND_MISSING (finance has granted no kind of this form), KIND_NOT_ALLOWED (at this point).
    """
    place, kind = point_id(references, point_code), references.kinds.get(form)
    if kind is None:
        raise Refusal("KIND_MISSING", scene=scene)
    if not references.may_issue(place, kind.id):
        raise Refusal("KIND_NOT_ALLOWED", point=point_code, kind=kind.name)
    return Numbering(place, point_code, kind.id, kind.name, code_at(kind.prefix, moment))


def take(connection: Connection, of: Numbering) -> TakenNumber:
    """Take the next number; as late as possible, since it holds the point's range to the commit.

    Raises STOCK_EXHAUSTED, YEAR_CODE_MISSING.
    """
    taken = take_number(connection, of.point_id, of.bill_code)
    if taken is None:
        raise exhausted(connection, of.point_code, of.kind_name, of.bill_code)
    range_id, number = taken
    return TakenNumber(range_id, BillNumber(of.bill_code, number))
