"""Choices of the stock's forms: kinds and points."""

from __future__ import annotations

from wtforms.fields.choices import SelectChoice

from admin.kit.forms import choices
from admin.kit.security import current_staff
from portal.stock import queries
from portal.stock.balances import code_of
from portal.web.edge import services


def kind_words() -> dict[str, str]:
    """Return the names of kinds by id."""
    with services().database.read() as connection:
        return {str(kind.id): kind.name for kind in queries.kinds(connection).values()}


def kind_choices() -> list[SelectChoice]:
    """Return the kinds for a select of a form."""
    return choices(kind_words().items())


def code_for(kind_id: str) -> str:
    """Return this year's bill code of a chosen kind; ``""`` when there is no such kind."""
    with services().database.read() as connection:
        kind = queries.kinds(connection).get(int(kind_id) if kind_id.isdigit() else 0)
    return "" if kind is None else code_of(kind.prefix)


def point_choices(*kinds: str) -> list[SelectChoice]:
    """Return the active points for a select, of some kinds or all."""
    with services().database.read() as connection:
        points = queries.points(connection, current_staff().unit_id).values()
    return choices(
        (str(point.id), f"{point.code} {point.name}")
        for point in points
        if point.active and (not kinds or point.kind in kinds)
    )
