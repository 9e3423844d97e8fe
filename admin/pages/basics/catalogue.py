"""Pages of 收费明细: the catalogue of manual issue."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from wtforms import StringField

from admin.kit.form_page import form_page
from admin.kit.forms import DayField, Form, SelectField, Text, choices, length, optional, required
from admin.kit.groups import basics
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from portal.access.permissions import Permission
from portal.core.clock import business_day, now
from portal.domain.money import micro_text
from portal.hospital.queries import state_on
from portal.issuing.manual import catalogue
from portal.issuing.manual.catalogue import AREAS
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import CATALOGUE_ITEM
from portal.web.edge import see_other, services


def _state(row: Any) -> str:
    return state_on(row.valid_from, row.valid_until, business_day(now())) if row.active else "off"


def _acts(row: Any) -> list[Act]:
    if not may(Permission.CATALOGUE_EDIT):
        return []
    return [Act("修改", url_for("basics.edit_item", item_id=row.id))]


ITEMS = ListPage(
    name="catalogue",
    title="收费明细",
    order=(CATALOGUE_ITEM.c.area, CATALOGUE_ITEM.c.code),
    ascending=True,
    columns=(
        Column("area", "类别", value=lambda row: AREAS[row.area]),
        Column("code", "项目编码"),
        Column("name", "项目名称", "long"),
        Column("charge", "收费项目", value=lambda row: f"{row.charge_code} {row.charge_name or ''}"),
        Column("unit", "单位"),
        Column("price_micro", "标准", "price"),
        Column("low_micro", "标准下限", "price"),
        Column("high_micro", "标准上限", "price"),
        Column("valid_from", "生效日期", "date"),
        Column("valid_until", "失效日期", "date"),
        Column(
            "state",
            "状态",
            "state",
            value=_state,
            states={
                "on": State("有效", "ok"),
                "off": State("已停用"),
                "later": State("未生效", "wait"),
                "over": State("已失效", "red"),
            },
        ),
    ),
    filters=(
        Filter("area", "类别", catalogue.in_area, "choice", choices=AREAS),
        Filter("text", "编码或名称", catalogue.matches),
        Filter(
            "active",
            "启用",
            lambda value: catalogue.in_use(value == "yes"),
            "choice",
            choices={"yes": "启用", "no": "停用"},
        ),
    ),
    empty="没有符合条件的收费明细。有权限的人可以在上面新增。",
    acts=_acts,
)


class ItemForm(Form):
    """One item of the catalogue."""

    area = SelectField("类别", choices=choices(AREAS.items()))
    code = Text("项目编码", [required], most=50)
    name = StringField("项目名称", [required, length(1, 100)])  # as it is printed: full-width brackets stay
    charge_code = SelectField("收费项目", description="票面上归入的财政收费项目")
    unit = Text("单位", most=20)
    price = Text("标准", description="元，开票时不填即按此价；可空", most=14)
    low = Text("标准下限", description="元，可空", most=14)
    high = Text("标准上限", description="元，可空", most=14)
    valid_from = DayField("生效日期", [optional])
    valid_until = DayField("失效日期", [optional])

    def typed(self) -> dict[str, str]:
        """Return the values as the service takes them."""
        return {field.name: str(field.data or "") for field in self}


@basics.get("/catalogue")
@requires(Permission.CATALOGUE_VIEW, menu="收费明细", order=60)
def items() -> Response:
    """List the catalogue."""
    return respond(ITEMS, catalogue.items(current_staff().unit_id), "basics/catalogue.html")


@basics.route("/catalogue/new", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_EDIT, within="basics.items")
def new_item() -> Response:
    """Add an item."""
    return _edit(ItemForm(), 0, "新增收费明细")


@basics.route("/catalogue/<int:item_id>", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_EDIT, within="basics.items")
def edit_item(item_id: int) -> Response:
    """Change an item; its code stays."""
    with services().database.read() as connection:
        item = catalogue.item_of(connection, current_staff().unit_id, item_id)
    prices: dict[str, Any] = {
        name: micro_text(value, 2)
        for name in ("price", "low", "high")
        if (value := getattr(item, f"{name}_micro")) is not None
    }
    form = ItemForm(item, **prices)
    form.code.render_kw = {"readonly": True}
    return _edit(form, item_id, f"修改 {item.code}", item.active)


def _edit(form: ItemForm, item_id: int, title: str, active: bool | None = None) -> Response:
    with services().database.read() as connection:
        charges = catalogue.load(connection, current_staff().unit_id).charges
    form.charge_code.choices = choices((code, f"{code} {name}") for code, name in sorted(charges.items()))
    back = url_for("basics.items")

    def act() -> str:
        catalogue.save(services(), current_actor(), form.typed(), item_id)
        say("已保存。")
        return back

    template = "basics/catalogue_item.html"
    return form_page(form, act, title=title, back=back, template=template, item_id=item_id, active=active)


@basics.post("/catalogue/<int:item_id>/switch")
@requires(Permission.CATALOGUE_EDIT, within="basics.items")
def switch_item(item_id: int) -> Response:
    """Take an item out of use, or back into it."""
    active = request.form.get("active") == "1"
    catalogue.switch(services(), current_actor(), item_id, active)
    say("已启用。" if active else "已停用，开票时不能再选。")
    return see_other(url_for("basics.items"))
