"""纸质票据: exchange 换开, re-exchange 重新换开, void 作废, blank loss 空白票报损 (docs/desk.md).

The number printed on the sheet is the one in the books: it is the next of the point's range or, when the printer is
further on, the numbers in between are written off in the same act. A bill has at most one valid sheet and a sheet one
bill; both are kept by the database. Exchange and reversal of a bill take the lock of its row, so one of them is first.
Every act may be repeated after a lost answer: the same sheet for the same bill is the same success.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.clock import business_day, now
from portal.core.database import lock_row
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import BillNumber, NumberRun, Sheet
from portal.domain.states.bills import BillState, PaperState
from portal.issuing.events import PAPER_EXCHANGED
from portal.ledger.bills import BillRecord, lock_bill
from portal.ledger.paper import SHEET_FACTS, SheetFacts, read_sheet, sheet_row, valid_sheet
from portal.models.tables import BILL_KIND, PAPER_BILL, PAPER_CHECK, POINT, STOCK_VOID
from portal.outbox import tasks
from portal.outbox.events import publish
from portal.outbox.topics import topic
from portal.rendering import photo
from portal.rendering.pdf import face
from portal.stock.documents.voids import Void, void_blank_on
from portal.stock.ranges import peek, take_given

TOPIC = topic("finance.sheets")
"""Finance is told which sheets stand for a bill (9305, 9306)."""
SKIPPED = "打印机中纸质票号在后，中间号码报损"
MISPRINTED = "重新换开，旧票收回作废"
MOST_SKIPPED = 200
"""More than this at once is a typing mistake, or a box of forms that was never handed out."""
MOST_ATTACHED = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is asked: this sheet for this bill (of ``voucher_paper``: this voucher) at this point.

    ``skip`` allows that the sheet lies further on than the next number; what lies between is written off.
    ``confirmed``: whether the person has read the number from the sheet; ``None`` where a HIS compares by itself.
    ``replaces``: of a re-exchange, the sheet that is taken back; ``None``: the one in force when it is asked.
    ``at``: the time of the exchange (demo data only; normally the present).
    """

    bill_id: int
    point_code: str
    sheet: Sheet
    skip: bool = False
    confirmed: bool | None = None
    printer_id: int | None = None
    reason: str = ""
    replaces: Sheet | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sheet ends. Not ``recovered``: lost; then the payer's ``statement`` and an ``approver`` are needed."""

    sheet: Sheet
    reason: str
    recovered: bool = True
    statement: str = ""
    attachment: bytes = b""
    approver: str = ""


def point_id(connection: Connection, unit_id: int, code: str) -> int:
    """Find the active point of a code. Raises POINT_UNKNOWN."""
    found: int | None = connection.scalar(
        select(POINT.c.id).where(POINT.c.unit_id == unit_id, POINT.c.code == code, POINT.c.active)
    )
    if found is None:
        raise Refusal("POINT_UNKNOWN", place=code)
    return found


class Document(Protocol):
    """A bill or voucher that goes onto paper."""

    @property
    def id(self) -> int:
        """Its row id."""

    @property
    def pair(self) -> BillNumber:
        """Its code and number."""


class SheetInForce(Protocol):
    """The sheet that stands for a document now."""

    @property
    def id(self) -> int:
        """Its row id."""

    @property
    def printed(self) -> str:
        """Code and number as they stand on the sheet."""


D = TypeVar("D", bound=Document)
S = TypeVar("S", bound=SheetInForce)


class Book(Protocol[D, S]):
    """Documents of one sort, each with at most one sheet in force."""

    first_action: str
    """The audit action of a first sheet."""
    later_action: str
    """The audit action of a sheet that replaces one."""

    def hold(self, connection: Connection, actor: Actor, document_id: int) -> D:
        """Hold a document to the commit. Raises why it may not go onto paper."""

    def in_force(self, connection: Connection, document_id: int, /) -> S | None:
        """Read the sheet that stands for a document now."""

    def take(self, connection: Connection, actor: Actor, document: D, order: Exchange, action: str) -> int:
        """Draw the sheet of the order for a document, with this action's entry. Returns the sheet's row id."""

    def end(self, connection: Connection, actor: Actor, sheet: S, reason: str) -> None:
        """End a sheet that was taken back."""


