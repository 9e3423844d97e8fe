"""What the stock's pages share: choices, states with their tones, the page of one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Response
from sqlalchemy import Table

from admin.kit.forms import choices
from admin.kit.page import page
from admin.kit.security import current_staff
from portal.domain.stock import ApplicationState, DestructionState, ReceiptState, ReturnState, SlipState
from portal.listing.columns import Column
from portal.listing.values import State, bill_number
from portal.stock.balances import code_of
from portal.stock.documents import lists
from portal.stock.rows import document
from portal.web.edge import services

_TONES = {
    "received": "ok",
    "confirmed": "ok",
    "accepted": "ok",
    "done": "ok",
    "returned": "red",
    "refused": "red",
    "draft": "plain",
    "withdrawn": "plain",
    "cancelled": "plain",
}


def _states(states: Any) -> dict[str, State]:
    return {state.value: State(state.title, _TONES.get(state.value, "wait")) for state in states}


APPLICATION_STATES = _states(ApplicationState)
RECEIPT_STATES = _states(ReceiptState)
SLIP_STATES = _states(SlipState)
RETURN_STATES = _states(ReturnState)
DESTRUCTION_STATES = _states(DestructionState)
VOID_STATES = {"waiting": State("待复核", "wait"), "done": State("已作废", "ok"), "refused": State("未通过", "red")}


class Button(NamedTuple):
    """An act of one button on a document's page."""

    verb: str
    action: str
    main: bool = False
    danger: bool = False


def kind_words() -> dict[str, str]:
    """Kinds: id → name."""
    with services().database.read() as connection:
        return {str(row.id): row.name for row in lists.kinds(connection).values()}


def kind_choices() -> list[Any]:
    """Kinds for a select of a form."""
    return choices(kind_words().items())


def kind_of(kind_id: str) -> Any:
    """A kind by its chosen id; ``None`` when there is none."""
    with services().database.read() as connection:
        return lists.kinds(connection).get(int(kind_id) if kind_id.isdigit() else 0)


def code_for(kind_id: str) -> str:
    """This year's bill code of a chosen kind."""
    kind = kind_of(kind_id)
    return code_of(kind.prefix) if kind is not None else ""


def point_choices(*kinds: str) -> list[Any]:
    """Active points for a select, of some kinds or all."""
    with services().database.read() as connection:
        found = lists.points(connection, current_staff().unit_id).values()
    return choices(
        (str(row.id), f"{row.code} {row.name}") for row in found if row.active and (not kinds or row.kind in kinds)
    )


def bounds_column(key: str, title: str) -> Column:
    """A column of one bill number under its code."""
    return Column(key, title, "number", value=lambda row: _number(row.bill_code, getattr(row, key)))


def _number(code: str, number: int | None) -> str:
    return "" if number is None or number < 0 else bill_number(code, number) if len(code) == 8 else f"{code} {number}"


def document_page(
    title: str,
    no: str,
    state: State,
    facts: Sequence[tuple[str, Any]],
    buttons: Sequence[Button],
    back: str,
    note: str = "",
    **more: Any,
) -> Response:
    """One document: its facts, what it moved, the acts that are legal now."""
    with services().database.read() as connection:
        moved = lists.movements_of(connection, no)
        points = lists.points(connection, current_staff().unit_id)
    return page(
        "stock/document.html",
        title=title,
        no=no,
        state=state,
        facts=[(name, value) for name, value in facts if value not in (None, "")],
        buttons=buttons,
        moved=moved,
        points=points,
        ways=WAYS,
        back=back,
        note=note,
        **more,
    )


WAYS = {
    "receipt": "入库",
    "hand_out": "分发",
    "withdraw": "撤回",
    "return": "申退",
    "return_refused": "申退退回",
    "stock_void": "库存作废",
    "blank_loss": "空白票报损",
}
"""Movements in words."""


def row_of(table: Table, no: str) -> Any:
    """A document of this unit. Raises DOCUMENT_UNKNOWN."""
    with services().database.read() as connection:
        return document(connection, table, current_staff().unit_id, no)
