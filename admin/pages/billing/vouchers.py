"""预交金凭证: list, search, one voucher with its ledger, and the statement of an admission."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from admin.kit.filters import AT_POINT, POINT_COLUMN
from admin.kit.groups import billing
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.reasons import enough_for_a_look, gate
from admin.kit.security import current_actor, current_staff, requires
from admin.pages.delivery.notice_slips import chosen_paper
from portal import audit
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.core.clock import now
from portal.domain.documents.settlement import CHANNELS
from portal.domain.documents.voucher import Movement, VoucherForm, VoucherScene
from portal.domain.errors import Refusal
from portal.domain.identity import mask_card, mask_id, mask_name, mask_phone
from portal.domain.numbers import bill_number
from portal.hospital import protected_persons
from portal.issuing.paper import notice_slips
from portal.issuing.vouchers import approvals as vouchers_approvals
from portal.issuing.vouchers import paper
from portal.ledger import vouchers as queries
from portal.ledger.vouchers import VoucherFacts
from portal.listing.columns import Column
from portal.listing.filters import Filter, day_filters, scene_filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import VOUCHER
from portal.web.edge import see_other, services

_TONES = {"open": "ok", "part": "wait", "cancelled": "red", "cancellation": "red"}
STATES = {state: State(title, _TONES.get(state, "plain")) for state, title in queries.STATES.items()}

VOUCHERS = ListPage(
    name="vouchers",
    title="预交金凭证",
    order=queries.NEWEST,
    columns=(
        Column("issued_at", "开具时间", "time"),
        Column("form", "单据", value=lambda row: VoucherForm(row.form).title),
        Column(
            "number",
            "凭证号码",
            "number",
            value=lambda row: bill_number(row.code, row.number),
            link=lambda row: url_for("billing.voucher", voucher_id=row.voucher_id),
        ),
        Column("payer", "患者", value=lambda row: queries.masked_payer(services(), row)),
        Column("amount_fen", "金额", "money"),
        Column("balance_fen", "余额", "money", total=True),
        Column("state", "状态", "state", value=lambda row: queries.facts_of(row).state, states=STATES),
        POINT_COLUMN,
        Column("cashier", "收款人"),
        Column("scene", "用途", value=lambda row: VoucherScene(row.scene).title, shown=False),
        Column("department", "科室", shown=False),
        Column("serial", "业务流水号", shown=False),
        Column("reason", "原因", "long", shown=False),
    ),
    filters=(
        *day_filters(VOUCHER.c.business_day, 29),
        Filter(
            "form",
            "单据",
            queries.of_form,
            "choice",
            choices={form.value: form.title for form in VoucherForm},
        ),
        scene_filter(VOUCHER.c.scene, VoucherScene, "用途"),
        AT_POINT,
    ),
    empty="这段时间没有预交金凭证。HIS 收取预交金或在这里开具后会出现；也可以放宽日期再查。",
)


@billing.get("/vouchers")
@requires(Permission.VOUCHERS_VIEW, menu="预交金凭证", order=60)
def vouchers() -> Response:
    """Show the unit's vouchers, newest first."""
    return respond(VOUCHERS, queries.of_unit(current_staff().unit_id), "billing/vouchers.html", typed="")


@billing.post("/vouchers/find")
@requires(Permission.VOUCHERS_VIEW, within="billing.vouchers")
def find_vouchers() -> Response:
    """Find one admission's statement by a number typed or scanned; the number stays out of the address."""
    with services().database.read() as connection:
        found = queries.deposits_of(
            services(), connection, current_staff().unit_id, request.form.get("number", "")[:60]
        )
    if not found:
        say("没有找到预交金凭证。请核对住院号、证件号或凭证号码；HIS 未推送的可在这里开具。", "warning")
        return see_other(url_for("billing.vouchers"))
    return see_other(url_for("billing.voucher_statement", voucher_id=found[0].voucher_id))


def own_voucher(voucher_id: int) -> VoucherFacts:
    """Return the unit's voucher, to be looked at. Raises PAGE_NOT_FOUND, ReasonNeeded."""
    with services().database.read() as connection:
        found = queries.by_id(connection, current_staff().unit_id, voucher_id)
        if found is None:
            raise Refusal("PAGE_NOT_FOUND")
        marks = protected_persons.of_voucher(connection, found.unit_id, found.of_id or found.voucher_id)
    gate(marks, f"voucher {voucher_id}")
    return found


@billing.get("/vouchers/<int:voucher_id>")
@requires(Permission.VOUCHERS_VIEW, within="billing.vouchers")
def voucher(voucher_id: int) -> Response:
    """One voucher: money, patient (masked), ledger, papers."""
    return _show(own_voucher(voucher_id), revealed=False)


