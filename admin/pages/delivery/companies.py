"""单位账户: companies that fetch the bills issued to them; opened, changed and ended at the desk (features §4.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, url_for
from sqlalchemy import select

from admin.kit.forms import DayField, Form, Text, required
from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, may, requires
from portal.access.permissions import Permission
from portal.core.clock import business_day, now
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name, mask_phone
from portal.ledger.persons import number_digest
from portal.listing import values as kit_values
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import COMPANY_ACCOUNT
from portal.retrieval import company
from portal.retrieval.company import Terms
from portal.web.edge import see_other, services

STATES = {"open": State("有效", "ok"), "revoked": State("已撤销", "red"), "over": State("已到期")}
_WHERE = {
    "open": lambda: COMPANY_ACCOUNT.c.revoked_at.is_(None) & (COMPANY_ACCOUNT.c.valid_until > now()),
    "over": lambda: COMPANY_ACCOUNT.c.revoked_at.is_(None) & (COMPANY_ACCOUNT.c.valid_until <= now()),
    "revoked": lambda: COMPANY_ACCOUNT.c.revoked_at.is_not(None),
}


def _said(row: Any, name: str) -> str:
    return company.opened(services(), row)[name]


COMPANIES = ListPage(
    name="companies",
    title="单位账户",
    order=(COMPANY_ACCOUNT.c.created_at, COMPANY_ACCOUNT.c.id),
    columns=(
        Column("created_at", "开通时间", "time"),
        Column("name", "单位名称", "long", value=lambda row: _said(row, "name")),
        Column("code", "统一社会信用代码", value=lambda row: _said(row, "code")),
        Column("contact", "经办人", value=lambda row: mask_name(_said(row, "contact"))),
        Column("phone", "手机号", value=lambda row: mask_phone(_said(row, "phone"))),
        Column("document", "核对材料", "long", value=lambda row: _said(row, "document"), shown=False),
        Column("valid_until", "有效至", "date", value=lambda row: row.valid_until - timedelta(seconds=1)),
        Column(
            "state",
            "状态",
            "state",
            value=lambda row: "revoked" if row.revoked_at else "over" if row.valid_until <= now() else "open",
            states=STATES,
        ),
        Column("created_by", "开通人", shown=False, value=lambda row: kit_values.actor(row.created_by)),
    ),
    filters=(
        Filter("code", "信用代码", lambda typed: COMPANY_ACCOUNT.c.number_digest == number_digest(services(), typed)),
        Filter(
            "state",
            "状态",
            lambda state: _WHERE[state](),
            "choice",
            choices={code: state.title for code, state in STATES.items()},
        ),
    ),
    empty="还没有开通过。团检等开给单位的票据，由单位经办人带材料到窗口开通账户后自己查询、下载。",
    acts=lambda row: (
        [
            Act("修改", url_for("delivery.change_company", company_id=row.id)),
            Act("撤销", url_for("delivery.end_company", company_id=row.id)),
        ]
        if may(Permission.DELIVERY_SEND) and row.revoked_at is None
        else []
    ),
)


@delivery.get("/companies")
@requires(Permission.DELIVERY_VIEW, menu="单位账户", order=50)
def companies() -> Response:
    """Which companies fetch their bills themselves; contacts masked."""
    return respond(
        COMPANIES,
        select(COMPANY_ACCOUNT).where(COMPANY_ACCOUNT.c.unit_id == current_staff().unit_id),
        "delivery/companies.html",
    )


class CompanyForm(Form):
    """A company as its bills name it; who may fetch, until when, and what the clerk has seen."""

    name = Text("单位名称", [required], most=100, description="与票据上的交款人一致")
    code = Text("统一社会信用代码", [required], most=20)
    contact = Text("经办人姓名", [required], most=100)
    phone = Text("经办人手机号（收验证码用）", [required], most=40)
    until = DayField("有效至", [required], description="最长三年，到期后可以续")
    document = Text(
        "核对了什么材料", [required], most=60, description="例如：营业执照复印件、盖章的介绍信、经办人身份证"
    )

    def terms(self) -> Terms:
        """Who, until when, on what ground."""
        return Terms(self.contact.data, self.phone.data, self.until.data, self.document.data)


class TermsForm(CompanyForm):
    """The same for a company that is known; who is left empty stays."""

    name = code = None  # type: ignore[assignment]
    contact = Text("新的经办人姓名", most=100, description="留空表示不变")
    phone = Text("新的经办人手机号", most=40, description="留空表示不变")


@delivery.route("/companies/new", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.companies")
def new_company() -> Response:
    """Open an account after the documents were seen."""
    form, problem = CompanyForm(data={"until": business_day(now()) + timedelta(days=365)}), ""
    if form.accepted():
        try:
            made = company.open_account(services(), current_actor(), form.name.data, form.code.data, form.terms())
        except Refusal as refusal:
            problem = str(refusal)
        else:
            say(f"已开通。{_found(made)}经办人在取票页面选“单位取票”，用手机验证码登录。")
            return see_other(url_for("delivery.companies"))
    return _form("开通单位账户", form, "开通", problem)


def _found(company_id: int) -> str:
    with services().database.read() as connection:
        row = company.standing(connection, current_staff().unit_id, company_id)
        own, others = company.matching(connection, row)
    other = f"另有 {others} 张同一信用代码、但交款人名称不同的票据不会显示，请核对名称。" if others else ""
    return f"现在有 {own} 张票据可取。{other}"


@delivery.route("/companies/<int:company_id>/change", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.companies")
def change_company(company_id: int) -> Response:
    """Another contact, phone or last day."""
    with services().database.read() as connection:
        row = company.standing(connection, current_staff().unit_id, company_id)
    held = company.opened(services(), row)
    form, problem = TermsForm(data={"until": business_day(row.valid_until - timedelta(seconds=1))}), ""
    if form.accepted():
        try:
            company.change(services(), current_actor(), company_id, form.terms())
        except Refusal as refusal:
            problem = str(refusal)
        else:
            say("已保存，立即生效。")
            return see_other(url_for("delivery.companies"))
    lead = f"{held['name']}，现在的经办人 {mask_name(held['contact'])}，手机 {mask_phone(held['phone'])}。"
    return _form("修改单位账户", form, "保存", problem, lead=lead)


class EndForm(Form):
    """Asks once more."""


@delivery.route("/companies/<int:company_id>/end", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.companies")
def end_company(company_id: int) -> Response:
    """Revoke an account, after asking."""
    with services().database.read() as connection:
        name = company.opened(services(), company.standing(connection, current_staff().unit_id, company_id))["name"]
    form = EndForm()
    if form.accepted():
        company.revoke(services(), current_actor(), company_id)
        say("已撤销，单位立即不能再查看。")
        return see_other(url_for("delivery.companies"))
    lead = f"撤销后 {name} 立即不能再用这个账户查看票据。确定吗？"
    return _form("撤销单位账户", form, "撤销", "", lead=lead, danger=True)


def _form(title: str, form: Form, verb: str, problem: str, **more: Any) -> Response:
    status = 422 if problem or form.errors else 200
    values = {"title": title, "form": form, "verb": verb, "problem": problem} | more
    return page("kit/form.html", status, back=url_for("delivery.companies"), **values)
