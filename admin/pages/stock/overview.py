"""库存结余 with warning lines and forecast; 库存核对: the identity of the books, and the comparison with finance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response, request, url_for

from admin.kit.filters import kind_words
from admin.kit.form_page import form_page
from admin.kit.forms import Form, IntegerField, SelectField, between, required
from admin.kit.groups import stock
from admin.kit.listing import respond_computed
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.stock.parts.choices import kind_choices, point_choices
from portal.access.permissions import Permission
from portal.core.database import Connection
from portal.domain.numbers import bill_number, ten_digits
from portal.domain.states.stock import AlarmRule
from portal.fiscal import enquiries
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.stock import alarms, balances, queries, rules, years
from portal.stock.balances import Holding
from portal.stock.books import fates
from portal.stock.queries import SegmentFacts
from portal.web.edge import see_other, services
from portal.web.numbers import row_id


def _places() -> dict[str, str]:
    with services().database.read() as connection:
        points = queries.points(connection, current_staff().unit_id).values()
    return {"unit": "单位库存"} | {str(point.id): f"{point.code} {point.name}" for point in points}


def _side(key: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row.balance, key)


def _ten(number: int | None) -> str:
    return "" if number is None else ten_digits(number)


LEVELS = {
    "over": State("已跨年停用"),
    "empty": State("已用完", "red"),
    "low": State("低于预警线", "red"),
    "good": State("正常", "ok"),
}


SHORT = {"short": "不足（低于预警线、已用完）"}


def _is_short(row: Holding) -> bool:
    return row.state in ("low", "empty") and row.bill_code == years.code_of(row.prefix)


def short(connection: Connection, unit_id: int) -> list[Holding]:
    """Return the balances of this year's codes that are low or used up."""
    return [each for each in balances.holdings(connection, unit_id) if _is_short(each)]


BALANCES = ListPage(
    name="stock-balances",
    title="库存结余",
    columns=(
        Column("kind_name", "票据种类"),
        Column("bill_code", "票据代码", "number"),
        Column("place", "位置", value=lambda row: f"{row.point_code} {row.point_name}".strip()),
        Column("state", "状态", "state", states=LEVELS),
        Column("left", "结余份数", "count"),
        Column("first", "下一可用号", "number", value=lambda row: _ten(row.first)),
        Column("last", "终止号", "number", value=lambda row: _ten(row.last)),
        Column("waiting", "待接收", "count"),
        Column("reserved", "应急预留", "count"),
        Column("daily", "近7日日均", "number", value=lambda row: f"{row.daily:.1f}"),
        Column("days", "可用天数", "count"),
        Column("low", "预警线", "count"),
        Column("lot", "自动补票", "count"),
    ),
    filters=(
        Filter("kind", "票据种类", lambda kind: lambda row: str(row.kind_id) == kind, "choice", choices=kind_words),
        Filter("state", "状态", lambda _: _is_short, "choice", choices=SHORT),
        Filter("place", "位置", lambda place: lambda row: row.place == place, "choice", choices=_places),
    ),
    empty="没有库存。先登记期初库存，或向财政申领。",
)
CHECKED = {True: State("相符", "ok"), False: State("不符", "red")}
CHECK = ListPage(
    name="stock-check",
    title="库存核对",
    columns=(
        Column("kind", "票据种类", value=lambda row: row.segment.kind_name),
        Column("first", "起始号", "number", value=lambda row: bill_number(row.balance.bill_code, row.segment.first)),
        Column("last", "终止号", "number", value=lambda row: bill_number(row.balance.bill_code, row.segment.last)),
        *(
            Column(key, title, "count", value=_side(key))
            for key, title in (
                ("received", "领入"),
                ("used", "已用"),
                ("void", "作废"),
                ("returned", "退回"),
                ("remaining", "结存"),
            )
        ),
        Column("holds", "校验", "state", value=lambda row: row.balance.holds, states=CHECKED),
    ),
    empty="还没有号段。先登记期初库存，或向财政申领。",
)


