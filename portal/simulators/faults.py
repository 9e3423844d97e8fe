"""Fault switches: what a simulator does wrong on purpose, how often, and how many times."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flask import g, has_request_context

from portal.simulators.store import Store

LONGEST_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Switch:
    """One fault. ``probability`` 0–1 per message; ``remaining``: how many more times, ``None`` without end;
    ``value``: milliseconds where the fault has a duration."""

    name: str
    title: str
    value_title: str = ""
    probability: float = 0.0
    remaining: int | None = None
    value: int = 0

    @property
    def on(self) -> bool:
        """Tell whether it can still happen."""
        return self.probability > 0 and self.remaining != 0


class Faults:
    """The switches of one service, kept in the store."""

    def __init__(self, store: Store, service: str, known: tuple[Switch, ...]) -> None:
        self._store = store
        self._service = service
        self._known = {switch.name: switch for switch in known}
        self._set_at: dict[str, float] = {}

    def all(self) -> list[Switch]:
        """List every switch as it stands."""
        with self._store.transaction() as connection:
            rows = connection.execute("SELECT * FROM fault WHERE service = ?", (self._service,)).fetchall()
        stored = {row["name"]: row for row in rows}
        return [self._merge(switch, stored.get(switch.name)) for switch in self._known.values()]

    def as_json(self) -> dict[str, dict[str, Any]]:
        """List the switches by name, for the JSON answer."""
        return {switch.name: asdict(switch) | {"on": switch.on} for switch in self.all()}

    def set(self, wanted: Mapping[str, Any]) -> None:
        """Set some switches: name → {probability, count, value}, or null for off. Raises ValueError in Chinese."""
        rows = [(self._service, *_checked(self._switch(name), body)) for name, body in wanted.items()]
        self._set_at |= {row[1]: time.monotonic() for row in rows}
        with self._store.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO fault VALUES (?, ?, ?, ?, ?)", rows)

    def clear(self) -> None:
        """Turn all switches off."""
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM fault WHERE service = ?", (self._service,))

    def strikes(self, name: str) -> Switch | None:
        """Return the switch if its fault happens now; one of a counted fault is used up.

        It never happens to a message that arrived before it was set: what a caller gave up on must not use it up.
        """
        if has_request_context() and g.arrived < self._set_at.get(name, 0.0):
            return None
        with self._store.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM fault WHERE service = ? AND name = ?", (self._service, name)
            ).fetchone()
            switch = self._merge(self._known[name], row)
            if not switch.on or random.random() >= switch.probability:
                return None
            if switch.remaining is not None:
                connection.execute(
                    "UPDATE fault SET remaining = remaining - 1 WHERE service = ? AND name = ?", (self._service, name)
                )
        return switch

    def delay(self) -> bool:
        """Wait as long as the switch ``slow`` says; return whether it was on."""
        slow = self.strikes("slow")
        if slow is not None:
            time.sleep(slow.value / 1000)
        return slow is not None

    def _switch(self, name: str) -> Switch:
        if name not in self._known:
            raise ValueError(f"没有这个开关：{name[:40]}")
        return self._known[name]

    @staticmethod
    def _merge(switch: Switch, row: Any) -> Switch:
        if row is None:
            return switch
        return Switch(switch.name, switch.title, switch.value_title, row["probability"], row["remaining"], row["value"])


def _checked(switch: Switch, body: Any) -> tuple[str, float, int | None, int]:
    if body is None or body is False:
        return switch.name, 0.0, None, 0
    if body is True:
        body = {}
    if not isinstance(body, Mapping):
        raise ValueError("开关的值应为对象、true 或 null")
    probability, count, value = (body.get("probability", 1.0), body.get("count"), body.get("value", 0))
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise ValueError("概率应在 0 到 1 之间")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 1_000_000):
        raise ValueError("次数应为不超过一百万的非负整数")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_MS:
        raise ValueError(f"毫秒数应在 0 到 {LONGEST_MS} 之间")
    return switch.name, float(probability), count, value
