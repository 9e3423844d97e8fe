"""查验记录: which bills were verified on our page, when, and from how many places (features §3.10); nobody is named."""

from __future__ import annotations

from flask import Response
from sqlalchemy import func, select

from admin.kit.filters import NUMBER
from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.security import current_staff, requires
from portal.access.permissions import Permission
from portal.listing.columns import Column
from portal.listing.filters import Filter, moment_filters
from portal.listing.lists import ListPage
from portal.listing.values import BILL_STATES
from portal.models.tables import BILL, VERIFICATION

_places = (
    select(VERIFICATION.c.bill_id, func.count(VERIFICATION.c.place.distinct()).label("places"))
    .group_by(VERIFICATION.c.bill_id)
    .subquery()
)
MANY = 3
"""An employer and an insurer are two; a third may be somebody to whom the same bill was shown again."""

VERIFICATIONS = ListPage(
    name="verifications",
    title="查验记录",
    order=(VERIFICATION.c.at, VERIFICATION.c.id),
    columns=(
        Column("at", "时间", "time"),
        NUMBER,
        Column("total_fen", "金额", "money"),
        Column("way", "方式", value=lambda _row: "本站查验页"),
        Column("result", "结果", value=lambda _row: "要素相符"),
        Column("state", "票据现状", "state", states=BILL_STATES),
        Column("places", "查验方数", "count"),
    ),
    filters=(
        *moment_filters(VERIFICATION.c.at, 30),
        Filter(
            "number",
            "票据号码",
            lambda text: BILL.c.number == int(text) if text.isdecimal() and len(text) < 18 else BILL.c.id == 0,
        ),
        Filter(
            "places",
            "查验方数",
            lambda value: _places.c.places >= int(value),
            "choice",
            choices={"2": "2 方及以上", str(MANY): f"{MANY} 方及以上"},
        ),
    ),
    empty="没有符合条件的查验记录。有人在查验页核对票据且要素相符时记录一次；同一来源一小时内只记一次。",
)


@delivery.get("/verifications")
@requires(Permission.DELIVERY_VIEW, menu="查验记录", order=45)
def verifications() -> Response:
    """Every verification that matched, newest first."""
    statement = (
        select(
            VERIFICATION.c.at,
            _places.c.places,
            *(BILL.c[name] for name in ("id", "bill_code", "number", "total_fen", "state")),
        )
        .select_from(VERIFICATION)
        .join(BILL, BILL.c.id == VERIFICATION.c.bill_id)
        .join(_places, _places.c.bill_id == VERIFICATION.c.bill_id)
        .where(BILL.c.unit_id == current_staff().unit_id)
    )
    return respond(VERIFICATIONS, statement)
