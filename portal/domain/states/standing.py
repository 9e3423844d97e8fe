"""What a bill is good for, as its patient must know it: one word out of its state, its paper and its booking."""

from __future__ import annotations

from dataclasses import dataclass

from portal.domain.states.bills import BillState
from portal.domain.titled import Titled


class Standing(Titled):
    """What a bill is good for; the word has five characters at most, since platforms refuse longer ones."""

    VALID = "valid", "已开具"
    WAITING = "waiting", "待监制"
    REFUSED = "refused", "监制未通过"
    EXCHANGED = "exchanged", "已换开"
    BOOKED = "booked", "已入账"
    REVERSED = "reversed", "已冲红"
    RED = "red", "红票"


@dataclass(frozen=True, slots=True)
class Condition:
    """What :func:`standing` follows from."""

    state: BillState
    red: bool
    exchanged: bool
    booked: bool


def standing(condition: Condition) -> Standing:
    """Return what a bill is good for: what ends its use counts before what only delays or bounds it."""
    if condition.red:
        return Standing.RED
    if condition.state is BillState.REVERSED:
        return Standing.REVERSED
    if condition.exchanged:
        return Standing.EXCHANGED
    if condition.booked:
        return Standing.BOOKED
    if condition.state is BillState.REFUSED:
        return Standing.REFUSED
    return Standing.VALID if condition.state is BillState.SUPERVISED else Standing.WAITING
