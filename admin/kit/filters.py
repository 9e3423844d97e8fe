"""Filters and columns that several lists of the console share: points, and what every list of bills shows."""

from __future__ import annotations

from collections.abc import Mapping

from flask import url_for

from admin.kit.security import current_staff
from portal.domain.documents.settlement import Scene
from portal.domain.numbers import bill_number
from portal.hospital import queries
from portal.ledger import bill_lists
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.models.tables import POINT
from portal.stock import queries as stock_queries
from portal.web.edge import services


def points() -> Mapping[str, str]:
    """Return the unit's points: code → code and name."""
    with services().database.read() as connection:
        return {code: f"{code} {name}" for code, name in queries.point_names(connection, current_staff().unit_id)}


def kind_words() -> dict[str, str]:
    """Return the names of kinds by id."""
    with services().database.read() as connection:
        return {str(kind.id): kind.name for kind in stock_queries.kinds(connection).values()}


AT_POINT = Filter("point", "开票点", lambda code: POINT.c.code == code, "choice", choices=points)
POINT_COLUMN = Column("point", "开票点", value=lambda row: f"{row.point_code} {row.point_name}")

# Of rows of portal.ledger.bill_lists
ISSUED_AT = Column("issued_at", "开票时间", "time")
SCENE = Column("scene", "业务", value=lambda row: Scene(row.scene).title)
NUMBER = Column(
    "number",
    "票据号码",
    "number",
    value=lambda row: bill_number(row.bill_code, row.number),
    link=lambda row: url_for("billing.bill", bill_id=row.id),
)
TOTAL = Column("total_fen", "金额", "money", total=True)


def payer_column(title: str = "交款人") -> Column:
    """Return the payer, masked."""
    return Column("payer", title, value=lambda row: bill_lists.masked_payer(services(), row))
