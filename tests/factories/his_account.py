"""A HIS account with small mapping tables, for tests without a database."""

from __future__ import annotations

from portal.access.his.accounts import HisAccount
from portal.domain.documents.settlement import Scene

ACCOUNT = HisAccount(
    id=1,
    unit_id=1,
    unit_code="U",
    appid="A",
    key="K",
    policies={},
    bus_types={"01": Scene.INPATIENT, "02": Scene.OUTPATIENT, "06": Scene.REGISTRATION},
    channels={"05": "wechat"},
    card_types={"3101": "clinic"},
    places={"001": "01"},
)