def exchange_in(book: Book[D, S], services: Services, actor: Actor, order: Exchange) -> int:
    """换开: this sheet stands for this document from now on; returns the sheet's row id.

    Raises PAPER_EXCHANGED (another sheet is in force), what the book raises, BUSY.
    """

    def act(connection: Connection) -> int:
        document = book.hold(connection, actor, order.bill_id)
        current = book.in_force(connection, document.id)
        if current is None:
            return book.take(connection, actor, document, order, book.first_action)
        if current.printed != str(order.sheet):
            raise Refusal("PAPER_EXCHANGED", paper=current.printed)
        return current.id

    return services.database.act(act)


def re_exchange_in(book: Book[D, S], services: Services, actor: Actor, order: Exchange) -> int:
    """重新换开: the sheet in force is taken back and ended, a new one takes its place; returns the new row id.

    Raises as :func:`exchange_in`, PAPER_NOT_EXCHANGED when no sheet is in force, PAPER_EXCHANGED when it is another
    than the one that is to be replaced: of two windows that take back the same sheet, one is told.
    """
    with services.database.read() as connection:
        before = book.in_force(connection, order.bill_id)
        seen = str(order.replaces) if order.replaces else before and before.printed

    def act(connection: Connection) -> int:
        document = book.hold(connection, actor, order.bill_id)
        current = book.in_force(connection, document.id)
        if current is None:
            raise Refusal("PAPER_NOT_EXCHANGED", bill=str(document.pair))
        if current.printed == str(order.sheet):
            return current.id
        if current.printed != seen:
            raise Refusal("PAPER_EXCHANGED", paper=current.printed)
        book.end(connection, actor, current, order.reason or MISPRINTED)
        return book.take(connection, actor, document, order, book.later_action)

    return services.database.act(act)


def exchange(services: Services, actor: Actor, order: Exchange) -> int:
    """换开 of a bill, as :func:`exchange_in`.

    Raises :class:`Refusal`: BILL_NOT_FOUND, POINT_UNKNOWN, PAPER_NOT_ALLOWED (red, reversed or refused bill),
    PAPER_EXCHANGED, PAPER_ENDED (this sheet is spent), PAPER_FORM_WRONG, PAPER_NOT_CONFIRMED, NUMBER_NOT_NEXT,
    STOCK_EXHAUSTED, BUSY.
    """
    return exchange_in(_Bills(), services, actor, order)


def re_exchange(services: Services, actor: Actor, order: Exchange) -> int:
    """重新换开 of a bill, as :func:`re_exchange_in`; raises also as :func:`exchange`."""
    return re_exchange_in(_Bills(), services, actor, order)


def void(services: Services, actor: Actor, ending: Ending) -> int:
    """作废 an exchanged sheet: taken back, or lost with a statement and an approval; returns the bill's id.

    Raises PAPER_NOT_FOUND, PAPER_ENDED (voiding twice), PAPER_LOST_NEEDS_APPROVAL, FIELD_INVALID, BUSY.
    """
    check_ending(ending)
    return services.database.act(lambda connection: void_on(services, connection, actor, ending))


def check_ending(ending: Ending) -> None:
    """Check how a sheet ends.

    Raises FIELD_INVALID: no reason, an attachment too large or that nobody can open, or a lost sheet without a
    statement.
    """
    if not ending.reason.strip():
        raise Refusal("FIELD_INVALID", problems="reason（作废原因）不能为空，请填写作废原因")
    if len(ending.attachment) > MOST_ATTACHED:
        raise Refusal("FIELD_INVALID", problems="附件超过 4 MB，请压缩后重新上传")
    if ending.attachment and not (photo.is_picture(ending.attachment) or face.opens(ending.attachment)):
        raise Refusal("FIELD_INVALID", problems="附件打不开，请上传 JPG、PNG 照片或 PDF")
    if not ending.recovered and not ending.statement.strip():
        raise Refusal("FIELD_INVALID", problems="遗失声明不能为空，请写明遗失经过并由交款人签字")


