"""The stock's documents as the console lists them: rows of one unit, newest first, with the words people know."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, Table, select

from portal.models.tables import (
    BILL_KIND,
    NUMBER_SEGMENT,
    POINT,
    STOCK_APPLICATION,
    STOCK_DESTRUCTION,
    STOCK_MOVEMENT,
    STOCK_RECEIPT,
    STOCK_RETURN,
    STOCK_SLIP,
    STOCK_VOID,
)


def applications(unit_id: int) -> Select[Any]:
    """票据申领."""
    return _with_kind(STOCK_APPLICATION, BILL_KIND.c.id == STOCK_APPLICATION.c.kind_id, unit_id)


def receipts(unit_id: int, opening: bool) -> Select[Any]:
    """票据入库, or 期初库存."""
    rows = _with_kind(STOCK_RECEIPT, BILL_KIND.c.id == STOCK_RECEIPT.c.kind_id, unit_id)
    return rows.where((STOCK_RECEIPT.c.source == "opening") if opening else (STOCK_RECEIPT.c.source != "opening"))


def slips(unit_id: int) -> Select[Any]:
    """票据分发."""
    rows = _with_kind(STOCK_SLIP, BILL_KIND.c.id == STOCK_SLIP.c.kind_id, unit_id)
    return rows.join(POINT, POINT.c.id == STOCK_SLIP.c.point_id).add_columns(POINT.c.code.label("point_code"))


def returns(unit_id: int) -> Select[Any]:
    """票据申退."""
    return _by_code(STOCK_RETURN, unit_id)


def voids(unit_id: int) -> Select[Any]:
    """库存作废 and 空白票报损."""
    rows = _by_code(STOCK_VOID, unit_id).outerjoin(POINT, POINT.c.id == STOCK_VOID.c.point_id)
    return rows.add_columns(POINT.c.code.label("point_code"), POINT.c.name.label("point_name"))


def destructions(unit_id: int) -> Select[Any]:
    """票据销毁."""
    return _by_code(STOCK_DESTRUCTION, unit_id)


def _by_code(table: Table, unit_id: int) -> Select[Any]:
    count = (table.c.last - table.c.first + 1).label("count")
    return select(table, count).where(table.c.unit_id == unit_id)


def _with_kind(table: Table, joined: Any, unit_id: int) -> Select[Any]:
    return (
        select(table, BILL_KIND.c.name.label("kind_name"))
        .outerjoin(BILL_KIND, joined)
        .where(table.c.unit_id == unit_id)
    )


def movements_of(connection: Connection, slip: str) -> list[Row[Any]]:
    """What a document moved, in order."""
    return list(
        connection.execute(select(STOCK_MOVEMENT).where(STOCK_MOVEMENT.c.slip == slip).order_by(STOCK_MOVEMENT.c.id))
    )


def story(connection: Connection, bill_code: str, number: int) -> list[Row[Any]]:
    """Every movement that one number was part of, in order."""
    mine = (STOCK_MOVEMENT.c.bill_code == bill_code, STOCK_MOVEMENT.c.first <= number, STOCK_MOVEMENT.c.last >= number)
    return list(connection.execute(select(STOCK_MOVEMENT).where(*mine).order_by(STOCK_MOVEMENT.c.id)))


def kinds(connection: Connection) -> dict[int, Row[Any]]:
    """Every kind by id."""
    return {row.id: row for row in connection.execute(select(BILL_KIND).order_by(BILL_KIND.c.id))}


def points(connection: Connection, unit_id: int) -> dict[int, Row[Any]]:
    """The unit's points by id, in the order of their codes."""
    return {
        row.id: row
        for row in connection.execute(select(POINT).where(POINT.c.unit_id == unit_id).order_by(POINT.c.code))
    }


def segments(connection: Connection, unit_id: int) -> list[Row[Any]]:
    """The unit's segments by code."""
    rows = (
        select(NUMBER_SEGMENT, BILL_KIND.c.name.label("kind_name"))
        .join(BILL_KIND, BILL_KIND.c.id == NUMBER_SEGMENT.c.kind_id)
        .where(NUMBER_SEGMENT.c.unit_id == unit_id)
    )
    return list(
        connection.execute(rows.order_by(NUMBER_SEGMENT.c.kind_id, NUMBER_SEGMENT.c.bill_code, NUMBER_SEGMENT.c.first))
    )