@billing.post("/vouchers/<int:voucher_id>/reveal")
@requires(Permission.PERSONS_REVEAL, within="billing.vouchers")
def reveal_voucher(voucher_id: int) -> Response:
    """Show the same page with the patient in full, once; the reveal is audited."""
    facts, actor = own_voucher(voucher_id), current_actor()
    reason = request.form.get("reason", "").strip()[:100]
    if wrong := enough_for_a_look(reason):
        return _show(facts, revealed=False, problem=wrong)
    audit.note(services(), actor, "person.revealed", ("voucher", voucher_id), {"reason": reason})
    return _show(facts, revealed=True)


def _show(facts: VoucherFacts, revealed: bool, problem: str = "") -> Response:
    with services().database.read() as connection:
        name = queries.payer_name(services(), connection, facts)
        person = queries.identity(services(), connection, facts)
        phone = queries.phone(services(), connection, facts)
        moved = queries.movements(connection, [facts.of_id or facts.voucher_id])
        values: dict[str, Any] = {
            "origin": queries.by_id(connection, facts.unit_id, facts.of_id) if facts.of_id else None,
            "sheets": queries.papers(connection, facts.voucher_id),
            "asked": requests.of_object(connection, vouchers_approvals.TAKING, facts.voucher_id),
            "valid": queries.valid_paper(connection, facts.voucher_id),
            "paper_form": paper.form_of(connection, facts.voucher_id),
            "prints": notice_slips.counts(connection, notice_slips.VOUCHERS, [facts.voucher_id]).get(
                facts.voucher_id, 0
            ),
            "paid": [
                (CHANNELS.get(channel, channel), fen) for channel, fen in queries.payments(connection, facts.voucher_id)
            ],
        }
    who = {
        "患者": name if revealed else mask_name(name),
        "证件号码": person.get("id_no", "") if revealed else mask_id(person.get("id_no", "")),
        "手机号": phone if revealed else mask_phone(phone),
        "住院号": person.get("hospital_no", "") if revealed else mask_card(person.get("hospital_no", "")),
        "缴款人": person.get("drawee", "") if revealed else mask_name(person.get("drawee", "")),
    }
    return page(
        "billing/voucher.html",
        422 if problem else 200,
        problem=problem,
        voucher=facts,
        state=STATES[facts.state],
        who={label: value for label, value in who.items() if value},
        revealed=revealed,
        moved=moved,
        **values,
    )


SUMS = {
    Movement.ISSUED: "累计缴入",
    Movement.REFUNDED: "累计退款",
    Movement.CONSUMED: "结算扣款",
    Movement.RELEASED: "冲红退回",
    Movement.CANCELLED: "撤销",
}
"""The sums of a statement, in words."""


@billing.get("/vouchers/<int:voucher_id>/statement")
@requires(Permission.VOUCHERS_VIEW, within="billing.vouchers")
def voucher_statement(voucher_id: int) -> Response:
    """预交金对账单: every deposit of this admission and what became of it."""
    facts = own_voucher(voucher_id)
    facts = own_voucher(facts.of_id) if facts.of_id else facts
    with services().database.read() as connection:
        found = queries.statement_with(connection, facts)
        name = mask_name(queries.payer_name(services(), connection, facts))
        person = queries.identity(services(), connection, facts)
    on_paper = request.args.get("format") == "print"
    return page(
        "billing/voucher_statement_print.html" if on_paper else "billing/voucher_statement.html",
        statement=found,
        states=STATES,
        name=name,
        hospital_no=mask_card(person.get("hospital_no", "")),
        visit_no=mask_card(person.get("visit_no", "")),
        sums=SUMS,
        printed_at=now(),
    )


@billing.post("/vouchers/<int:voucher_id>/print")
@requires(Permission.NOTICE_PRINT, within="billing.vouchers")
def print_voucher(voucher_id: int) -> Response:
    """Print the voucher; of a kind without a paper form this is the sheet, which stands until it is made void."""
    facts = own_voucher(voucher_id)
    job = notice_slips.start(services(), current_actor(), notice_slips.VOUCHERS, [voucher_id], chosen_paper())
    with services().database.read() as connection:
        numbered = queries.valid_paper(connection, voucher_id) or paper.form_of(connection, voucher_id)
    if facts.form is VoucherForm.DEPOSIT and not numbered and not facts.cancelled:
        paper.register_next(services(), current_actor(), facts)
    return see_other(url_for("delivery.job_pdf", job=job))
