"""Page of 查验记录: the bills that were verified on our page, when, and from how many places; nobody is named."""

from __future__ import annotations

from flask import Response

from admin.kit.filters import NUMBER
from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.security import current_staff, requires
from portal.access.permissions import Permission
from portal.listing.columns import Column
from portal.listing.filters import Filter, moment_filters
from portal.listing.lists import ListPage
from portal.listing.values import BILL_STATES
from portal.models.tables import VERIFICATION
from portal.retrieval import queries

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
        Filter("number", "票据号码", queries.bill_number_is),
        Filter(
            "places",
            "查验方数",
            lambda value: queries.verified_by(int(value)),
            "choice",
            choices={"2": "2 方及以上", str(MANY): f"{MANY} 方及以上"},
        ),
    ),
    empty="没有符合条件的查验记录。有人在查验页核对票据且要素相符时记录一次；同一来源一小时内只记一次。",
)


@delivery.get("/verifications")
@requires(Permission.DELIVERY_VIEW, menu="查验记录", order=45)
def verifications() -> Response:
    """List every verification that matched, newest first."""
    return respond(VERIFICATIONS, queries.verifications(current_staff().unit_id))
