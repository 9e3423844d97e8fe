"""HIS accounts by appid, kept a few seconds in memory so that a push does not read five tables to know its sender."""

from __future__ import annotations

import threading
import time

from portal.access.his_account import HisAccount, load
from portal.core.services import Services

FRESH_SECONDS = 5.0
MOST_KNOWN = 1000


class AccountCache:
    """Accounts at most :data:`FRESH_SECONDS` old. Unknown appids are remembered too, in bounded number."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, HisAccount | None]] = {}

    def get(self, appid: str) -> HisAccount | None:
        """The active account of ``appid`` or ``None``."""
        moment = time.monotonic()
        known = self._known.get(appid)
        if known is not None and moment - known[0] < FRESH_SECONDS:
            return known[1]
        if not appid or len(appid) > 50 or not appid.isprintable():
            return None
        with self._services.database.read() as connection:
            account = load(connection, self._services.cipher, appid)
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[appid] = (moment, account)
        return account
