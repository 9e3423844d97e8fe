"""What each method of the HIS interface does, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from portal.blueprints.his import notice, paper, reconcile, reversal, vouchers
from portal.blueprints.his.context import Context, Handler, fields_of, links, named_bill, refuse_problems
from portal.core import strict_json
from portal.core.clock import stamp17
from portal.domain.errors import Refusal
from portal.domain.states.bills import BillState
from portal.his_contract.settlement import METHOD_SCENES, settlement
from portal.ledger import bills
from portal.ledger import vouchers as ledger_vouchers
from portal.ledger.paper import valid_sheet


def issue(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the four issue methods: one bill per serial; the same content again gives the same answer."""
    wanted = settlement(context.method, message, context.account)
    issued = context.desk.issue(context.account, wanted, request_id=context.request_id)
    inside, outside, picture = links(context.services, issued.token)
    return {
        "billBatchCode": issued.code,
        "billNo": issued.number,
        "random": issued.check_code,
        "createTime": stamp17(issued.issued_at),
        "billQRCode": picture,
        "pictureUrl": inside,
        "pictureNetUrl": outside,
        "billBusDate": stamp17(issued.business_at),
    }


def by_business_number(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getEBillByBusNo: repairs a lost answer, of bills and vouchers. busDateTime is a hint only and not looked at."""
    fields = fields_of(message)
    serial = fields.text("busNo", "业务流水号", 50, required=True)
    refuse_problems(fields)
    with context.services.database.read() as connection:
        account_id = context.account.id
        found = bills.by_serial(connection, account_id, serial) or ledger_vouchers.by_serial(
            connection, account_id, serial
        )
    if found is None:
        raise Refusal("BILL_NOT_FOUND")
    return {"billBatchCode": found.code, "billNo": found.number, "random": found.check_code}


def states(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getEBillStatesByBillInfo: the bill with its red bill and its valid sheet."""
    services = context.services
    with services.database.read() as connection:
        bill = named_bill(context, connection, message)
        sheet = valid_sheet(connection, bill.bill_id)
        red = bills.red_of(connection, bill.bill_id) if bill.state is BillState.REVERSED else None
    paper = context.account.paper_as_sent(sheet.paper_code, sheet.number) if sheet else ("", "")
    picture = links(services, bills.token_of(services, context.account.unit_code, red))[2] if red else ""
    return {
        "billName": bill.title,
        "billBatchCode": bill.code,
        "billNo": bill.number,
        "random": bill.check_code,
        "ivcDateTime": stamp17(bill.issued_at),
        "state": "1",
        "isPrtPaper": "1" if sheet else "0",
        "pBillBatchCode": paper[0],
        "pBillNo": paper[1],
        "isScarlet": "1" if bill.state is BillState.REVERSED else "0",
        "scarletBillBatchCode": red.code if red else "",
        "scarletBillNo": red.number if red else "",
        "scarletRandom": red.check_code if red else "",
        "scarletBillQRCode": picture,
    }


_TEXTS = (
    "busNo",
    "busType",
    "payer",
    "busDateTime",
    "placeCode",
    "payee",
    "author",
    "checker",
    "remark",
    "cardType",
    "cardNo",
    "sex",
    "age",
    "category",
    "patientCategory",
    "patientCategoryCode",
    "patientNo",
    "patientId",
    "caseNumber",
    "hospitalNo",
    "medicalInstitution",
    "medicalCareType",
    "inHospitalDate",
    "outHospitalDate",
    "hospitalDays",
)
_COSTS = {
    "accountPay": "个人账户支付",
    "fundPay": "医保统筹基金支付",
    "otherfundPay": "其它医保支付",
    "ownPay": "自费金额",
    "selfConceitedAmt": "个人自负",
    "selfPayAmt": "个人自付",
    "selfCashPay": "个人现金支付",
    "ownAcBalance": "个人账户余额",
    "reimbursementAmt": "医保报销总金额",
    "cashPay": "预交金额",
    "cashRecharge": "补交金额",
    "cashRefund": "退还金额",
}


def _plain(value: Any) -> str:
    """Any sent value as text; absent is ``""``."""
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _columns(rows: Any, names: str) -> list[dict[str, str]]:
    found = rows if isinstance(rows, list) else [rows] if isinstance(rows, dict) else []
    return [{name: _plain(row.get(name)) for name in names.split()} for row in found if isinstance(row, dict)]


def detail(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getBillDetail: what the HIS itself sent for the bill, in the contract's shape of a detail answer.

    Every member is always there, as text: kiosks call ``toString()`` on them. ``random`` is required here, since
    the answer is personal.
    """
    fields = fields_of(message)
    fields.text("random", "校验码", 20, required=True)
    refuse_problems(fields)
    with context.services.database.read() as connection:
        bill = named_bill(context, connection, message)
    sent = strict_json.decode_object(bills.sent_body(context.services, bill.bill_id).encode())
    list_rows = _columns(sent.get("listDetail"), "chrgtype code name unit std number amt selfAmt remark")
    labels = [(title, _plain(sent.get(name))) for name, title in _COSTS.items()]
    return {
        **{name: _plain(sent.get(name)) for name in _TEXTS},
        "category": _plain(sent.get("category")) or bill.department,
        "totalAmt": _plain(sent.get("totalAmt")),
        **{name: _plain(sent.get(name)) or "0" for name in _COSTS},
        "payChannelDetail": _columns(sent.get("payChannelDetail"), "payChannelCode payChannelValue"),
        "otherParameter": [{"infoName": title, "infoValue": value} for title, value in labels if value],
        "otherSpecialParameter": _columns(sent.get("otherInfo"), "infoName infoValue"),
        "chargeDetail": _columns(sent.get("chargeDetail"), "chargeCode chargeName unit number std amt selfAmt remark"),
        "listDetail": [row | {"price": row["std"], "count": row["number"]} for row in list_rows],
    }


def link_of_serial(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """GetEBillUrlByBusNo (ours, docs/offline-link.md): the addresses that a serial's bill has or will have."""
    fields = fields_of(message)
    serial = fields.text("busNo", "业务流水号", 50, required=True)
    refuse_problems(fields)
    services, account = context.services, context.account
    with services.database.read() as connection:
        bill = bills.by_serial(connection, account.id, serial)
    known = bills.token_of(services, account.unit_code, bill) if bill else ""
    token = known or context.desk.token(account, serial)
    inside, outside, picture = links(services, token)
    return {
        "busNo": serial,
        "pictureUrl": inside,
        "pictureNetUrl": outside,
        "billQRCode": picture,
        "linkKeyId": token[0],
    }


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(METHOD_SCENES, issue),
    "getEBillByBusNo": by_business_number,
    "getEBillStatesByBillInfo": states,
    "getBillDetail": detail,
    "getEBillUrlByBusNo": link_of_serial,
    "writeOffEBill": reversal.write_off,
    "getEBillAccountStatus": reversal.account_status,
    **vouchers.HANDLERS,
    **dict.fromkeys(("noticeEBill", "sendNotice"), notice.notice),
    **paper.HANDLERS,
    **reconcile.HANDLERS,
}
"""The methods that are served whole."""

NOT_OPEN: Mapping[str, str] = {
    "printElectBill": "打印电子票据",
    "printElectBillList": "打印电子票据清单",
    "printPaperBill": "打印纸质票据",
}
"""Methods that the contract's local component serves itself: refused with what to do instead."""


def dispatch(context: Context, message: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | str:
    """Run a method; ``message`` gives the business object when it is needed. Raises METHOD_UNKNOWN, METHOD_NOT_OPEN."""
    handler = HANDLERS.get(context.method)
    if handler is not None:
        return handler(context, message())
    if context.method in NOT_OPEN:
        raise Refusal("METHOD_NOT_OPEN", method=context.method, title=NOT_OPEN[context.method])
    raise Refusal("METHOD_UNKNOWN", method=context.method)
