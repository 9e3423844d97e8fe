"""HIS accounts with their keys and mapping tables (his-interface §1.1, §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from portal.core.fieldcrypt import FieldCipher
from portal.domain.settlement import Scene
from portal.models import HisAccount as HisAccountRow
from portal.models import HisMapping, Unit

ACCOUNT: Table = HisAccountRow.__table__  # type: ignore[assignment]
MAPPING: Table = HisMapping.__table__  # type: ignore[assignment]
UNIT: Table = Unit.__table__  # type: ignore[assignment]

KEY_FIELD = "his_account.key"


@dataclass(frozen=True, slots=True)
class HisAccount:
    """One 接口账号: identity, signing key in clear (memory only), policies, and the sender's codes → ours."""

    id: int
    unit_id: int
    unit_code: str
    appid: str
    key: str
    policies: Mapping[str, str]
    bus_types: Mapping[str, Scene]
    channels: Mapping[str, str]
    card_types: Mapping[str, str]
    places: Mapping[str, str]


def load(connection: Connection, cipher: FieldCipher, appid: str) -> HisAccount | None:
    """The active account of ``appid`` or ``None``."""
    row = connection.execute(
        select(ACCOUNT, UNIT.c.code.label("unit_code"))
        .join(UNIT, UNIT.c.id == ACCOUNT.c.unit_id)
        .where(ACCOUNT.c.appid == appid, ACCOUNT.c.active)
    ).one_or_none()
    if row is None:
        return None
    tables: dict[str, dict[str, str]] = {"bus_type": {}, "channel": {}, "card_type": {}, "place": {}}
    for found in connection.execute(
        select(MAPPING.c.table_name, MAPPING.c.sent_code, MAPPING.c.our_code).where(MAPPING.c.account_id == row.id)
    ):
        tables[found.table_name][found.sent_code] = found.our_code
    return HisAccount(
        id=row.id,
        unit_id=row.unit_id,
        unit_code=row.unit_code,
        appid=row.appid,
        key=cipher.decrypt(KEY_FIELD, row.appid, row.key).decode(),
        policies=row.policies,
        bus_types={code: Scene(scene) for code, scene in tables["bus_type"].items()},
        channels=tables["channel"],
        card_types=tables["card_type"],
        places=tables["place"],
    )
