"""换开, 重新换开, 收回并作废, 空白票报损: the dialogs about one bill and its sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for
from wtforms import ValidationError

from admin.kit.form_page import form_page
from admin.kit.forms import BooleanField, FileField, Form, RadioField, SelectField, Text, TextArea, optional, required
from admin.kit.groups import billing
from admin.kit.page import say
from admin.kit.reasons import gate_bills
from admin.kit.security import current_actor, current_point, current_session, current_staff, requires
from admin.pages.billing.bills import own_bill
from admin.pages.delivery.notice_slips import pdf_response
from portal.access.permissions import Permission
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun, Sheet
from portal.issuing.bills import approvals
from portal.issuing.paper import exchange as paper_exchange
from portal.issuing.paper import prints
from portal.issuing.paper.exchange import BlankLoss, Ending, Exchange
from portal.ledger import paper as ledger_paper
from portal.ledger.bills import BillFacts
from portal.ledger.paper import valid_sheet
from portal.stock.ranges import peek
from portal.web.edge import see_other, services
from portal.web.numbers import row_id, row_ids


class ExchangeForm(Form):
    """The number that is read from the sheet in the printer. ``following``: the next number of the point."""

    following = 0

    number = Text("打印机中纸质票号", [required], most=10)
    printer = SelectField("打印机", coerce=int)
    skip = BooleanField("中间的号码已损坏或丢失，一并报损")
    reason = Text("报损原因", description="如：卡纸、撕毁、装反")

    @property
    def skipping(self) -> bool:
        """Whether the sheet in the printer lies further on than the next number."""
        return (digits(self.number.data or "") or 0) > self.following

    def validate_number(self, field: Text) -> None:
        """Check that the number is the next one, or that what lies between may be written off."""
        number, following = digits(field.data), self.following
        if number is None:
            raise ValidationError("票号应为 10 位以内的数字，请照打印机中那张票据输入。")
        if number < following:
            told = f"下一号是 {following:010d}，{number:010d} 已经用过或报损。请检查打印机中的票据是否放错。"
            raise ValidationError(told)
        if number > following and not self.skip.data:
            gap = f"{following:010d} 至 {number - 1:010d} 共 {number - following} 张"
            told = f"打印机中的号码比下一号靠后：{gap}会作为空白票报损。确认后请勾选并写明原因。"
            raise ValidationError(told)


class VoidForm(Form):
    """The end of a sheet: taken back, or lost with a statement."""

    recovered = RadioField(
        "纸质票据",
        [required],
        choices={"yes": "已收回，并加盖“作废”章", "lost": "遗失，收不回来"},
        default="yes",
    )
    reason = Text("作废原因", [required], description="如：退费、信息错误")
    statement = TextArea("遗失声明", most=500, description="遗失时必填：经过、声明作废，由交款人签字；加密保存。")
    attachment = FileField("声明照片或 PDF", [optional], description="可选，不超过 4 MB")

    @property
    def lost(self) -> bool:
        """Whether the sheet cannot be taken back."""
        return bool(self.recovered.data == "lost")

    def attached(self) -> bytes:
        """Read what was attached about a lost sheet, and one byte more than may be."""
        file = self.attachment.data
        if not self.lost or not file:
            return b""
        file.stream.seek(0)
        return bytes(file.stream.read(paper_exchange.MOST_ATTACHED + 1))

    def validate_statement(self, field: TextArea) -> None:
        """Check that the payer has declared the loss of a sheet."""
        if self.lost and not field.data:
            raise ValidationError("遗失声明不能为空，请写明遗失经过并由交款人签字")

    def validate_attachment(self, _field: FileField) -> None:
        """Check the size of the attachment."""
        if len(self.attached()) > paper_exchange.MOST_ATTACHED:
            raise ValidationError("附件超过 4 MB，请压缩后重新上传")


class BlankForm(Form):
    """A range of blank sheets that are lost."""

    code = SelectField("纸质票据代码", [required])
    first = Text("起号", [required], most=10)
    last = Text("止号", [required], most=10, description="只损坏一张时与起号相同")
    reason = Text("报损原因", [required], description="如：卡纸、撕毁、受潮")

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The first and the last number, None when they are no range."""
        first, last = digits(self.first.data), digits(self.last.data)
        return None if first is None or last is None or first > last else (first, last)

    def validate_last(self, _field: Text) -> None:
        """Check that both numbers are a range."""
        if self.bounds is None:
            raise ValidationError("起号、止号应为 10 位以内的数字，起号不大于止号。")


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
    """Read a number as it was typed, without its blanks; ``None`` when it is none."""
    text = text.replace(" ", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


@dataclass(frozen=True, slots=True)
class Subject:
    """The document that gets a sheet, a bill or a voucher: its sheet in force (or ``""``), the code of its form at
    this point, the page to go back to, and the acts."""

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
        str(old.sheet) if old is not None else "",
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
    form.printer.choices = {0: "不记录打印机", **{printer.id: printer.name for printer in printers}}
    if again and not subject.old:
        raise Refusal("PAPER_NOT_EXCHANGED", bill=subject.pair)
    if following is None:
        raise Refusal("PAPER_EXHAUSTED", point=point.code, paper_code=code)
    form.following = following
    if request.method == "GET":
        form.printer.data = printers[0].id if printers else 0
        if known:
            form.number.data = f"{following:010d}"

    def act() -> str:
        sheet = Sheet(code, digits(form.number.data) or 0)
        order = Exchange(
            subject.id,
            point.code,
            sheet,
            skip=bool(form.skip.data),
            confirmed=not known or sheet.number != following,
            printer_id=form.printer.data or None,
            reason=form.reason.data,
            replaces=_sheet(subject.old) if again else None,
        )
        (subject.re_exchange if again else subject.exchange)(services(), actor, order)
        say(f"已{'重新' if again else ''}换开，纸质票据 {sheet}。请打印。")
        return subject.back

    return form_page(
        form,
        act,
        title="重新换开" if again else "换开纸质票据",
        back=subject.back,
        template="billing/exchange.html",
        shown=(),
        head=subject.head,
        point=point,
        code=code,
        following=following,
        known=known,
        old=subject.old if again else "",
        **subject.values,
    )


def _sheet(pair: str) -> Sheet:
    code, _, number = pair.partition(" ")
    return Sheet(code, int(number))


@billing.route("/bills/<int:bill_id>/void-paper", methods=["GET", "POST"])
@requires(Permission.PAPER_VOID, within="billing.sheets")
def void_paper(bill_id: int) -> Response:
    """Take a sheet back and void it; for a lost one, ask a second person."""
    facts, form = own_bill(bill_id), VoidForm()
    with services().database.read() as connection:
        valid = valid_sheet(connection, bill_id)
    if valid is None:
        raise Refusal("PAPER_NOT_EXCHANGED", bill=facts.pair)
    sheet, back = valid.sheet, url_for("billing.bill", bill_id=facts.bill_id)

    def act() -> str:
        statement = form.statement.data if form.lost else ""
        ending = Ending(sheet, form.reason.data, not form.lost, statement, form.attached())
        if form.lost:
            approvals.ask_to_void_lost(services(), current_actor(), ending)
            say("已提交复核；另一人同意后这张遗失的纸质票据作废。", "warning")
        else:
            paper_exchange.void(services(), current_actor(), ending)
            say(f"纸质票据 {sheet} 已收回作废。现在可以冲红，也可以再换开。")
        return back

    return form_page(
        form,
        act,
        title="收回并作废纸质票",
        back=back,
        template="billing/void_paper.html",
        shown=(),
        bill=facts,
        sheet=sheet,
    )


@billing.route("/paper/blanks", methods=["GET", "POST"])
@requires(Permission.PAPER_VOID, menu="空白票报损", order=70)
def blank_loss() -> Response:
    """Write blank sheets off by range."""
    point = current_point() if request.method == "POST" else current_session().point
    form = BlankForm()
    with services().database.read() as connection:
        ranges = ledger_paper.paper_ranges(connection, point.id) if point is not None else []
    form.code.choices = {code: code for code in dict.fromkeys(held.bill_code for held in ranges)}

    def act() -> str:
        run = NumberRun(form.code.data, *(form.bounds or (0, 0)))
        loss = BlankLoss(current_point().code, run, form.reason.data)
        no = paper_exchange.lose_blanks(services(), current_actor(), loss)
        say(f"已报损 {run.count} 张，单号 {no}。")
        return url_for("billing.blank_loss")

    return form_page(
        form,
        act,
        title="空白票报损",
        back="",
        template="billing/blank_loss.html",
        shown=(),
        point=point,
        ranges=ranges,
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
        sheets = ledger_paper.own_sheets(connection, unit_id, sheet_ids)
        if sheet_ids and not sheets:
            raise Refusal("PAGE_NOT_FOUND")
    gate_bills(*{sheet.bill_id for sheet in sheets})
    with services().database.read() as connection:
        usual = prints.printers(connection, unit_id, current_point().id)
    printer = next((sheet.printer_id for sheet in sheets if sheet.printer_id), None) or (usual[0].id if usual else 0)
    for sheet in sheets:
        paper_exchange.printed(services(), current_actor(), sheet.id, printer or None)
    arguments: dict[str, Any] = {"sheet": [sheet.id for sheet in sheets], "printer": printer}
    return see_other(url_for("billing.sheets_pdf", **arguments))


@billing.get("/paper/sheets.pdf")
@requires(Permission.PAPER_VIEW, within="billing.sheets")
def sheets_pdf() -> Response:
    """Sheets as they go to the printer; ``form=1`` with the form's lines, for plain paper."""
    ids = row_ids(request.args.getlist("sheet"))[:50]
    printer = request.args.get("printer", type=row_id)
    data = prints.pdf(services(), current_staff().unit_id, ids, printer, request.args.get("form") == "1")
    return pdf_response(data, "paper.pdf")
