"""Paper numbers and paper replacement: stock of a place, exchange, void, blank loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from portal.blueprints.his import reversal
from portal.blueprints.his.context import Context, Handler, fields_of, named_bill, refuse_problems
from portal.core.clock import stamp17
from portal.core.database import Connection
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.money import yuan
from portal.domain.numbers import NumberRun, Sheet
from portal.his_contract import checks
from portal.his_contract.fields import Fields
from portal.issuing.paper import exchange
from portal.issuing.paper.exchange import BlankLoss, Ending, Exchange
from portal.issuing.vouchers import paper as vouchers_paper
from portal.ledger import bills, vouchers
from portal.ledger import paper as ledger_paper
from portal.ledger.bills import BillFacts
from portal.ledger.persons import number_digests
from portal.ledger.vouchers import VoucherFacts
from portal.models.tables import BILL_PARTY
from portal.rendering import xml
from portal.stock.ranges import OpenRange

DONE = "操作成功"
MOST_A_PAGE = 200
KIND_DIGITS = 6
"""A paper code names its kind by these first digits; fewer name nothing."""


def _place(context: Context, fields: Fields) -> str:
    sent = fields.text("placeCode", "开票点编码", 50, required=True)
    return context.account.places.get(sent, sent)


def _number(fields: Fields, name: str, title: str) -> int:
    """Return a paper number, with or without leading zeros."""
    text = fields.text(name, title, 20, required=True)
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        fields.problem(name, title, "不是 10 位以内的数字", "请填写纸质票据上印刷的号码")
        return 0
    return int(text)


def _sheet(fields: Fields) -> Sheet:
    code = fields.text("pBillBatchCode", "纸质票据代码", 50, required=True)
    return Sheet(code, _number(fields, "pBillNo", "纸质票据号码"))


def _own_sheet(context: Context, connection: Connection, sent: Sheet, place: str = "") -> Sheet:
    """Return a sheet by our code: a site's own paper code stands for a kind, which has a code of ours each year."""
    account, code = context.account, context.account.paper_code(sent.code)
    if sent.code not in account.papers or code == sent.code:
        return sent
    point = exchange.point_id(connection, account.unit_id, place) if place else None
    return Sheet(ledger_paper.full_code(connection, account.unit_id, code, sent.number, point), sent.number)


def _ranges(context: Context, connection: Connection, place: str, code: str) -> list[OpenRange]:
    """Open paper ranges of a place. Raises POINT_UNKNOWN, PAPER_EXHAUSTED."""
    point_id = exchange.point_id(connection, context.account.unit_id, place)
    ours = context.account.paper_code(code)
    found = ledger_paper.paper_ranges(connection, point_id, ours) if not ours or len(ours) >= KIND_DIGITS else []
    if not found:
        raise Refusal("PAPER_EXHAUSTED", point=place, paper_code=code)
    return found


