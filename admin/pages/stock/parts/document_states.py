"""States of the stock's documents with their tones on screen."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain.states.stock import (
    ApplicationState,
    DestructionState,
    ReceiptState,
    ReturnState,
    SlipState,
    VoidState,
)
from portal.domain.titled import Titled
from portal.listing.values import State

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


def _toned(states: type[Titled]) -> Mapping[str, State]:
    return {state.value: State(state.title, _TONES.get(state.value, "wait")) for state in states}


APPLICATION_STATES = _toned(ApplicationState)
RECEIPT_STATES = _toned(ReceiptState)
SLIP_STATES = _toned(SlipState)
RETURN_STATES = _toned(ReturnState)
VOID_STATES = _toned(VoidState)
DESTRUCTION_STATES = _toned(DestructionState)
