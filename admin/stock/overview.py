"""库存结余 with warning lines and forecast; 库存核对: the identity, and finance's comparison."""

from __future__ import annotations

from flask import Response, request, url_for
from sqlalchemy import select

from admin.forms import Form, IntegerField, SelectField, between, required
from admin.groups import stock
from admin.shapes import State
from admin.shell import current_actor, current_staff, may, page, requires, say, see_other, services
from admin.stock.common import kind_choices, kind_words, point_choices
from portal.access.permissions import Permission
from portal.core.clock import now
from portal.domain.errors import Refusal
from portal.fiscal.stock import CHECK_TOPIC
from portal.outbox import tasks
from portal.stock import alarms, balances, fates, lists
from portal.stock.tables import ALARM, RECONCILE

LEVELS = {"empty": State("已用完", "red"), "low": State("低于预警线", "red"), "good": State("正常", "ok")}


@stock.get("/balances")
@requires(Permission.STOCK_VIEW, menu="库存结余", order=5)
def stock_balances() -> Response:
    """What every place has, how long it lasts, what warns."""
    unit_id = current_staff().unit_id
    kind, place = request.args.get("kind", ""), request.args.get("place", "")
    with services().database.read() as connection:
        found = balances.holdings(connection, unit_id)
        standing = connection.execute(
            select(ALARM).where(ALARM.c.unit_id == unit_id, ALARM.c.cleared_at.is_(None)).order_by(ALARM.c.raised_at)
        ).all()
        points = lists.points(connection, unit_id)
    shown = [each for each in found if (not kind or str(each.kind_id) == kind) and (not place or each.place == place)]
    places = [("unit", "单位库存"), *((str(row.id), f"{row.code} {row.name}") for row in points.values())]
    return page(
        "stock_balances.html",
        holdings=shown,
        alarms=standing,
        levels=LEVELS,
        kinds=kind_words().items(),
        places=places,
        kind=kind,
        place=place,
    )


@stock.post("/alarms/<int:alarm_id>/clear")
@requires(Permission.STOCK_RECEIVE)
def clear_alarm(alarm_id: int) -> Response:
    """A refused segment or a difference with finance has been dealt with; a low stock clears itself."""
    with services().database.write() as connection:
        alarms.dealt_with(connection, current_actor(), alarm_id)
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
    """Set one line."""
    form = RuleForm(
        place=request.args.get("place", "unit"),
        kind=request.args.get("kind", ""),
        low=request.args.get("low", 0, type=int),
        lot=request.args.get("lot", 0, type=int),
    )
    form.place.choices, form.kind.choices = [("unit", "单位库存"), *point_choices()], kind_choices()
    problem = ""
    if form.accepted():
        point_id = None if form.place.data == "unit" else int(str(form.place.data))
        try:
            with services().database.write() as connection:
                kind_id = int(str(form.kind.data))
                low, lot = form.low.data or 0, form.lot.data or 0
                balances.set_rule(connection, current_actor(), kind_id, point_id, low, lot)
            say("已保存预警线。")
            return see_other(url_for("stock.stock_balances"))
        except Refusal as refusal:
            problem = str(refusal)
    back = url_for("stock.stock_balances")
    return page("form.html", title="预警线与自动补票", form=form, verb="保存", back=back, problem=problem)


@stock.get("/check")
@requires(Permission.STOCK_VIEW, menu="库存核对", order=95)
def stock_check() -> Response:
    """Received = used + void + returned + remaining, everywhere; and what finance counted last."""
    with services().database.read() as connection:
        found = fates.identity(fates.consistent(connection))
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        compared = connection.execute(
            select(RECONCILE).where(RECONCILE.c.unit_id == unit_id).order_by(RECONCILE.c.id.desc()).limit(1)
        ).one_or_none()
        segments = {row.id: row for row in lists.segments(connection, unit_id)}
    balances_of = [each for each in found.balances if each.segment_id in segments and each.place == "all"]
    differences = [each for each in found.differences if each.segment_id in segments]
    return page(
        "stock_check.html",
        balances=balances_of,
        places=len([each for each in found.balances if each.segment_id in segments]),
        differences=differences,
        segments=segments,
        compared=compared,
        may_ask=may(Permission.STOCK_RECEIVE),
    )


@stock.post("/check/finance")
@requires(Permission.STOCK_RECEIVE)
def compare_with_finance() -> Response:
    """Ask finance to compare now (9206)."""
    with services().database.write() as connection:
        tasks.enqueue(connection, CHECK_TOPIC, f"{CHECK_TOPIC}:asked:{now():%Y%m%d%H%M%S}", {"now": True})
    say("已发出核对，几秒后刷新即可看到结果。")
    return see_other(url_for("stock.stock_check"))
