"""State of the running simulators: what all parties share, and what each party keeps for its pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from flask import Flask, current_app, request

from portal.demo.keys import KeyFiles
from portal.demo.settings import DemoSettings
from portal.simulators.faults import Faults, Switch
from portal.simulators.store import Store

State = TypeVar("State")
_KEY = "simulators"


@dataclass(frozen=True, slots=True)
class Context:
    """``settings`` of the same installation (accounts and keys shared with it), own store, demo key files.

    ``faults`` are the switches by the name of the party's blueprint, ``states`` what the parties keep, by its class.
    """

    settings: DemoSettings
    store: Store
    keys: KeyFiles
    faults: dict[str, Faults] = field(default_factory=dict)
    states: dict[type, object] = field(default_factory=dict)

    def add_faults(self, party: str, switches: tuple[Switch, ...]) -> Faults:
        """Make the fault switches of a party, so that its pages find them."""
        self.faults[party] = Faults(self.store, party, switches)
        return self.faults[party]

    def attach(self, app: Flask) -> None:
        """Give the context to an application."""
        app.extensions[_KEY] = self


def state_of(kind: type[State]) -> State:
    """Return what the current application keeps for one party: ``state_of(WeChat).cards``."""
    found = _context().states[kind]
    assert isinstance(found, kind)
    return found


def party_faults() -> Faults:
    """Return the fault switches of the party whose page is asked for."""
    return _context().faults[request.blueprint or ""]


def _context() -> Context:
    found = current_app.extensions[_KEY]
    assert isinstance(found, Context)
    return found