class Checked(NamedTuple):
    """A row of the check: a segment and its figures."""

    segment: SegmentFacts
    balance: fates.Balance


@stock.get("/balances")
@requires(Permission.STOCK_VIEW, menu="库存结余", order=5)
def stock_balances() -> Response:
    """Show every place's balance, how long it lasts, and the standing alarms; with ``alarms`` these alone, but for low
    stock, which the balances show."""
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        holdings = [] if "alarms" in request.args else balances.holdings(connection, unit_id)
        standing = queries.standing_alarms(connection, unit_id)
    if "alarms" in request.args:
        standing = [alarm for alarm in standing if alarm.rule is not AlarmRule.LOW]
    return respond_computed(BALANCES, holdings, "stock/balances.html", alarms=standing, levels=LEVELS)


@stock.post("/alarms/<int:alarm_id>/clear")
@requires(Permission.STOCK_RECEIVE)
def clear_alarm(alarm_id: int) -> Response:
    """Mark a refused segment or a difference with finance as dealt with; a low stock clears itself."""
    alarms.settle(services(), current_actor(), alarm_id)
    say("已标记为处理完毕。")
    return see_other(url_for("stock.stock_balances"))


class RuleForm(Form):
    """A warning line, and for points what is handed out by itself."""

    place = SelectField("位置", [required])
    kind = SelectField("票据种类", [required])
    low = IntegerField("预警线（份）", [between(0, 10_000_000)], description="结余低于此数时预警；0 为不预警")
    lot = IntegerField(
        "自动补票每次份数", [between(0, 1_000_000)], description="低于预警线时自动从单位库存下发；0 为不自动补票"
    )


@stock.route("/rules", methods=["GET", "POST"])
@requires(Permission.STOCK_HAND_OUT, within="stock.stock_balances")
def rule() -> Response:
    """Set the line of one place."""
    form = RuleForm(
        place=request.args.get("place", "unit"),
        kind=request.args.get("kind", ""),
        low=request.args.get("low", 0, type=row_id),
        lot=request.args.get("lot", 0, type=row_id),
    )
    form.place.choices, form.kind.choices = [("unit", "单位库存"), *point_choices()], kind_choices()
    back = url_for("stock.stock_balances")

    def save() -> str:
        point_id = None if form.place.data == "unit" else int(str(form.place.data))
        order = rules.Rule(int(str(form.kind.data)), point_id, form.low.data or 0, form.lot.data or 0)
        rules.set_rule(services(), current_actor(), order)
        say("已保存预警线。")
        return back

    return form_page(form, save, title="预警线与自动补票", verb="保存", back=back)


@stock.get("/check")
@requires(Permission.STOCK_VIEW, menu="库存核对", order=95)
def stock_check() -> Response:
    """Check that received = used + void + returned + remaining everywhere, and show what finance counted last."""
    with services().database.read() as connection:
        check = fates.identity(fates.consistent(connection))
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        compared = queries.last_comparison(connection, unit_id)
        segments = {segment.id: segment for segment in queries.segments(connection, unit_id)}
    whole = [each for each in check.balances if each.segment_id in segments and each.place == "all"]
    differences = [each for each in check.differences if each.segment_id in segments]
    return respond_computed(
        CHECK,
        [Checked(segments[each.segment_id], each) for each in whole],
        "stock/check.html",
        places=len([each for each in check.balances if each.segment_id in segments]),
        differences=differences,
        compared=compared,
        may_ask=may(Permission.STOCK_RECEIVE),
    )


@stock.post("/check/finance")
@requires(Permission.STOCK_RECEIVE)
def compare_with_finance() -> Response:
    """Ask finance to compare now (9206)."""
    enquiries.compare_now(services())
    say("已发出核对，几秒后刷新即可看到结果。")
    return see_other(url_for("stock.stock_check"))