def void_on(services: Services, connection: Connection, actor: Actor, ending: Ending) -> int:
    """As :func:`void`, in the caller's transaction (an approval's decision)."""
    row = held_sheet(connection, actor, ending.sheet)
    if not ending.recovered and not ending.approver:
        raise Refusal("PAPER_LOST_NEEDS_APPROVAL", paper=str(ending.sheet))
    _end(connection, actor, row, ending)
    if ending.statement:
        keep_statement(services, connection, row.id, ending.statement, ending.attachment)
    return row.bill_id


def held_sheet(connection: Connection, actor: Actor, sheet: Sheet) -> SheetFacts:
    """Read a valid sheet and hold its bill to the commit. Raises PAPER_NOT_FOUND, PAPER_ENDED."""
    before = sheet_row(connection, actor.unit_id, sheet)
    if before is not None:
        lock_bill(connection, before.bill_id)
    held = sheet_row(connection, actor.unit_id, sheet)
    if held is None:
        raise Refusal("PAPER_NOT_FOUND", paper=str(sheet))
    if held.state is not PaperState.VALID:
        raise _ended(held)
    return held


def keep_statement(services: Services, connection: Connection, row_id: int, statement: str, attachment: bytes) -> None:
    """Keep the payer's statement about a sheet, sealed, while the second person has not decided."""
    cipher = services.cipher
    connection.execute(
        update(PAPER_BILL)
        .where(PAPER_BILL.c.id == row_id)
        .values(
            statement=cipher.encrypt("paper_bill.statement", row_id, statement),
            attachment=cipher.encrypt("paper_bill.attachment", row_id, zlib.compress(attachment))
            if attachment
            else None,
        )
    )


def statement_of(services: Services, row: Any) -> str:
    """Return the statement kept with a sheet, opened; the caller audits."""
    return services.cipher.decrypt_text("paper_bill.statement", row.id, row.statement) if row.statement else ""


def attachment_of(services: Services, row: Any) -> bytes:
    """Return the attachment kept with a sheet, opened; the caller audits."""
    if not row.attachment:
        return b""
    return zlib.decompress(services.cipher.decrypt("paper_bill.attachment", row.id, row.attachment))


@dataclass(frozen=True, slots=True)
class BlankLoss:
    """Blank sheets of a point that are lost."""

    point_code: str
    run: NumberRun
    reason: str


def lose_blanks(services: Services, actor: Actor, order: BlankLoss) -> str:
    """空白票报损: write blank sheets off; returns the document's number. The same range again: the same document.

    Raises POINT_UNKNOWN, NUMBERS_NOT_UNUSED, FIELD_INVALID, BUSY.
    """

    def act(connection: Connection) -> str:
        place = point_id(connection, actor.unit_id, order.point_code)
        known: str | None = connection.scalar(
            select(STOCK_VOID.c.no).where(
                STOCK_VOID.c.point_id == place,
                STOCK_VOID.c.bill_code == order.run.bill_code,
                STOCK_VOID.c.first == order.run.first,
                STOCK_VOID.c.last == order.run.last,
                STOCK_VOID.c.state == "done",
            )
        )
        return known or void_blank_on(connection, actor, Void(order.run, order.reason, place))

    return services.database.act(act)


def confirmed_today(connection: Connection, place: int, actor: Actor, paper_code: str) -> bool:
    """Tell whether a person has read a sheet's number at a point in this shift (business day)."""
    return (
        connection.scalar(
            select(PAPER_CHECK.c.id)
            .where(
                PAPER_CHECK.c.point_id == place,
                PAPER_CHECK.c.actor == actor.label,
                PAPER_CHECK.c.paper_code == paper_code,
                PAPER_CHECK.c.business_day == business_day(now()),
            )
            .limit(1)
        )
        is not None
    )


