"""Pages of 单位, 业务科室, 复核人, and of what finance grants: 票据种类, 收入项目."""

from __future__ import annotations

from flask import Response, url_for
from wtforms import StringField

from admin.kit.crud import KeptPages, edit_acts, register, simple
from admin.kit.form_page import form_page
from admin.kit.forms import BooleanField, Form, Text, length, required
from admin.kit.groups import basics as group
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.delivery.notice_slips import pdf_response
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.hospital import master_data, queries
from portal.listing.columns import Column
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import BILL_KIND, DEPARTMENT, INCOME_ITEM, REVIEWER
from portal.rendering.papers.patient_papers import SIZES
from portal.retrieval import files
from portal.web.edge import services

FORMS = {
    "outpatient": "医疗门诊",
    "inpatient": "医疗住院",
    "general": "资金往来",
    "donation": "公益捐赠",
    "voucher": "预交金凭证",
    "paper": "纸质票据",
}
ON_OFF = {True: State("启用", "ok"), False: State("停用", "red")}


def name_field(label: str, most: int = 100, needed: bool = True, hint: str = "") -> StringField:
    """Return a field of text that is printed as it is typed: full-width brackets stay."""
    checks = [required, length(1, most)] if needed else [length(0, most)]
    return StringField(label, checks, filters=[lambda value: (value or "").strip()], description=hint)


class UnitForm(Form):
    """What the hospital may change of its unit; code and credit code come with the licence."""

    name = name_field("单位名称（印在票面上）", 200)
    short_name = name_field("简称（患者页面）", 60)
    org_type = name_field("医疗机构类型", 60)
    desk_place = name_field("咨询窗口", 60, needed=False, hint="患者遇到困难时去哪里，例如：1号收费窗口")
    desk_phone = Text("咨询电话", most=40)
    desk_hours = name_field("咨询时间", 60, needed=False)


@group.route("/unit", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_VIEW, menu="单位", order=10)
def unit() -> Response:
    """Show the unit and change its names, its type, and where patients find help."""
    with services().database.read() as connection:
        kept = queries.unit(connection, current_staff().unit_id)
    form, here = UnitForm(kept), url_for("basics.unit")

    def act() -> str:
        require_edit()
        master_data.save_unit(services(), current_actor(), dict(form.data))
        say("已保存。新开的票据和患者页面几秒后按新的信息显示，已开的票据不变。")
        return here

    return form_page(form, act, title="单位", back=here, template="basics/unit.html", shown=(), unit=kept)


@group.get("/unit/poster/<string:size>")
@requires(Permission.CATALOGUE_VIEW, within="basics.unit")
def poster(size: str) -> Response:
    """Answer the hospital code as a poster to print: a4 or a3."""
    if size.upper() not in SIZES:
        raise Refusal("PAGE_NOT_FOUND")
    with services().database.read() as connection:
        kept = queries.unit(connection, current_staff().unit_id)
    file = files.poster(services(), kept.code, size.upper())
    return pdf_response(file.data, file.name)


def require_edit() -> None:
    """Check that the person may edit. Raises PERMISSION_MISSING."""
    if not may(Permission.CATALOGUE_EDIT):
        raise Refusal("PERMISSION_MISSING", title="维护基础信息")


KINDS = ListPage(
    name="kinds",
    title="票据种类",
    order=(BILL_KIND.c.prefix,),
    ascending=True,
    columns=(
        Column("prefix", "种类代码", "number"),
        Column("name", "票据名称", "long"),
        Column("form", "票面", value=lambda row: FORMS.get(row.form, row.form)),
        Column("specimen_code", "票样编码", "number"),
        Column("paper_prefix", "对应纸质种类", "number"),
    ),
    empty="财政还没有下发票据种类。",
)


@group.get("/kinds")
@requires(Permission.CATALOGUE_VIEW, menu="票据种类", order=20)
def kinds() -> Response:
    """Show the bill kinds that finance has granted."""
    return respond(KINDS, queries.bill_kinds())


INCOME_ITEMS = ListPage(
    name="income-items",
    title="收入项目",
    order=(INCOME_ITEM.c.code,),
    ascending=True,
    columns=(
        Column("code", "项目编码", "number"),
        Column("name", "项目名称", "long"),
        Column("active", "状态", "state", states=ON_OFF),
        Column("received_at", "下发时间", "time"),
    ),
    empty="财政还没有下发收入项目。",
)


@group.get("/income-items")
@requires(Permission.CATALOGUE_VIEW, menu="收入项目", order=30)
def income_items() -> Response:
    """Show the income items of finance, which nobody changes here."""
    return respond(INCOME_ITEMS, queries.income_items())


DEPARTMENTS = ListPage(
    name="departments",
    title="业务科室",
    order=(DEPARTMENT.c.code,),
    ascending=True,
    columns=(
        Column("code", "科室编码", "number"),
        Column("name", "科室名称", "long"),
        Column("general_name", "对外通用名", "long"),
    ),
    empty="还没有业务科室。新增后，患者页面对敏感科室显示通用名。",
    acts=edit_acts("basics.edit_department"),
)


class DepartmentForm(Form):
    """One department."""

    code = Text("科室编码", [required], most=50)
    name = name_field("科室名称", 200)
    general_name = name_field("对外通用名", 60, needed=False, hint="敏感科室对外显示的名称，例如：专科门诊；可空")


register(
    KeptPages(
        "department",
        "/departments",
        "科室",
        45,
        DEPARTMENTS,
        queries.departments,
        simple("department", DepartmentForm, "basics.departments"),
        "departments",
    )
)


REVIEWERS = ListPage(
    name="reviewers",
    title="复核人",
    order=(REVIEWER.c.code,),
    ascending=True,
    columns=(
        Column("code", "编码", "number"),
        Column("name", "姓名", "long"),
        Column("active", "状态", "state", states=ON_OFF),
    ),
    empty="还没有复核人。新增后手工开票时可以选择。",
    acts=edit_acts("basics.edit_reviewer"),
)


class ReviewerForm(Form):
    """One reviewer."""

    code = Text("编码", [required], most=50)
    name = name_field("姓名", 100)
    active = BooleanField("启用", default=True)


register(
    KeptPages(
        "reviewer",
        "/reviewers",
        "复核人",
        80,
        REVIEWERS,
        queries.reviewers,
        simple("reviewer", ReviewerForm, "basics.reviewers"),
    )
)
