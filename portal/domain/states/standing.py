"""What a bill is good for, as its patient must know it: one word out of its state, its paper and its booking."""

from __future__ import annotations

from dataclasses import dataclass

from portal.domain.states.bills import BillState
from portal.domain.texts import said_later
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

    @property
    def spoken(self) -> str:
        """Return the word that patients read."""
        return _SPOKEN[self]

    @property
    def tone(self) -> str:
        """Return the colour's name: none for what may be used, ``wait``, or ``red``."""
        if self in (Standing.REVERSED, Standing.RED, Standing.REFUSED):
            return "red"
        return "" if self is Standing.VALID else "wait"


_SPOKEN = {
    Standing.VALID: said_later("有效"),
    Standing.WAITING: said_later("财政处理中"),
    Standing.REFUSED: said_later("医院处理中"),
    Standing.EXCHANGED: said_later("已打印成纸质"),
    Standing.BOOKED: said_later("单位已报销"),
    Standing.REVERSED: said_later("已作废"),
    Standing.RED: said_later("作废凭证"),
}


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
