"""HIS accounts with their keys and mapping tables, and the console's own account.

A bill's serial belongs to an account. What people issue at the console has an account of kind ``console``, one a unit:
it has no key and no call over HTTP can ever name it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from portal.core.crypto.field_cipher import FieldCipher
from portal.core.database import Database
from portal.core.snapshots import Snapshots
from portal.domain.documents.settlement import Scene
from portal.domain.documents.voucher import VoucherScene
from portal.models.tables import HIS_ACCOUNT, HIS_MAPPING, UNIT

KEY_FIELD = "his_account.key"
HIS, CONSOLE = "his", "console"
_SCENES = frozenset(Scene)


PAPER_WIDTHS = (10, 9, 8)
"""With how many digits a HIS writes a paper number; it compares texts with the number it expects."""


@dataclass(frozen=True, slots=True)
class PaperForm:
    """The paper form that a code of the sender stands for: prefix of its kind, width of its numbers."""

    prefix: str
    width: int = PAPER_WIDTHS[0]

    @classmethod
    def read(cls, our_code: str) -> PaperForm:
        """Read ``990621`` or ``990621:8``."""
        prefix, _, width = our_code.partition(":")
        return cls(prefix, int(width or PAPER_WIDTHS[0]))


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
    earlier_key: str = ""
    """The key before ``key``, good beside it until somebody ends it; ``""`` when there is none."""
    voucher_types: Mapping[str, VoucherScene] = field(default_factory=dict)
    papers: Mapping[str, PaperForm] = field(default_factory=dict)
    earlier_key_used_at: datetime | None = None

    def paper_code(self, sent: str) -> str:
        """Return a paper code of the sender as ours, or as the first digits of ours."""
        form = self.papers.get(sent)
        return sent if form is None or re.fullmatch(rf"{form.prefix}\d\d", sent, re.ASCII) else form.prefix

    def paper_as_sent(self, code: str, number: int, sent: str = "") -> tuple[str, str]:
        """Return one of our sheets as the sender writes it; ``sent``: the code it named in its question."""
        known = [one for one, form in self.papers.items() if code.startswith(form.prefix)]
        named = sent if sent in known else min(known, key=lambda one: (len(one), one), default="")
        width = self.papers[named].width if named else PAPER_WIDTHS[0]
        return named or code, f"{number:0{width}d}"

    def place_as_sent(self, code: str, sent: str = "") -> str:
        """Return one of our points as the sender writes it; ``sent``: a code of the sender that may be it."""
        if sent and self.places.get(sent, sent) == code:
            return sent
        return min((one for one, ours in self.places.items() if ours == code), default=code)


def load(connection: Connection, cipher: FieldCipher, appid: str) -> HisAccount | None:
    """Return the active account of ``appid`` or ``None``."""
    row = connection.execute(
        select(HIS_ACCOUNT, UNIT.c.code.label("unit_code"))
        .join(UNIT, UNIT.c.id == HIS_ACCOUNT.c.unit_id)
        .where(HIS_ACCOUNT.c.appid == appid, HIS_ACCOUNT.c.active, HIS_ACCOUNT.c.kind == HIS)
    ).one_or_none()
    if row is None:
        return None
    tables: dict[str, dict[str, str]] = {"bus_type": {}, "channel": {}, "card_type": {}, "place": {}, "paper": {}}
    for found in connection.execute(
        select(HIS_MAPPING.c.table_name, HIS_MAPPING.c.sent_code, HIS_MAPPING.c.our_code).where(
            HIS_MAPPING.c.account_id == row.id
        )
    ):
        tables[found.table_name][found.sent_code] = found.our_code
    return HisAccount(
        id=row.id,
        unit_id=row.unit_id,
        unit_code=row.unit_code,
        appid=row.appid,
        key=cipher.decrypt(KEY_FIELD, row.appid, row.key).decode(),
        earlier_key=_opened(cipher, row.appid, row.earlier_key),
        policies=row.policies,
        bus_types={code: Scene(scene) for code, scene in tables["bus_type"].items() if scene in _SCENES},
        voucher_types={code: VoucherScene(scene) for code, scene in tables["bus_type"].items() if scene not in _SCENES},
        channels=tables["channel"],
        card_types=tables["card_type"],
        places=tables["place"],
        papers={code: PaperForm.read(ours) for code, ours in tables["paper"].items()},
        earlier_key_used_at=row.earlier_key_used_at,
    )


def _opened(cipher: FieldCipher, appid: str, sealed: bytes | None) -> str:
    return "" if sealed is None else cipher.decrypt(KEY_FIELD, appid, sealed).decode()


def console(database: Database, unit_id: int) -> HisAccount:
    """Return the console's account of a unit; made on first use."""
    statement = (
        select(HIS_ACCOUNT.c.id, HIS_ACCOUNT.c.appid, UNIT.c.code)
        .join(UNIT, UNIT.c.id == HIS_ACCOUNT.c.unit_id)
        .where(HIS_ACCOUNT.c.unit_id == unit_id, HIS_ACCOUNT.c.kind == CONSOLE)
    )
    with database.read() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        try:
            with database.write() as connection:
                code = connection.execute(select(UNIT.c.code).where(UNIT.c.id == unit_id)).scalar_one()
                connection.execute(insert(HIS_ACCOUNT), _console_row(unit_id, code))
        except IntegrityError:
            pass  # somebody else was quicker
        with database.read() as connection:
            row = connection.execute(statement).one()
    return HisAccount(row.id, unit_id, row.code, row.appid, "", {}, {}, {}, {}, {})


def _console_row(unit_id: int, unit_code: str) -> dict[str, object]:
    appid = f"console:{unit_code}"
    return {
        "unit_id": unit_id,
        "appid": appid,
        "name": "控制台",
        "key": b"",
        "policies": {},
        "kind": CONSOLE,
        "active": True,
    }


class HisAccountCache(Snapshots[str, HisAccount | None]):
    """Active HIS accounts by appid, kept a few seconds: a push does not read five tables to know its sender."""

    def __init__(self, database: Database, cipher: FieldCipher) -> None:
        def read(appid: str) -> HisAccount | None:
            if not appid or len(appid) > 50 or not appid.isprintable():
                return None
            with database.read() as connection:
                return load(connection, cipher, appid)

        super().__init__(read)
