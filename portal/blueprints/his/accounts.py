"""HIS accounts by appid, kept a few seconds in memory so that a push does not read five tables to know its sender."""

from __future__ import annotations

from portal.access.his_account import HisAccount, load
from portal.core.services import Services
from portal.core.snapshots import Snapshots


class AccountCache(Snapshots[str, HisAccount | None]):
    """The active account of an appid, or ``None``."""

    def __init__(self, services: Services) -> None:
        def read(appid: str) -> HisAccount | None:
            if not appid or len(appid) > 50 or not appid.isprintable():
                return None
            with services.database.read() as connection:
                return load(connection, services.cipher, appid)

        super().__init__(read)
