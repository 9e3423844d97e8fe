"""Page of 被拒推送: what a HIS sent and was refused, by serial, with the rule and a text for its vendor."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.groups import billing
from admin.kit.listing import respond
from admin.kit.page import page
from admin.kit.security import current_staff, requires
from portal.access.his import refusals
from portal.access.permissions import Permission
from portal.his_contract.envelope import documented_codes
from portal.listing.columns import Column
from portal.listing.filters import Filter, moment_filters
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import HIS_REFUSAL
from portal.web.edge import services

DONE = {True: State("已开票", "ok"), False: State("未开票", "red")}

REFUSED_PUSHES = ListPage(
    name="refused-pushes",
    title="被拒推送",
    order=(HIS_REFUSAL.c.last_at, HIS_REFUSAL.c.id),
    columns=(
        Column("last_at", "最近一次", "time"),
        Column(
            "serial",
            "业务流水号或票号",
            value=lambda row: row.serial or "（报文中没有）",
            link=lambda row: url_for("billing.refused_push", refusal_id=row.id),
        ),
        Column("method", "接口", value=lambda row: refusals.TITLES.get(row.method, row.method)),
        Column("result", "结果码"),
        Column("reason", "原因", "long"),
        Column("count", "次数", "count"),
        Column("done", "现状", "state", value=lambda row: bool(row.done), states=DONE),
        Column("account", "接口账号", shown=False),
        Column("first_at", "首次", "time", shown=False),
    ),
    filters=(
        *moment_filters(HIS_REFUSAL.c.last_at, 30),
        Filter("serial", "业务流水号或票号", refusals.serial_is),
        Filter(
            "result",
            "结果码",
            lambda value: HIS_REFUSAL.c.result == value,
            "choice",
            choices={result: f"{result} {title}" for result, _, title in documented_codes()},
        ),
        Filter("done", "现状", refusals.done_is, "choice", choices={"no": "未开票", "yes": "已开票"}),
    ),
    empty="没有符合条件的被拒推送。HIS 推送的票据没有通过检查时记在这里，不含患者信息，半年没有再发生的自动清除。",
)


@billing.get("/refused-pushes")
@requires(Permission.BILLS_VIEW, menu="被拒推送", order=15)
def refused_pushes() -> Response:
    """List the pushes that were refused, the latest first."""
    return respond(REFUSED_PUSHES, refusals.of_unit(current_staff().unit_id))


@billing.get("/refused-pushes/<int:refusal_id>")
@requires(Permission.BILLS_VIEW, within="billing.refused_pushes")
def refused_push(refusal_id: int) -> Response:
    """Show one refused push with its text for the vendor."""
    with services().database.read() as connection:
        push = refusals.one(connection, current_staff().unit_id, refusal_id)
    text = refusals.for_vendor(push)
    title = refusals.TITLES.get(push.method, push.method)
    return page("billing/refused_push.html", push=push, title=title, text=text, states=DONE)
