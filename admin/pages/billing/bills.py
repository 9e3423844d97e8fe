"""票据查询: the list of bills, and the page of one bill with its whole history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response, request, url_for

from admin.kit.filters import AT_POINT, ISSUED_AT, NUMBER, POINT_COLUMN, SCENE, TOTAL, kind_words, payer_column
from admin.kit.groups import billing
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.reasons import gate_bills
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.billing.bill_actions import Life, life_of
from admin.pages.billing.whole_bill import details_read, whole
from admin.pages.delivery.log import PURPOSES, STATES
from admin.pages.delivery.targets import titles
from portal.access.permissions import Permission
from portal.audit import entries
from portal.domain.documents.bill import INSURANCE_CLASSES
from portal.domain.documents.settlement import CHANNELS, Scene
from portal.domain.errors import Refusal
from portal.domain.money import commas
from portal.domain.states.bills import BillState
from portal.fiscal import bills as fiscal_bills
from portal.ledger import bill_lists, files
from portal.ledger import bills as ledger_bills
from portal.ledger import search as ledger_search
from portal.ledger.bills import BillFacts
from portal.listing.columns import Column
from portal.listing.filters import Filter, day_filters, scene_filter
from portal.listing.lists import ListPage
from portal.listing.values import BILL_STATES, SHEET_STATES, State
from portal.models.tables import BILL
from portal.retrieval.proof import changed_phone
from portal.web.edge import FACE_WIDTH, file_response, runtime, see_other, services

RED_STATES = {f"red.{state}": State(f"红票·{shown.title}", "red") for state, shown in BILL_STATES.items()}
"""The states of red bills, which are told apart in every list."""


def _state(row: Any) -> str:
    return str(row.state) if row.red_of_id is None else f"red.{row.state}"


WAITING = {bill_lists.WAITING: "待监制（含已上传）"}
"""The value of the filter by state that stands for every bill that waits for finance."""


def _words(states: Mapping[Any, State]) -> dict[str, str]:
    return {str(value): state.title for value, state in states.items()}


BILLS = ListPage(
    name="bills",
    title="票据查询",
    order=bill_lists.NEWEST,
    columns=(
        ISSUED_AT,
        SCENE,
        NUMBER,
        payer_column(),
        TOTAL,
        Column("state", "状态", "state", value=_state, states=BILL_STATES | RED_STATES),
        POINT_COLUMN,
        Column("serial", "业务流水号", shown=False),
        Column("department", "科室", shown=False),
        Column("cashier", "开票人", shown=False),
        Column("check_code", "校验码", shown=False),
        Column("title", "票据种类", shown=False),
        Column("business_at", "业务时间", "time", shown=False),
    ),
    filters=(
        *day_filters(BILL.c.business_day, 6),
        scene_filter(BILL.c.scene, Scene),
        Filter("state", "状态", bill_lists.in_state, "choice", choices=WAITING | _words(BILL_STATES)),
        AT_POINT,
        Filter("payer", "交款人姓名或号码", lambda text: ledger_search.of_payer(services(), text), "kept"),
        Filter("bill_kind", "票据种类", bill_lists.of_bill_kind, "choice", choices=kind_words),
        Filter("amount", "金额（元）", bill_lists.of_amount),
        Filter("cashier", "开票人", bill_lists.of_cashier, "kept"),
        Filter("kind", "正票红票", bill_lists.of_kind, "choice", choices=bill_lists.KINDS),
        Filter("serial", "业务流水号", bill_lists.of_serial),
    ),
    empty="这段时间没有符合条件的票据。HIS 结算后会自动开具并出现在这里；也可以放宽日期再查。",
)


@billing.get("/bills")
@requires(Permission.BILLS_VIEW, menu="票据查询", order=10)
def bills() -> Response:
    """List the unit's bills, the newest first."""
    return respond(BILLS, bill_lists.of_unit(current_staff().unit_id))


def own_bill(bill_id: int) -> BillFacts:
    """Open a bill of the person's unit. Raises PAGE_NOT_FOUND, ReasonNeeded."""
    with services().database.read() as connection:
        facts = ledger_bills.by_id(connection, bill_id)
    if facts is None or facts.unit_id != current_staff().unit_id:
        raise Refusal("PAGE_NOT_FOUND")
    gate_bills(bill_id)
    return facts


