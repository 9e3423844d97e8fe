"""Warning lines (预警线) and automatic lots (自动补票) of the places that hold numbers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import STOCK_RULE


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one kind at one place (``point_id``; ``None``: unit stock): it warns below ``low`` numbers, and a point is
    handed ``lot`` by itself. 0: none."""

    kind_id: int
    point_id: int | None
    low: int
    lot: int

    @property
    def place(self) -> str:
        """The place as the table names it."""
        return "unit" if self.point_id is None else str(self.point_id)


def set_rule(services: Services, actor: Actor, order: Rule) -> None:
    """Set a place's warning line and automatic lot. Raises Refusal FIELD_INVALID, BUSY."""
    services.database.act(lambda connection: set_rule_on(connection, actor, order))


def set_rule_on(connection: Connection, actor: Actor, order: Rule) -> None:
    """Do :func:`set_rule` in the caller's transaction."""
    alone = order.point_id is None or order.low < 1
    if not 0 <= order.low <= 10_000_000 or not 0 <= order.lot <= 1_000_000 or (order.lot and alone):
        raise Refusal("FIELD_INVALID", problems="自动补票要有开票点和大于 0 的下限；数量不能为负或过大")
    same = (
        STOCK_RULE.c.unit_id == actor.unit_id,
        STOCK_RULE.c.kind_id == order.kind_id,
        STOCK_RULE.c.place == order.place,
    )
    before = connection.execute(select(STOCK_RULE.c.low, STOCK_RULE.c.lot).where(*same)).one_or_none()
    values = {"low": order.low, "lot": order.lot}
    if before is None:
        key = {"unit_id": actor.unit_id, "kind_id": order.kind_id, "place": order.place, "point_id": order.point_id}
        connection.execute(insert(STOCK_RULE), key | values)
    else:
        connection.execute(update(STOCK_RULE).where(*same).values(**values))
    details = {
        "kind": order.kind_id,
        "before": list(before) if before else None,
        "after": [order.low, order.lot],
    }
    audit.record(connection, actor, "stock.rule_set", ("stock", order.place), details)


def rules_of(connection: Connection, unit_id: int) -> dict[tuple[int, str], Rule]:
    """Return a unit's rules by kind and place."""
    query = select(STOCK_RULE.c.kind_id, STOCK_RULE.c.point_id, STOCK_RULE.c.low, STOCK_RULE.c.lot)
    rules = [Rule(*row) for row in connection.execute(query.where(STOCK_RULE.c.unit_id == unit_id))]
    return {(rule.kind_id, rule.place): rule for rule in rules}
