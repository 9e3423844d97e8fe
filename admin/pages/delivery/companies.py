"""Pages of 单位账户: companies that fetch the bills issued to them; opened, changed and ended at the desk."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import DayField, Form, Text, required
from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from portal.access.permissions import Permission
from portal.core.clock import business_day, now
from portal.domain.identity import mask_name, mask_phone
from portal.listing import values as kit_values
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import COMPANY_ACCOUNT
from portal.retrieval import company, queries
from portal.retrieval.company import Terms
from portal.web.edge import services

STATES = {"open": State("有效", "ok"), "revoked": State("已撤销", "red"), "over": State("已到期")}


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
        Filter("code", "信用代码", lambda code: queries.company_code_is(services(), code)),
        Filter(
            "state",
            "状态",
            queries.company_state_is,
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
    """List the companies that fetch their bills themselves; contacts are masked."""
    return respond(COMPANIES, queries.company_accounts(current_staff().unit_id), "delivery/companies.html")


class CompanyForm(Form):
    """A company as its bills name it, its contact, the last day, and the documents that the clerk has seen."""

    name = Text("单位名称", [required], most=100, description="与票据上的交款人一致")
    code = Text("统一社会信用代码", [required], most=20)
    contact = Text("经办人姓名", [required], most=100)
    phone = Text("经办人手机号（收验证码用）", [required], most=40)
    until = DayField("有效至", [required], description="最长三年，到期后可以续")
    document = Text(
        "核对了什么材料", [required], most=60, description="例如：营业执照复印件、盖章的介绍信、经办人身份证"
    )

    def terms(self) -> Terms:
        """Return the terms of the account."""
        return Terms(self.contact.data, self.phone.data, self.until.data, self.document.data)


class TermsForm(CompanyForm):
    """The same for an account that is there; a contact or phone that is left empty stays."""

    name = code = None  # type: ignore[assignment]
    contact = Text("新的经办人姓名", most=100, description="留空表示不变")
    phone = Text("新的经办人手机号", most=40, description="留空表示不变")


@delivery.route("/companies/new", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.companies")
def new_company() -> Response:
    """Open an account after the documents were seen."""
    form, back = CompanyForm(data={"until": business_day(now()) + timedelta(days=365)}), url_for("delivery.companies")

    def act() -> str:
        company_id = company.open_account(services(), current_actor(), form.name.data, form.code.data, form.terms())
        say(f"已开通。{_bills_told(company_id)}经办人在取票页面选“单位取票”，用手机验证码登录。")
        return back

    return form_page(form, act, title="开通单位账户", verb="开通", back=back)


def _bills_told(company_id: int) -> str:
    with services().database.read() as connection:
        own, others = company.matching(connection, current_staff().unit_id, company_id)
    other = f"另有 {others} 张同一信用代码、但交款人名称不同的票据不会显示，请核对名称。" if others else ""
    return f"现在有 {own} 张票据可取。{other}"


@delivery.route("/companies/<int:company_id>/change", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.companies")
def change_company(company_id: int) -> Response:
    """Change the contact, the phone or the last day of an account."""
    account = _account(company_id)
    form, back = TermsForm(data={"until": account.last_day}), url_for("delivery.companies")

    def act() -> str:
        company.change(services(), current_actor(), company_id, form.terms())
        say("已保存，立即生效。")
        return back

    lead = f"{account.name}，现在的经办人 {mask_name(account.contact)}，手机 {mask_phone(account.phone)}。"
    return form_page(form, act, title="修改单位账户", verb="保存", back=back, lead=lead)


@delivery.route("/companies/<int:company_id>/end", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.companies")
def end_company(company_id: int) -> Response:
    """Revoke an account, after asking."""
    account, back = _account(company_id), url_for("delivery.companies")

    def act() -> str:
        company.revoke(services(), current_actor(), company_id)
        say("已撤销，单位立即不能再查看。")
        return back

    lead = f"撤销后 {account.name} 立即不能再用这个账户查看票据。确定吗？"
    return form_page(Form(), act, title="撤销单位账户", verb="撤销", back=back, lead=lead, danger=True)


def _account(company_id: int) -> company.Account:
    with services().database.read() as connection:
        return company.account(services(), connection, current_staff().unit_id, company_id)
