"""What every simulator is handed."""

from __future__ import annotations

from dataclasses import dataclass

from portal.demo.keys import KeyFiles
from portal.demo.settings import DemoSettings
from portal.simulators.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """``settings`` of the same installation (accounts and keys shared with it), own state, demo key files."""

    settings: DemoSettings
    store: Store
    keys: KeyFiles
