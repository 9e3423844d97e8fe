"""Pages of 开票点 and 收费项目对照: points with kinds and staff, and the fiscal items of charges."""

from __future__ import annotations

from flask import Response
from wtforms import ValidationError

from admin.kit.crud import KeptPages, edit_acts, keep, kept, register, saved
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
from admin.kit.security import current_actor, current_staff
from admin.pages.basics.hospital import ON_OFF, name_field
from portal.core.clock import business_day, now
from portal.hospital import master_data, queries
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import CHARGE_ITEM, POINT
from portal.web.edge import services

POINT_TYPES = {"window": "窗口", "kiosk": "自助机", "online": "线上", "emergency": "应急"}

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


def _point(row_id: int, title: str) -> Response:
    """Answer the page of one point; stock and printers have pages of their own."""
    point = kept("point", row_id)
    with services().database.read() as connection:
        bindings = queries.point_bindings(connection, current_staff().unit_id, row_id)
    form = PointForm(point, kinds=bindings.kinds, staff=bindings.staff) if row_id else PointForm()
    form.kinds.choices = choices((str(kind_id), word) for kind_id, word in bindings.all_kinds.items())
    form.staff.choices = choices((str(account_id), word) for account_id, word in bindings.all_staff.items())

    def save() -> None:
        values = {name: form[name].data for name in ("code", "name", "kind", "active")}
        master_data.save_point(services(), current_actor(), row_id, values, form.kinds.data, form.staff.data)

    return saved(form, save, "basics.points", title, "basics/point.html")


register(KeptPages("point", "/points", "开票点", 40, POINTS, queries.points, _point))


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
            value=lambda row: queries.state_on(row.valid_from, row.valid_until, business_day(now())),
            states={"on": State("有效", "ok"), "later": State("未生效", "wait"), "over": State("已失效", "red")},
        ),
    ),
    filters=(Filter("text", "编码或名称", queries.charge_item_matches),),
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

    def validate_high_fen(self, field: YuanField) -> None:
        """Check that the bounds are in order."""
        if self.low_fen.data and field.data and self.low_fen.data > field.data:
            raise ValidationError("单行下限不能大于上限。")

    def validate_valid_until(self, field: DayField) -> None:
        """Check that the days are in order."""
        if self.valid_from.data and field.data and self.valid_from.data > field.data:
            raise ValidationError("生效日期不能晚于失效日期。")


def _charge(row_id: int, title: str) -> Response:
    """Answer the page of one mapping."""
    form = ChargeForm(kept("charge_item", row_id))
    with services().database.read() as connection:
        names = queries.active_income_items(connection)
    present = form.fiscal_code.object_data
    if present and present not in names:
        names[present] = "（财政未下发）"
    form.fiscal_code.choices = choices((code, f"{code} {name}") for code, name in names.items())
    chosen = form.fiscal_code.data or ""
    more = {} if not chosen or chosen == present else {"fiscal_name": names.get(chosen, "")}
    return keep("charge_item", row_id, form, title, "basics.charges", more)


register(KeptPages("charge", "/charge-items", "对照", 50, CHARGES, queries.charge_items, _charge, "charge-items"))