def printed(services: Services, actor: Actor, row_id: int, printer_id: int | None = None) -> int:
    """Count a print of a valid sheet; returns how many there were before (0: the first). Raises PAPER_NOT_FOUND,
    PAPER_ENDED."""

    def act(connection: Connection) -> int:
        row = lock_row(connection, SHEET_FACTS.where(PAPER_BILL.c.id == row_id))
        if row is None:
            raise Refusal("PAPER_NOT_FOUND", paper="")
        sheet = read_sheet(row)
        if sheet.state is not PaperState.VALID:
            raise _ended(sheet)
        values = {"prints": sheet.prints + 1} | ({"printer_id": printer_id} if printer_id else {})
        connection.execute(update(PAPER_BILL).where(PAPER_BILL.c.id == row_id).values(values))
        if sheet.prints:
            details = {"paper": str(sheet.sheet), "count": sheet.prints + 1}
            _audit(connection, actor, "paper.reprinted", sheet.bill_id, details)
        return sheet.prints

    return services.database.act(act)


def _ended(sheet: SheetFacts) -> Refusal:
    return Refusal("PAPER_ENDED", paper=str(sheet.sheet), state=sheet.state.title)


def _take(connection: Connection, actor: Actor, document: BillRecord, order: Exchange, action: str) -> int:
    """Give the bill this sheet: form, confirmation, number, row, audit."""
    sheet, moment = order.sheet, order.at or now()
    check_form(connection, document.kind_id, document.title, sheet)
    spent = sheet_row(connection, actor.unit_id, sheet)
    if spent is not None:
        raise _ended(spent) if spent.state is not PaperState.VALID else Refusal("PAPER_TAKEN", paper=str(sheet))
    place, range_id, skipped = draw(connection, actor, order, moment)
    row_id = new_id()
    connection.execute(
        insert(PAPER_BILL),
        {
            "id": row_id,
            "bill_id": document.id,
            "point_id": place,
            "range_id": range_id,
            "paper_code": sheet.code,
            "number": sheet.number,
            "exchanged_at": moment,
            "actor": actor.label,
            "operator": actor.name,
            "printer_id": order.printer_id,
            "prints": 0,
            "state": PaperState.VALID.value,
            "ended_at": None,
            "ended_by": "",
            "ended_reason": "",
            "approver": "",
            "statement": None,
            "attachment": None,
            "told_at": None,
            "end_told_at": None,
        },
    )
    _audit(connection, actor, action, document.id, {"paper": str(sheet), "skipped": skipped}, moment)
    publish(connection, PAPER_EXCHANGED, row_id, {"bill": document.id, "sheet": row_id})
    _tell_finance(connection, document.id, f"{row_id}:exchanged")
    return row_id


def _tell_finance(connection: Connection, bill_id: int, what: str) -> None:
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{what}", {"bill": bill_id})


def draw(connection: Connection, actor: Actor, order: Exchange, moment: datetime) -> tuple[int, int, str]:
    """Take the sheet from the point's stock: point id, range id, number of the document that wrote off what was
    skipped (or ``""``). Raises POINT_UNKNOWN, PAPER_NOT_CONFIRMED, NUMBER_NOT_NEXT, STOCK_EXHAUSTED."""
    place = point_id(connection, actor.unit_id, order.point_code)
    if order.confirmed is not None:
        _confirm(connection, actor, place, order, moment)
    skipped = _skip(connection, actor, place, order) if order.skip else ""
    return place, take_given(connection, place, order.sheet.code, order.sheet.number), skipped


def check_form(connection: Connection, kind_id: int, title: str, sheet: Sheet) -> None:
    """Check that a kind of bill or voucher goes onto its own paper form. Raises PAPER_FORM_WRONG."""
    prefix = connection.scalar(select(BILL_KIND.c.paper_prefix).where(BILL_KIND.c.id == kind_id)) or ""
    if sheet.code[:6] != prefix:
        raise Refusal("PAPER_FORM_WRONG", paper_code=sheet.code, kind=title, prefix=prefix or "（未设置）")


