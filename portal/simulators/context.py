"""What every simulator is handed."""

from __future__ import annotations

from dataclasses import dataclass

from portal.core.crypto.certificates import KeyFiles
from portal.core.settings import Settings
from portal.simulators.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """``settings`` of the same installation (accounts and keys shared with it), own state, demo key files."""

    settings: Settings
    store: Store
    keys: KeyFiles
