"""What a person of the staff typed and no address may hold: kept sealed for a time, under a key for the address."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, delete, insert, select

from portal.core.clock import now
from portal.core.services import Services
from portal.models.tables import KEPT_INPUT

LASTING = timedelta(hours=12)
"""As long as a session at most."""
_FIELD = "kept_input.sealed"


def keep(services: Services, account_id: int, place: str, values: Mapping[str, str]) -> str:
    """Keep an input of a person for a page; return the key that only this person can open it with."""
    key, moment = secrets.token_urlsafe(12), now()
    digest = services.index.digest("kept-input", key)
    row = {
        "digest": digest,
        "account_id": account_id,
        "place": place,
        "sealed": services.cipher.encrypt(_FIELD, digest.hex(), json.dumps(dict(values), ensure_ascii=False)),
        "created_at": moment,
        "expires_at": moment + LASTING,
    }
    services.database.act(lambda connection: connection.execute(insert(KEPT_INPUT), row))
    return key


def read(services: Services, connection: Connection, account_id: int, place: str, key: str) -> Mapping[str, str] | None:
    """Read a kept input; None when it is over, of another person or of another page."""
    digest = services.index.digest("kept-input", key[:40])
    wanted = select(KEPT_INPUT.c.sealed).where(
        KEPT_INPUT.c.digest == digest,
        KEPT_INPUT.c.account_id == account_id,
        KEPT_INPUT.c.place == place,
        KEPT_INPUT.c.expires_at > now(),
    )
    sealed = connection.scalar(wanted)
    if sealed is None:
        return None
    values: dict[str, str] = json.loads(services.cipher.decrypt(_FIELD, digest.hex(), sealed))
    return values


def clean(connection: Connection) -> None:
    """Forget inputs whose time is over."""
    connection.execute(delete(KEPT_INPUT).where(KEPT_INPUT.c.expires_at <= now()))