def _confirm(connection: Connection, actor: Actor, place: int, order: Exchange, moment: datetime) -> None:
    if not order.confirmed and not confirmed_today(connection, place, actor, order.sheet.code):
        raise Refusal("PAPER_NOT_CONFIRMED", point=order.point_code)
    if order.confirmed:
        connection.execute(
            insert(PAPER_CHECK),
            {
                "id": new_id(),
                "point_id": place,
                "actor": actor.label,
                "business_day": business_day(moment),
                "paper_code": order.sheet.code,
                "number": order.sheet.number,
                "at": moment,
            },
        )


def _skip(connection: Connection, actor: Actor, place: int, order: Exchange) -> str:
    """Write off what lies between the next number and the sheet in the printer; returns the document's number."""
    following, sheet = peek(connection, place, order.sheet.code), order.sheet
    if following is None or sheet.number <= following:
        return ""
    if sheet.number - following > MOST_SKIPPED:
        raise Refusal("PAPER_SKIPS_TOO_MANY", count=sheet.number - following, most=MOST_SKIPPED)
    skipped = NumberRun(sheet.code, following, sheet.number - 1)
    return void_blank_on(connection, actor, Void(skipped, order.reason or SKIPPED, place))


def _end(connection: Connection, actor: Actor, sheet: SheetFacts, ending: Ending) -> None:
    state = PaperState.RECOVERED if ending.recovered else PaperState.VOID
    connection.execute(
        update(PAPER_BILL)
        .where(PAPER_BILL.c.id == sheet.id)
        .values(
            state=state.value,
            ended_at=now(),
            ended_by=actor.name,
            ended_reason=ending.reason.strip()[:200],
            approver=ending.approver,
        )
    )
    _audit(connection, actor, "paper.ended", sheet.bill_id, {"paper": str(sheet.sheet), "state": state.value})
    _tell_finance(connection, sheet.bill_id, f"{sheet.id}:ended")


def _audit(
    connection: Connection,
    actor: Actor,
    action: str,
    bill_id: int,
    details: dict[str, Any],
    at: datetime | None = None,
) -> None:
    told = {name: value for name, value in details.items() if value not in ("", None)}
    audit.record(connection, actor, action, ("bill", bill_id), told, at=at)


class _Bills:
    """Bills on paper: a book of :func:`exchange_in`."""

    first_action, later_action = "paper.exchanged", "paper.re_exchanged"
    take = staticmethod(_take)

    @staticmethod
    def in_force(connection: Connection, document_id: int) -> SheetFacts | None:
        """Read the sheet that stands for a bill now."""
        return valid_sheet(connection, document_id)

    @staticmethod
    def hold(connection: Connection, actor: Actor, document_id: int) -> BillRecord:
        """Hold a bill. Raises BILL_NOT_FOUND, PAPER_NOT_ALLOWED."""
        bill = lock_bill(connection, document_id)
        if bill.unit_id != actor.unit_id:
            raise Refusal("BILL_NOT_FOUND")
        state = bill.state
        if bill.red_of_id is not None:
            raise Refusal("PAPER_NOT_ALLOWED", state="红票", next="红票不换开纸质票据；请换开有效的蓝票")
        if state is BillState.REVERSED:
            raise Refusal("PAPER_NOT_ALLOWED", state=state.title, next="已冲红的票据不能换开；如已重新开票，请换开新票")
        if state is BillState.REFUSED:
            raise Refusal("PAPER_NOT_ALLOWED", state=state.title, next="请先处理监制未通过的原因，或冲红后重新开票")
        return bill

    @staticmethod
    def end(connection: Connection, actor: Actor, sheet: SheetFacts, reason: str) -> None:
        """End a sheet that was taken back."""
        _end(connection, actor, sheet, Ending(sheet.sheet, reason))