@billing.get("/bills/<int:bill_id>")
@requires(Permission.BILLS_VIEW, within="billing.bills")
def bill(bill_id: int) -> Response:
    """Show one bill; with ``lines`` its detail lines, too."""
    return bill_page(own_bill(bill_id))


@billing.get("/bills/<int:bill_id>/face.png")
@requires(Permission.BILLS_VIEW, within="billing.bills")
def bill_picture(bill_id: int) -> Response:
    """Show the face with the payer masked."""
    facts = own_bill(bill_id)
    with services().database.read() as connection:
        file = files.masked_picture(services(), connection, runtime().faces, facts, FACE_WIDTH)
    response = file_response(file.data, file.mimetype, file.name, "inline")
    response.headers["Cache-Control"] = "private, no-store"
    return response


@billing.post("/bills/<int:bill_id>/upload")
@requires(Permission.BILLS_REVERSE, Permission.CATALOGUE_EDIT, within="billing.bills")
def upload_again(bill_id: int) -> Response:
    """Upload a bill again that finance has refused."""
    own_bill(bill_id)
    fiscal_bills.upload_again(services(), current_actor(), bill_id)
    say("已重新排队上传，几秒后刷新可看到财政的结果。")
    return see_other(url_for("billing.bill", bill_id=bill_id))


def bill_page(facts: BillFacts, status: int = 200, **more: Any) -> Response:
    """Return the page of a bill: next acts, face, money, payer (masked unless ``party`` is given), and its history."""
    bill_id = facts.bill_id
    with services().database.read() as connection:
        payer = bill_lists.shown_payer(facts.payer_kind, ledger_bills.payer_name(services(), connection, bill_id))
        life = life_of(connection, facts)
        parts = whole(connection, facts, life)
        new_phone = changed_phone.of_bill(services(), connection, facts.unit_id, bill_id)
        log = entries.about(connection, "bill", bill_id) if may(Permission.AUDIT_VIEW) or may_see_log() else []
    if "lines" in request.args and request.method == "GET":
        parts = replace(parts, details=details_read(facts))
    shown = {"payer": payer, "life": life, "whole": parts, "log": log, "track": track(facts, life)}
    words = {
        "channels": CHANNELS,
        "purposes": PURPOSES,
        "sending": STATES,
        "ways": titles(),
    }
    return page(
        "billing/bill.html",
        status,
        bill=facts,
        sheet_states=SHEET_STATES,
        classes=INSURANCE_CLASSES,
        approval_titles=runtime().approvals.titles,
        red=life.standing.bill.red_of_id is not None,
        new_phone=new_phone,
        **shown,
        **words,
        **more,
    )


def may_see_log() -> bool:
    """Tell whether the person answers questions about bills, and so sees the log of one."""
    return may(Permission.PERSONS_REVEAL) or may(Permission.APPROVALS_DECIDE)


def track(facts: BillFacts, life: Life) -> list[tuple[str, str]]:
    """Return the steps of a bill (结算, 开具, 上传, 监制, 可取票, 入账) with ``done``, ``stop`` or nothing."""
    booked_fen, red = life.standing.booked_fen, life.standing.bill.red_of_id is not None
    reached = {BillState.ISSUED: 2, BillState.UPLOADED: 3, BillState.SUPERVISED: 5, BillState.REVERSED: 5}
    steps = ("收费结算", "已开具", "已上传财政", "财政监制", "可取票")
    if red:
        steps = ("原票冲红", "红票已开具", "已上传财政", "财政监制", "原票已作废")
    done = reached.get(facts.state, 3)
    shown = [(title, "done" if place < done else "") for place, title in enumerate(steps)]
    if facts.state is BillState.REFUSED:
        shown[3] = ("监制未通过", "stop")
    if facts.state is BillState.REVERSED:
        shown[4] = ("已冲红", "stop")
    if booked_fen is not None:
        shown.append(("已入账" if booked_fen >= facts.total_fen else f"部分入账 {commas(booked_fen)} 元", "done"))
    elif facts.state is not BillState.REVERSED and not red:
        shown.append(("未入账", ""))
    return shown
