"""票据入库 and 期初库存: segments from finance, their confirmation or refusal; opening stock by two persons."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Form, SelectField, Text, required
from admin.kit.groups import stock
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.stock.parts.choices import code_for, kind_choices
from admin.pages.stock.parts.document_page import Button, Shown, document_of, document_page
from admin.pages.stock.parts.document_states import RECEIPT_STATES
from admin.pages.stock.parts.number_field import NumberField
from admin.pages.stock.parts.runs import bounds_column
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun, bill_number
from portal.domain.states.stock import ReceiptSource, ReceiptState
from portal.listing.columns import Column
from portal.listing.filters import moment_filters, state_filter
from portal.listing.lists import ListPage
from portal.listing.values import count, day, moment
from portal.models.tables import STOCK_RECEIPT
from portal.stock.documents import lists
from portal.stock.documents import receipts as service
from portal.stock.documents.facts import ReceiptFacts
from portal.web.edge import see_other, services

_COLUMNS = (
    Column("state", "状态", "state", states=RECEIPT_STATES),
    Column("arrived_at", "到达时间", "time"),
    Column("source", "来源", value=lambda row: ReceiptSource(row.source).title),
    Column("kind_name", "票据种类", "long"),
    bounds_column("first", "起始号"),
    bounds_column("last", "终止号"),
    Column("count", "份数", "count", total=True),
    Column("issued_on", "下发日期", "date", shown=False),
    Column("decided_name", "确认人"),
    Column("decided_at", "确认时间", "time", shown=False),
    Column("problem", "差异说明", "long"),
    Column("finance_id", "财政号段编号", shown=False),
)


def _page(name: str, title: str, empty: str, without: tuple[str, ...] = ()) -> ListPage:
    link = Column("no", "入库单号", "number", link=lambda row: url_for("stock.receipt", no=row.no))
    return ListPage(
        name=name,
        title=title,
        order=(STOCK_RECEIPT.c.arrived_at, STOCK_RECEIPT.c.id),
        columns=(link, *(column for column in _COLUMNS if column.key not in without)),
        filters=(*moment_filters(STOCK_RECEIPT.c.arrived_at), state_filter(STOCK_RECEIPT.c.state, RECEIPT_STATES)),
        empty=empty,
    )


RECEIPTS = _page("stock-receipts", "票据入库", "还没有财政下发的号段。申领通过后，号段会自动到达这里，等待确认入库。")
OPENINGS = _page(
    "stock-openings",
    "期初库存",
    "还没有期初库存。系统启用前未用完的号段在“登记期初”里录入。",
    without=("source", "issued_on", "problem", "finance_id"),
)


class OpeningForm(Form):
    """A run of unused numbers from before."""

    kind = SelectField("票据种类", [required])
    code = Text("票据代码", [], most=8, description="8 位；不填则为本年度代码")
    first = NumberField("起始号", [required])
    last = NumberField("终止号", [required], description="系统按 终止号 − 起始号 + 1 计算份数")


class RefuseForm(Form):
    """The reason why a segment is not taken in."""

    reason = Text("拒收原因", [required], most=200)


@stock.get("/receipts")
@requires(Permission.STOCK_VIEW, menu="票据入库", order=40)
def receipts() -> Response:
    """List the segments from finance, newest first."""
    rows = lists.receipts(current_staff().unit_id, opening=False)
    return respond(RECEIPTS, rows, "stock/list.html", tools=[], lead="")


@stock.get("/openings")
@requires(Permission.STOCK_VIEW, menu="期初库存", order=20)
def openings() -> Response:
    """List the opening stock."""
    tools = [("登记期初", url_for("stock.new_opening"))] if may(Permission.STOCK_OPEN) else []
    rows = lists.receipts(current_staff().unit_id, opening=True)
    return respond(
        OPENINGS, rows, "stock/list.html", tools=tools, lead="登记后由财务主管在“待复核”里同意，号码才进入单位库存。"
    )


@stock.route("/openings/new", methods=["GET", "POST"])
@requires(Permission.STOCK_OPEN, within="stock.openings")
def new_opening() -> Response:
    """Enter opening stock."""
    form = OpeningForm()
    form.kind.choices = kind_choices()

    def enter() -> str:
        code = form.code.data or code_for(str(form.kind.data))
        run = NumberRun(code, form.first.data or 0, form.last.data or 0)
        no = service.enter_opening(services(), current_actor(), run)
        say(f"已登记 {no}，已提交复核；财务主管同意后入库。")
        return url_for("stock.receipt", no=no)

    return form_page(form, enter, title="登记期初库存", verb="登记", back=url_for("stock.openings"))


@stock.get("/receipts/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.receipts")
def receipt(no: str) -> Response:
    """Take one receipt; it can be confirmed and refused here where that is legal."""
    row = document_of(ReceiptFacts, no)
    waiting = row.state is ReceiptState.WAITING and may(Permission.STOCK_RECEIVE)
    opening = row.source == ReceiptSource.OPENING
    buttons = (
        [Button("确认入库", url_for("stock.confirm_receipt", no=no), main=True)] if waiting and not opening else []
    )
    below: dict[str, Any] = {}
    if waiting:
        action = url_for("stock.refuse_receipt", no=no)
        below = {"form": RefuseForm(), "action": action, "verb": "拒收", "danger": True}
    facts = [
        ("来源", ReceiptSource(row.source).title),
        ("票据代码", row.bill_code),
        ("起始号", bill_number(row.bill_code, max(row.first, 0))),
        ("终止号", bill_number(row.bill_code, max(row.last, 0))),
        ("份数", count(row.count)),
        ("财政号段编号", row.finance_id or ""),
        ("下发日期", day(row.issued_on)),
        ("到达时间", moment(row.arrived_at)),
        ("差异说明", row.problem),
        ("经办", f"{row.decided_name}　{moment(row.decided_at)}" if row.decided_at else ""),
        ("已告知财政", moment(row.told_at)),
    ]
    back = url_for("stock.openings" if row.source == ReceiptSource.OPENING else "stock.receipts")
    note = "期初库存由财务主管在“待复核”里同意后入库；登记错了请在下面拒收，再重新登记。" if opening and waiting else ""
    return document_page(Shown("入库单", no, RECEIPT_STATES[row.state], facts, back, buttons, note, below))


@stock.post("/receipts/<string:no>/confirm")
@requires(Permission.STOCK_RECEIVE)
def confirm_receipt(no: str) -> Response:
    """确认入库 of a segment."""
    if document_of(ReceiptFacts, no).source == ReceiptSource.OPENING:
        raise Refusal("DOCUMENT_STATE", no=no, state="待复核")
    service.confirm(services(), current_actor(), no)
    say(f"{no} 已入库。")
    return see_other(url_for("stock.receipt", no=no))


@stock.post("/receipts/<string:no>/refuse")
@requires(Permission.STOCK_RECEIVE)
def refuse_receipt(no: str) -> Response:
    """拒收 a segment."""
    document_of(ReceiptFacts, no)
    form = RefuseForm()
    if not form.accepted():
        raise Refusal("FIELD_INVALID", problems="拒收原因必填")
    service.refuse(services(), current_actor(), no, str(form.reason.data))
    say(f"{no} 已拒收，财政会收到说明。", "warning")
    return see_other(url_for("stock.receipt", no=no))
