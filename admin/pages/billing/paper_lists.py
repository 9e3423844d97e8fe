"""换开列表: bills without paper, exchanged one by one or together; 纸质票据: all sheets."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request, url_for

from admin.kit.filters import AT_POINT, ISSUED_AT, NUMBER, POINT_COLUMN, SCENE, TOTAL, payer_column
from admin.kit.groups import billing
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_point, current_session, current_staff, may, requires
from admin.pages.billing.bills import own_bill
from admin.pages.billing.paper import digits, print_sheets
from admin.pages.billing.whole_bill import details_read
from portal.access.permissions import Permission
from portal.domain.documents.bill import INSURANCE_CLASSES
from portal.domain.documents.settlement import Scene
from portal.domain.errors import Refusal
from portal.domain.numbers import Sheet, bill_number
from portal.domain.states.bills import PaperState
from portal.issuing.paper import exchange, prints
from portal.issuing.paper.exchange import Exchange
from portal.ledger import bill_lists, bills
from portal.ledger import paper as ledger_paper
from portal.ledger.bill_lists import Patient
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter, day_filters, moment_filters, scene_filter, state_filter
from portal.listing.lists import ListPage
from portal.listing.values import BILL_STATES, SHEET_STATES
from portal.models.tables import BILL, PAPER_BILL
from portal.web.edge import see_other, services
from portal.web.numbers import row_id, row_ids

MOST = 50
"""Sheets of one batch."""


def _patient(row: Any) -> Patient:
    """Read the patient of a row; its documents are opened once for all columns of the request."""
    patients: dict[int, Patient] = g.setdefault("patients", {})
    if row.id not in patients:
        patients[row.id] = bill_lists.patient(services(), row)
    return patients[row.id]


UNEXCHANGED = ListPage(
    name="unexchanged",
    title="换开列表",
    order=bill_lists.NEWEST,
    columns=(
        ISSUED_AT,
        Column("serial", "单据号", shown=False),
        payer_column("姓名"),
        Column("sex", "性别", value=lambda row: _patient(row).sex),
        Column("age", "年龄", value=lambda row: _patient(row).age),
        Column("outpatient_no", "门诊号", value=lambda row: _patient(row).outpatient_no),
        Column("hospital_no", "住院号", value=lambda row: _patient(row).hospital_no, shown=False),
        SCENE,
        NUMBER,
        TOTAL,
        Column("state", "状态", "state", states=BILL_STATES),
        POINT_COLUMN,
        Column("title", "票据类型", shown=False),
        Column("check_code", "校验码", shown=False),
    ),
    filters=(
        *day_filters(BILL.c.business_day, 0),
        scene_filter(BILL.c.scene, Scene),
        AT_POINT,
        Filter("serial", "单据号", bill_lists.of_serial),
    ),
    empty="这段时间没有未换开的票据。开票后没有换开纸质、也没有冲红的票据会出现在这里；可以放宽日期再查。",
    acts=lambda row: (
        [Act("换开", url_for("billing.exchange", bill_id=row.id), True)] if may(Permission.PAPER_EXCHANGE) else []
    ),
)

SHEETS = ListPage(
    name="sheets",
    title="纸质票据",
    order=ledger_paper.NEWEST_SHEETS,
    columns=(
        Column("exchanged_at", "换开时间", "time"),
        Column("sheet", "纸质票据", "number", value=lambda row: str(Sheet(row.paper_code, row.number))),
        Column("state", "状态", "state", states=SHEET_STATES),
        Column(
            "bill",
            "电子票据",
            "number",
            value=lambda row: bill_number(row.bill_code, row.bill_number),
            link=lambda row: url_for("billing.bill", bill_id=row.bill_id),
        ),
        Column("total_fen", "金额", "money", total=True),
        Column("point", "开票点", value=lambda row: row.point_code),
        Column("operator", "经办人"),
        Column("prints", "打印次数", "count"),
        Column("ended_at", "作废时间", "time"),
        Column("ended_reason", "作废原因", "long"),
        Column("ended_by", "作废人", shown=False),
        Column("approver", "复核人", shown=False),
    ),
    filters=(
        *moment_filters(PAPER_BILL.c.exchanged_at, 0, "换开日期从"),
        state_filter(PAPER_BILL.c.state, SHEET_STATES),
        AT_POINT,
        Filter("number", "纸质票号", lambda text: ledger_paper.sheets_numbered(_number(text))),
    ),
    empty="没有符合条件的纸质票据。换开过的纸质票据会出现在这里。",
)


def _number(text: str) -> int:
    number = digits(text)
    if number is None:
        raise ValueError("纸质票号应为 10 位以内的数字")
    return number


@billing.get("/paper")
@requires(Permission.PAPER_EXCHANGE, menu="换开列表", order=50)
def unexchanged() -> Response:
    """List the bills neither on paper nor reversed; below, the lines of the bill that ``detail`` names."""
    statement = ledger_paper.without_sheet(bill_lists.with_documents(bill_lists.of_unit(current_staff().unit_id)))
    chosen = own_bill(_named(request.args["detail"])) if _below() else None
    point = current_session().point
    with services().database.read() as connection:
        nexts = ledger_paper.next_of_forms(connection, point.id) if point is not None else {}
        printers = prints.printers(connection, current_staff().unit_id, point.id if point is not None else None)
    shown: dict[str, Any] = {"point": point, "nexts": nexts, "printers": printers, "most": MOST, "chosen": chosen}
    if chosen is not None:
        shown |= {"details": details_read(chosen), "classes": INSURANCE_CLASSES}
    return respond(UNEXCHANGED, statement, "billing/unexchanged.html", **shown)


def _named(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _below() -> bool:
    """Tell whether the page, not a file of it, is asked for with the lines of a bill."""
    return "detail" in request.args and "format" not in request.args


@billing.post("/paper/batch")
@requires(Permission.PAPER_EXCHANGE, within="billing.unexchanged")
def exchange_batch() -> Response:
    """Exchange the chosen bills one after another from the sheet in the printer on; each is an act of its own."""
    names = "shown" if "all" in request.form else "bill"
    ids = row_ids(request.form.getlist(names))
    ids, code, number = ids[:MOST], request.form.get("code", "")[:8], digits(request.form.get("number", ""))
    if not ids or number is None:
        raise Refusal("PAPER_BATCH_EMPTY", most=MOST)
    done, failed = _batch(ids, Sheet(code, number), request.form.get("printer", type=row_id))
    if failed:
        say("没有换开：" + "；".join(failed), "warning")
    if not done:
        return see_other(url_for("billing.unexchanged"))
    say(f"已换开 {len(done)} 张，纸质票号 {done[0]} 起。请打印。")
    return see_other(url_for("billing.sheets", number="", point=current_point().code))


def _batch(ids: list[int], first: Sheet, printer: int | None) -> tuple[list[Sheet], list[str]]:
    point, actor, sheet = current_point(), current_actor(), first
    done: list[Sheet] = []
    failed: list[str] = []
    with services().database.read() as connection:
        chosen = [bill for bill_id in ids if (bill := bills.by_id(connection, bill_id)) is not None]
    for bill in sorted(chosen, key=lambda bill: (bill.issued_at, bill.bill_id)):
        order = Exchange(
            bill.bill_id, point.code, sheet, confirmed=not done, printer_id=printer or None, reason="批量换开"
        )
        try:
            exchange.exchange(services(), actor, order)
        except Refusal as refusal:
            failed.append(f"{bill.number}（{refusal.what}，{refusal.why}）")
            if refusal.code in ("NUMBER_NOT_NEXT", "STOCK_EXHAUSTED", "YEAR_CODE_MISSING"):
                break  # the sheets of the printer and of the books no longer go together
            continue
        done.append(sheet)
        sheet = Sheet(sheet.code, sheet.number + 1)
    return done, failed


@billing.get("/paper/sheets")
@requires(Permission.PAPER_VIEW, menu="纸质票据", order=60)
def sheets() -> Response:
    """List every sheet, the newest first."""
    statement = ledger_paper.sheets_of_unit(current_staff().unit_id)
    return respond(
        SHEETS, statement, "billing/sheets.html", valid=PaperState.VALID.value, may_print=may(Permission.PAPER_EXCHANGE)
    )


@billing.post("/paper/print")
@requires(Permission.PAPER_EXCHANGE, within="billing.sheets")
def print_chosen() -> Response:
    """Print the chosen sheets, or all valid ones of the page."""
    names = "shown" if "all" in request.form else "sheet"
    ids = row_ids(request.form.getlist(names))
    return print_sheets(ids[:MOST])
