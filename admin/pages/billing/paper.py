"""换开, 重新换开, 收回并作废, 空白票报损: the dialogs at one bill and its sheet (features §3.7, §4.7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for

from admin.kit.forms import BooleanField, FileField, Form, RadioField, SelectField, Text, TextArea, optional, required
from admin.kit.groups import billing
from admin.kit.page import page, say
from admin.kit.reasons import gate_bills
from admin.kit.security import current_actor, current_point, current_session, current_staff, requires
from admin.pages.billing.bills import own_bill
from admin.pages.delivery.notice_slips import pdf_response
from portal.access.permissions import Permission
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import Sheet
from portal.issuing.bills import approvals
from portal.issuing.paper import exchange as paper_exchange
from portal.issuing.paper import prints
from portal.issuing.paper.exchange import Ending, Exchange
from portal.ledger import paper as ledger_paper
from portal.ledger.bills import BillFacts
from portal.ledger.paper import valid_sheet
from portal.stock.ranges import peek
from portal.web.edge import see_other, services


class ExchangeForm(Form):
    """The number that is read from the sheet in the printer."""

    number = Text("打印机中纸质票号", [required], most=10)
    printer = SelectField("打印机", coerce=int)
    skip = BooleanField("中间的号码已损坏或丢失，一并报损")
    reason = Text("报损原因", description="如：卡纸、撕毁、装反")


class VoidForm(Form):
    """How a sheet ends."""

    recovered = RadioField(
        "纸质票据",
        [required],
        choices={"yes": "已收回，并加盖“作废”章", "lost": "遗失，收不回来"},
        default="yes",
    )
    reason = Text("作废原因", [required], description="如：退费、信息错误")
    statement = TextArea("遗失声明", most=500, description="遗失时必填：经过、声明作废，由交款人签字；加密保存。")
    attachment = FileField("声明照片或 PDF", [optional], description="可选，不超过 4 MB")


class BlankForm(Form):
    """Blank sheets by range."""

    code = SelectField("纸质票据代码", [required])
    first = Text("起号", [required], most=10)
    last = Text("止号", [required], most=10, description="只损坏一张时与起号相同")
    reason = Text("报损原因", [required], description="如：卡纸、撕毁、受潮")


@billing.route("/bills/<int:bill_id>/exchange", methods=["GET", "POST"])
@requires(Permission.PAPER_EXCHANGE, within="billing.unexchanged")
def exchange(bill_id: int) -> Response:
    """Exchange one bill."""
    return exchange_dialog(_bill(own_bill(bill_id)), again=False)


@billing.route("/bills/<int:bill_id>/re-exchange", methods=["GET", "POST"])
@requires(Permission.PAPER_EXCHANGE, within="billing.unexchanged")
def re_exchange(bill_id: int) -> Response:
    """Exchange one bill anew: the sheet in force is taken back."""
    return exchange_dialog(_bill(own_bill(bill_id)), again=True)


def digits(text: str) -> int | None:
    """A number as it was typed, blanks let go; ``None`` when it is none."""
    text = text.replace(" ", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


@dataclass(frozen=True, slots=True)
class Subject:
    """What the dialog gives a sheet: a bill or voucher, the sheet in force or ``""``, the code of its form at this
    point, the page to go back to, what is done."""

    head: str
    values: dict[str, Any]
    id: int
    pair: str
    old: str
    code: str
    back: str
    exchange: Callable[[Services, Actor, Exchange], object]
    re_exchange: Callable[[Services, Actor, Exchange], object]


def _bill(facts: BillFacts) -> Subject:
    with services().database.read() as connection:
        old = valid_sheet(connection, facts.bill_id)
        code = ledger_paper.paper_code_for(connection, facts, current_point().id)
    return Subject(
        "admin/billing/bill_head.html",
        {"bill": facts},
        facts.bill_id,
        f"{facts.code} {facts.number}",
        str(Sheet(old.paper_code, old.number)) if old is not None else "",
        code,
        url_for("billing.bill", bill_id=facts.bill_id),
        paper_exchange.exchange,
        paper_exchange.re_exchange,
    )


def exchange_dialog(subject: Subject, again: bool) -> Response:
    """Ask for the number of the sheet in the printer, and exchange."""
    point, actor, form, code = current_point(), current_actor(), ExchangeForm(), subject.code
    with services().database.read() as connection:
        following = peek(connection, point.id, code) if code else None
        known = bool(code) and paper_exchange.confirmed_today(connection, point.id, actor, code)
        printers = prints.printers(connection, actor.unit_id, point.id)
    form.printer.choices = {0: "不记录打印机", **{one.id: one.name for one in printers}}
    if again and not subject.old:
        raise Refusal("PAPER_NOT_EXCHANGED", bill=subject.pair)
    if following is None:
        raise Refusal("PAPER_EXHAUSTED", point=point.code, paper_code=code)
    if request.method == "GET":
        form.printer.data = printers[0].id if printers else 0
        if known:
            form.number.data = f"{following:010d}"
    problem, number = "", None
    if form.accepted():
        number = digits(form.number.data)
        problem = _number_problem(number, following, bool(form.skip.data))
        if number is not None and not problem:
            order = Exchange(
                subject.id,
                point.code,
                Sheet(code, number),
                skip=bool(form.skip.data),
                confirmed=not known or number != following,
                printer_id=form.printer.data or None,
                reason=form.reason.data,
                replaces=_sheet(subject.old) if again else None,
            )
            (subject.re_exchange if again else subject.exchange)(services(), actor, order)
            say(f"已{'重新' if again else ''}换开，纸质票据 {Sheet(code, number)}。请打印。")
            return see_other(subject.back)
    return page(
        "billing/exchange.html",
        422 if problem or form.errors else 200,
        title="重新换开" if again else "换开纸质票据",
        form=form,
        head=subject.head,
        back=subject.back,
        point=point,
        code=code,
        following=following,
        known=known,
        old=subject.old if again else "",
        skipping=number is not None and number > following,
        problem=problem,
        **subject.values,
    )


def _sheet(pair: str) -> Sheet:
    code, _, number = pair.partition(" ")
    return Sheet(code, int(number))


def _number_problem(number: int | None, following: int, skip: bool) -> str:
    if number is None:
        return "票号应为 10 位以内的数字，请照打印机中那张票据输入。"
    if number < following:
        return f"下一号是 {following:010d}，{number:010d} 已经用过或报损。请检查打印机中的票据是否放错。"
    if number > following and not skip:
        gap = f"{following:010d} 至 {number - 1:010d} 共 {number - following} 张"
        return f"打印机中的号码比下一号靠后：{gap}会作为空白票报损。确认后请勾选并写明原因。"
    return ""


@billing.route("/bills/<int:bill_id>/void-paper", methods=["GET", "POST"])
@requires(Permission.PAPER_VOID, within="billing.sheets")
def void_paper(bill_id: int) -> Response:
    """Take a sheet back and void it; a lost one asks a second person."""
    facts, form = own_bill(bill_id), VoidForm()
    with services().database.read() as connection:
        row = valid_sheet(connection, bill_id)
    if row is None:
        raise Refusal("PAPER_NOT_EXCHANGED", bill=f"{facts.code} {facts.number}")
    sheet, problem = Sheet(row.paper_code, row.number), ""
    if form.accepted():
        try:
            return _void(facts, form, sheet)
        except Refusal as refusal:
            if refusal.code != "FIELD_INVALID":
                raise
            problem = refusal.why
    return page(
        "billing/void_paper.html",
        422 if problem or form.errors else 200,
        title="收回并作废纸质票",
        form=form,
        bill=facts,
        sheet=sheet,
        problem=problem,
    )


def _void(facts: BillFacts, form: VoidForm, sheet: Sheet) -> Response:
    lost = form.recovered.data == "lost"
    attachment = form.attachment.data.read(paper_exchange.MOST_ATTACHED + 1) if lost and form.attachment.data else b""
    ending = Ending(sheet, form.reason.data, not lost, form.statement.data if lost else "", attachment)
    if lost:
        approvals.ask_to_void_lost(services(), current_actor(), ending)
        say("已提交复核；另一人同意后这张遗失的纸质票据作废。", "warning")
    else:
        paper_exchange.void(services(), current_actor(), ending)
        say(f"纸质票据 {sheet} 已收回作废。现在可以冲红，也可以再换开。")
    return see_other(url_for("billing.bill", bill_id=facts.bill_id))


@billing.route("/paper/blanks", methods=["GET", "POST"])
@requires(Permission.PAPER_VOID, menu="空白票报损", order=70)
def blank_loss() -> Response:
    """Write blank sheets off by range."""
    point, form, problem = current_session().point, BlankForm(), ""
    with services().database.read() as connection:
        ranges = ledger_paper.paper_ranges(connection, point.id) if point is not None else []
    codes = dict.fromkeys(one.bill_code for one in ranges)
    form.code.choices = {code: code for code in codes}
    if form.accepted():
        point = current_point()
        first, last = digits(form.first.data), digits(form.last.data)
        if first is None or last is None or first > last:
            problem = "起号、止号应为 10 位以内的数字，起号不大于止号。"
        else:
            no = paper_exchange.lose_blanks(
                services(), current_actor(), point.code, form.code.data, first, last, form.reason.data
            )
            say(f"已报损 {last - first + 1} 张，单号 {no}。")
            return see_other(url_for("billing.blank_loss"))
    return page(
        "billing/blank_loss.html",
        422 if problem or form.errors else 200,
        title="空白票报损",
        form=form,
        point=point,
        ranges=ranges,
        problem=problem,
    )


@billing.post("/paper/<int:sheet_id>/print")
@requires(Permission.PAPER_EXCHANGE, within="billing.sheets")
def print_sheet(sheet_id: int) -> Response:
    """Count a print and lead to the PDF; from the second on it says 补打."""
    return print_sheets([sheet_id])


def print_sheets(sheet_ids: list[int]) -> Response:
    """Count a print of each sheet and lead to their PDF."""
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        mine = ledger_paper.own_sheets(connection, unit_id, sheet_ids)
        if sheet_ids and not mine:
            raise Refusal("PAGE_NOT_FOUND")
    gate_bills(*{row.bill_id for row in mine})
    with services().database.read() as connection:
        usual = prints.printers(connection, unit_id, current_point().id)
    printer = next((row.printer_id for row in mine if row.printer_id), None) or (usual[0].id if usual else 0)
    for row in mine:
        paper_exchange.printed(services(), current_actor(), row.id, printer or None)
    wanted: dict[str, Any] = {"sheet": [row.id for row in mine], "printer": printer}
    return see_other(url_for("billing.sheets_pdf", **wanted))


@billing.get("/paper/sheets.pdf")
@requires(Permission.PAPER_VIEW, within="billing.sheets")
def sheets_pdf() -> Response:
    """Sheets as they go to the printer; ``form=1`` with the form's lines, for plain paper."""
    ids = [int(one) for one in request.args.getlist("sheet") if one.isdecimal() and len(one) < 20][:50]
    printer = request.args.get("printer", type=int)
    data = prints.pdf(services(), current_staff().unit_id, ids, printer, request.args.get("form") == "1")
    return pdf_response(data, "paper.pdf")
