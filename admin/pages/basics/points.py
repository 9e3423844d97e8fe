"""开票点 and 收费项目对照: who may issue what where, and how the hospital's charges become fiscal items."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from sqlalchemy import Select, func, select

from admin.kit.crud import edit_acts, keep, kept, kept_pages, of_unit, saved
from admin.kit.forms import (
    BooleanField,
    DayField,
    Form,
    SelectField,
    SelectMultipleField,
    Text,
    YuanField,
    choices,
    optional,
    required,
)
from admin.kit.page import page
from admin.kit.security import current_actor, current_staff
from admin.pages.basics.hospital import ON_OFF, name_field
from portal.core.clock import business_day, now
from portal.hospital import master_data
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import (
    BILL_KIND,
    CHARGE_ITEM,
    INCOME_ITEM,
    POINT,
    POINT_KIND,
    PRINTER,
    STAFF_ACCOUNT,
    STAFF_POINT,
)
from portal.web.edge import services

POINT_TYPES = {"window": "窗口", "kiosk": "自助机", "online": "线上", "emergency": "应急"}

_bound = select(STAFF_POINT.c.point_id, func.count().label("staff")).group_by(STAFF_POINT.c.point_id).subquery()
_allowed = select(POINT_KIND.c.point_id, func.count().label("kinds")).group_by(POINT_KIND.c.point_id).subquery()
_printers = (
    select(PRINTER.c.point_id, func.min(PRINTER.c.name).label("printer")).group_by(PRINTER.c.point_id).subquery()
)

POINTS = ListPage(
    name="points",
    title="开票点",
    order=(POINT.c.code,),
    ascending=True,
    columns=(
        Column("code", "编码", "number"),
        Column("name", "名称", "long"),
        Column(
            "kind",
            "类型",
            "state",
            states={
                name: State(title, "wait" if name == "emergency" else "plain") for name, title in POINT_TYPES.items()
            },
        ),
        Column("active", "状态", "state", states=ON_OFF),
        Column("kinds", "允许票种", value=lambda row: f"{row.kinds} 种" if row.kinds else "全部"),
        Column("staff", "挂接人员", "count"),
        Column("printer", "打印机"),
    ),
    empty="还没有开票点。",
    acts=edit_acts("basics.edit_point"),
)


class PointForm(Form):
    """One point."""

    code = Text("编码", [required], most=50)
    name = name_field("名称", 100)
    kind = SelectField("类型", choices=choices(POINT_TYPES.items()), description="应急开票点只用预留的应急号段")
    active = BooleanField("启用（停用后不能再开票）", default=True)
    kinds = SelectMultipleField("允许票种（都不选表示全部）", coerce=int)
    staff = SelectMultipleField("挂接人员", coerce=int)


def _points() -> Select[Any]:
    return (
        select(
            POINT,
            func.coalesce(_allowed.c.kinds, 0).label("kinds"),
            func.coalesce(_bound.c.staff, 0).label("staff"),
            _printers.c.printer,
        )
        .select_from(
            POINT.outerjoin(_allowed, _allowed.c.point_id == POINT.c.id)
            .outerjoin(_bound, _bound.c.point_id == POINT.c.id)
            .outerjoin(_printers, _printers.c.point_id == POINT.c.id)
        )
        .where(POINT.c.unit_id == current_staff().unit_id)
    )


def _point(row_id: int, title: str) -> Response:
    """One point; stock and printers have pages of their own."""
    row = kept("point", row_id)
    with services().database.read() as connection:
        allowed = list(connection.scalars(select(POINT_KIND.c.kind_id).where(POINT_KIND.c.point_id == row_id)))
        bound = list(connection.scalars(select(STAFF_POINT.c.account_id).where(STAFF_POINT.c.point_id == row_id)))
        form = PointForm(row, kinds=allowed, staff=bound) if row_id else PointForm()
        kinds = connection.execute(
            select(BILL_KIND.c.id, BILL_KIND.c.name).where(BILL_KIND.c.form != "paper").order_by(BILL_KIND.c.prefix)
        )
        form.kinds.choices = choices((str(row.id), row.name) for row in kinds)
        staff = connection.execute(
            select(STAFF_ACCOUNT.c.id, STAFF_ACCOUNT.c.username, STAFF_ACCOUNT.c.name)
            .where(STAFF_ACCOUNT.c.unit_id == current_staff().unit_id, STAFF_ACCOUNT.c.active)
            .order_by(STAFF_ACCOUNT.c.username)
        )
        form.staff.choices = choices((str(row.id), f"{row.name}（{row.username}）") for row in staff)

    def save() -> None:
        values = {name: form[name].data for name in ("code", "name", "kind", "active")}
        master_data.save_point(services(), current_actor(), row_id, values, form.kinds.data, form.staff.data)

    return saved(form, save, "basics.points", title, "basics/point.html")


kept_pages("point", "/points", "开票点", 40, POINTS, _point, _points)


def _state(row: Any) -> str:
    today = business_day(now())
    if row.valid_from and row.valid_from > today:
        return "later"
    return "over" if row.valid_until and row.valid_until < today else "on"


CHARGES = ListPage(
    name="charge-items",
    title="收费项目对照",
    order=(CHARGE_ITEM.c.code,),
    ascending=True,
    columns=(
        Column("code", "院内编码", "number"),
        Column("name", "院内名称", "long"),
        Column("fiscal", "财政收入项目", "long", value=lambda row: f"{row.fiscal_code} {row.fiscal_name}"),
        Column("low_fen", "单行下限", "money"),
        Column("high_fen", "单行上限", "money"),
        Column("valid_from", "生效日期", "date"),
        Column("valid_until", "失效日期", "date"),
        Column(
            "state",
            "状态",
            "state",
            value=_state,
            states={"on": State("有效", "ok"), "later": State("未生效", "wait"), "over": State("已失效", "red")},
        ),
    ),
    filters=(
        Filter(
            "text",
            "编码或名称",
            lambda text: (CHARGE_ITEM.c.code == text) | CHARGE_ITEM.c.name.contains(text, autoescape=True),
        ),
    ),
    empty="没有符合条件的对照。没有对照的院内项目会原样印在票面上。",
    acts=edit_acts("basics.edit_charge"),
)


class ChargeForm(Form):
    """One mapping."""

    code = Text("院内编码", [required], most=50)
    name = name_field("院内名称", 100)
    fiscal_code = SelectField("财政收入项目")
    low_fen = YuanField("单行下限（元）", description="可空；HIS 推送的该项目金额低于它时，票据带提醒")
    high_fen = YuanField("单行上限（元）", description="可空；高于它时，票据带提醒")
    valid_from = DayField("生效日期", [optional])
    valid_until = DayField("失效日期", [optional], description="到期后不再对照，该项目原样印在票面上")


def _charge(row_id: int, title: str) -> Response:
    form = ChargeForm(kept("charge_item", row_id))
    with services().database.read() as connection:
        known = connection.execute(
            select(INCOME_ITEM.c.code, INCOME_ITEM.c.name).where(INCOME_ITEM.c.active).order_by(INCOME_ITEM.c.code)
        )
        names = {row.code: row.name for row in known}
    if form.fiscal_code.object_data and form.fiscal_code.object_data not in names:
        names[form.fiscal_code.object_data] = "（财政未下发）"
    form.fiscal_code.choices = choices((code, f"{code} {name}") for code, name in names.items())
    problem = ""
    if request.method == "POST" and form.low_fen.data and form.high_fen.data and form.low_fen.data > form.high_fen.data:
        problem = "单行下限不能大于上限。"
    elif request.method == "POST" and form.valid_from.data and form.valid_until.data:
        problem = "" if form.valid_from.data <= form.valid_until.data else "生效日期不能晚于失效日期。"
    if problem:
        back = url_for("basics.charges")
        return page("kit/form.html", 422, title=title, form=form, verb="保存", back=back, problem=problem)
    chosen = form.fiscal_code.data or ""
    kept_name = not chosen or chosen == form.fiscal_code.object_data
    more = {} if kept_name else {"fiscal_name": names.get(chosen, "")}
    return keep("charge_item", row_id, form, title, "basics.charges", more)


kept_pages("charge", "/charge-items", "对照", 50, CHARGES, _charge, of_unit(CHARGE_ITEM))