def next_number(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getPaperBillNo: the next unused number of this place and code; nothing is reserved."""
    fields = fields_of(message)
    place, code = _place(context, fields), fields.text("pBillBatchCode", "纸质票据代码", 50, required=True)
    refuse_problems(fields)
    with context.services.database.read() as connection:
        found = _ranges(context, connection, place, code)[0]
    named, number = context.account.paper_as_sent(found.bill_code, found.next, code)
    return {"pBillBatchCode": named, "pBillNo": number}


def codes(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getValidBillBatchCode: the paper codes that this place has numbers of, by kind."""
    fields = fields_of(message)
    place = _place(context, fields)
    refuse_problems(fields)
    with context.services.database.read() as connection:
        found = _ranges(context, connection, place, "")
    kinds: dict[str, dict[str, None]] = {}
    for row in found:
        code, _ = context.account.paper_as_sent(row.bill_code, row.next)
        kinds.setdefault(_kind(row, code), {})[code] = None
    return {
        "billCodeList": [
            {"billCode": kind, "billBatchCodeList": [{"billBatchCode": code} for code in members]}
            for kind, members in kinds.items()
        ]
    }


def _kind(row: OpenRange, code: str) -> str:
    """Return the code of the kind; a site's own paper code is that of its kind as well."""
    return row.bill_code[:KIND_DIGITS] if code == row.bill_code else code


def ranges(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getValidBillNo: what is left of this place's paper ranges; remaining = billEndNo − billBgnNo + 1."""
    fields = fields_of(message)
    place = _place(context, fields)
    code = fields.text("billBatchCode", "票据代码", 50) or fields.text("billCode", "票据种类代码", 50)
    refuse_problems(fields)
    with context.services.database.read() as connection:
        found = _ranges(context, connection, place, code)
    rows = []
    for row in found:
        named, first = context.account.paper_as_sent(row.bill_code, row.next, code)
        _, last = context.account.paper_as_sent(row.bill_code, row.last, code)
        rows.append({"billCode": _kind(row, named), "billBatchCode": named, "billBgnNo": first, "billEndNo": last})
    # Of all ranges together, as a sample of the field shows it: the number of sheets, not of rows.
    return {"count": str(sum(row.left for row in found)), "billNoList": rows}


Act = Callable[[Services, Actor, Exchange], object]


def _turning(of_bill: Act, of_voucher: Act) -> Handler:
    def handler(context: Context, message: Mapping[str, Any]) -> str:
        fields = fields_of(message)
        sheet, place = _sheet(fields), _place(context, fields)
        operator = fields.text("operator", "经办人", 60, required=True)
        fields.moment("busDateTime", "业务发生时间")
        refuse_problems(fields)
        with context.services.database.read() as connection:
            voucher = _named_voucher(context, connection, message)
            act, named = (
                (of_voucher, voucher.voucher_id)
                if voucher
                else (of_bill, named_bill(context, connection, message).bill_id)
            )
            sheet = _own_sheet(context, connection, sheet, place)
        act(context.services, _actor(context, operator), Exchange(named, place, sheet))
        return DONE

    return handler


def _named_voucher(context: Context, connection: Connection, message: Mapping[str, Any]) -> VoucherFacts | None:
    """Return the voucher of billBatchCode and billNo: vouchers answer them too, and no other method exchanges one."""
    fields = fields_of(message)
    code, number = fields.text("billBatchCode", "电子票据代码", 50), fields.text("billNo", "电子票据号码", 20)
    check_code = fields.text("random", "校验码", 20).lower()
    found = vouchers.by_number(connection, context.account.unit_id, code, number)
    return None if found is None or (check_code and check_code != found.check_code.lower()) else found


turn = _turning(exchange.exchange, vouchers_paper.exchange)
"""turnPaper, of bills and vouchers: the sheet must be the next one; the same again is the same success."""
re_turn = _turning(exchange.re_exchange, vouchers_paper.re_exchange)
"""reTurnPaper: a new sheet, the old one becomes void. Refused when none is in force (clients then call turnPaper)."""


def invalidate(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """invalidPaper: the sheet was taken back.

    The e-bill stays as it is, so the message is an empty object; an account whose HIS refunds by this call alone has
    the bill reversed with it (``void_reverses``), and is answered as by writeOffEBill.
    """
    fields = fields_of(message)
    sheet, place = _sheet(fields), _place(context, fields)
    author = fields.text("author", "经办人", 100, required=True)
    reason = fields.text("reason", "作废原因", 200, required=True, cut=True)
    business_at = fields.moment("busDateTime", "业务发生时间")
    refuse_problems(fields)
    assert business_at is not None
    with context.services.database.read() as connection:
        ending = Ending(_own_sheet(context, connection, sheet), reason)
    if context.account.policies.get(checks.VOID_REVERSES) == checks.YES:
        return reversal.take_back(context, _actor(context, author), ending, (place, business_at))
    exchange.void(context.services, _actor(context, author), ending)
    return {}


def lose_blanks(context: Context, message: Mapping[str, Any]) -> str:
    """invalidBlankBillNo: unused numbers that will never be used; the next number moves on behind them."""
    fields = fields_of(message)
    code, place = fields.text("pBillBatchCode", "纸质票据代码", 50, required=True), _place(context, fields)
    first, last = _number(fields, "pBillNoStart", "起始号码"), _number(fields, "pBillNoEnd", "终止号码")
    author = fields.text("author", "经办人", 100, required=True)
    reason = fields.text("reason", "作废原因", 200, required=True, cut=True)
    fields.moment("busDateTime", "业务发生时间")
    if first > last:
        fields.problem("pBillNoEnd", "终止号码", "小于起始号码", "请核对起止号码")
    refuse_problems(fields)
    with context.services.database.read() as connection:
        code = _own_sheet(context, connection, Sheet(code, first), place).code
    loss = BlankLoss(place, NumberRun(code, first, last), reason)
    exchange.lose_blanks(context.services, _actor(context, author), loss)
    return DONE


def _actor(context: Context, name: str) -> Actor:
    return Actor(f"his:{context.account.appid}", name, context.account.unit_id, context.request_id)


def unprinted(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getEBillUnPrintList: bills neither on paper nor reversed. None: a failure, as clients expect."""
    fields, services = fields_of(message), context.services
    begins, ends = fields.moment("busBgnDate", "起始时间"), fields.moment("busEndDate", "截止时间")
    bus_type = fields.text("busType", "业务标识", 20)
    numbers = [fields.number("cardNo", "卡号", 50), fields.number("patientId", "患者唯一编号", 50)]
    if not any(numbers):
        fields.problem("cardNo", "卡号", "不能为空", "请填写卡号或患者唯一编号")
    page, size = _count(fields, "pageNo", "页码", 1), min(_count(fields, "pageSize", "每页行数", 30), MOST_A_PAGE)
    refuse_problems(fields)
    scene = context.account.bus_types.get(bus_type) or context.account.bus_types.get(bus_type.zfill(2))
    if bus_type and scene is None:
        raise Refusal("SCENE_UNKNOWN", bus_type=bus_type)
    wanted = ledger_paper.Unprinted(
        context.account.unit_id,
        begins,
        ends,
        (scene.value,) if scene else (),
        [digest for number in numbers if number for digest in number_digests(services, number)],
    )
    with services.database.read() as connection:
        total, found = ledger_paper.unprinted(connection, wanted, (page - 1) * size, size)
        rows = [_row(context, connection, bill) for bill in found]
    if not rows:
        raise Refusal("UNPRINTED_NONE")
    return {"total": total, "pageNo": page, "billList": rows}


def _count(fields: Fields, name: str, title: str, usual: int) -> int:
    """Return a page number or size; numbers and texts alike."""
    text = fields.text(name, title, 9)
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and int(text)):
        fields.problem(name, title, "不是正整数", "请填写从 1 起的整数")
        return usual
    return int(text)


def _row(context: Context, connection: Connection, bill: BillFacts) -> dict[str, str]:
    services = context.services
    sealed = connection.execute(BILL_PARTY.select().where(BILL_PARTY.c.bill_id == bill.bill_id)).one()
    identity = json.loads(services.cipher.decrypt_text("bill_party.identity", bill.bill_id, sealed.identity))
    document = xml.read(bills.stored_document(services, connection, bill.bill_id).signed)
    return {
        "busDate": stamp17(bill.business_at),
        "busNo": bill.serial,
        "billName": bill.title,
        "billBatchCode": bill.code,
        "billNo": bill.number,
        "random": bill.check_code,
        "totalAmt": yuan(bill.total_fen),
        "ivcDateTime": stamp17(bill.issued_at),
        "payer": document.payer.name,
        "remark": document.remark,
        "sex": document.ext.gender,
        "idCardNo": identity.get("id_no", ""),
    }


HANDLERS: Mapping[str, Handler] = {
    "getPaperBillNo": next_number,
    "getValidBillBatchCode": codes,
    "getValidBillNo": ranges,
    "turnPaper": turn,
    "reTurnPaper": re_turn,
    "invalidPaper": invalidate,
    "invalidBlankBillNo": lose_blanks,
    "getEBillUnPrintList": unprinted,
}
"""The paper methods."""
