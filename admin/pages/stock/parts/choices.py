"""Choices of the stock's forms: kinds, years and points."""

from __future__ import annotations

from wtforms.fields.choices import SelectChoice

from admin.kit.filters import kind_words
from admin.kit.forms import choices
from admin.kit.security import current_staff
from portal.stock import queries
from portal.stock.years import code_of, this_year
from portal.web.edge import services
from portal.web.numbers import row_ids


def kind_choices() -> list[SelectChoice]:
    """Return the kinds for a select of a form."""
    return choices(kind_words().items())


def year_choices() -> list[SelectChoice]:
    """Return this year and the next, as years from now, for a select of a form."""
    return choices((str(later), f"{this_year() + later} 年") for later in (0, 1))


def code_for(kind_id: str, later: int = 0) -> str:
    """Return the bill code of a chosen kind this year or ``later`` years from now; ``""`` for no such kind."""
    with services().database.read() as connection:
        kind = queries.kinds(connection).get(next(iter(row_ids([kind_id])), 0))
    return "" if kind is None else code_of(kind.prefix, later)


def point_choices(*kinds: str) -> list[SelectChoice]:
    """Return the active points for a select, of some kinds or all."""
    with services().database.read() as connection:
        points = queries.points(connection, current_staff().unit_id).values()
    return choices(
        (str(point.id), f"{point.code} {point.name}")
        for point in points
        if point.active and (not kinds or point.kind in kinds)
    )
