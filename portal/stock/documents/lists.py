"""Lists of the stock's documents: statements over the rows of one unit, with the names of kinds and points."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from portal.domain.states.stock import ReceiptSource
from portal.models.tables import (
    BILL_KIND,
    POINT,
    STOCK_APPLICATION,
    STOCK_DESTRUCTION,
    STOCK_RECEIPT,
    STOCK_RETURN,
    STOCK_SLIP,
    STOCK_VOID,
)


def applications(unit_id: int) -> Select[Any]:
    """Select 票据申领."""
    return _with_kind(STOCK_APPLICATION, BILL_KIND.c.id == STOCK_APPLICATION.c.kind_id, unit_id)


def receipts(unit_id: int, opening: bool) -> Select[Any]:
    """Select 票据入库, or 期初库存."""
    rows = _with_kind(STOCK_RECEIPT, BILL_KIND.c.id == STOCK_RECEIPT.c.kind_id, unit_id)
    is_opening = STOCK_RECEIPT.c.source == ReceiptSource.OPENING
    return rows.where(is_opening if opening else ~is_opening)


def slips(unit_id: int) -> Select[Any]:
    """Select 票据分发."""
    rows = _with_kind(STOCK_SLIP, BILL_KIND.c.id == STOCK_SLIP.c.kind_id, unit_id)
    return rows.join(POINT, POINT.c.id == STOCK_SLIP.c.point_id).add_columns(POINT.c.code.label("point_code"))


def slips_of(point_ids: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that a hand-out is for one of these points."""
    return STOCK_SLIP.c.point_id.in_(point_ids)


def returns(unit_id: int) -> Select[Any]:
    """Select 票据申退."""
    return _by_code(STOCK_RETURN, unit_id)


def voids(unit_id: int) -> Select[Any]:
    """Select 库存作废 and 空白票报损."""
    rows = _by_code(STOCK_VOID, unit_id).outerjoin(POINT, POINT.c.id == STOCK_VOID.c.point_id)
    return rows.add_columns(POINT.c.code.label("point_code"), POINT.c.name.label("point_name"))


def destructions(unit_id: int) -> Select[Any]:
    """Select 票据销毁."""
    return _by_code(STOCK_DESTRUCTION, unit_id)


def _by_code(table: Table, unit_id: int) -> Select[Any]:
    count = (table.c.last - table.c.first + 1).label("count")
    return select(table, count).where(table.c.unit_id == unit_id)


def _with_kind(table: Table, joined: ColumnElement[bool], unit_id: int) -> Select[Any]:
    return (
        select(table, BILL_KIND.c.name.label("kind_name"))
        .outerjoin(BILL_KIND, joined)
        .where(table.c.unit_id == unit_id)
    )
