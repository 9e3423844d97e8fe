"""Reconciliation by the HIS: totals of a business day, and rows to match by busNo.

Count and amount go side by side through all of it; ``copyNum`` and ``…Num`` are counts, ``…Amt`` are yuan
(a client was once filled with the one for the other).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from portal.blueprints.his.context import Context, Handler, fields_of, refuse_problems
from portal.core import strict_json
from portal.core.clock import stamp17
from portal.core.database import Connection
from portal.domain.errors import Refusal
from portal.domain.money import yuan
from portal.his_contract.fields import Fields
from portal.ledger import bills, day_totals
from portal.ledger.day_totals import Row, Wanted

MOST_A_PAGE = 200
KINDS: Mapping[str, tuple[bool | None, bool | None]] = {
    "": (None, None),
    "1": (False, False),
    "2": (True, False),
    "3": (False, True),
    "4": (True, True),
}
"""dataType → (red, on paper); without one all rows. 5 (blank paper) has no business number to match by."""


def _day(fields: Fields, name: str, title: str) -> date:
    """Return a day, or a time of which the day counts."""
    return fields.day(name, title, required=True) or date(1990, 1, 1)


def _count(fields: Fields, name: str, title: str, usual: int, most: int) -> int:
    text = fields.text(name, title, 9) or str(usual)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        fields.problem(name, title, "应为正整数", "请从 1 起填写")
        return usual
    return min(int(text), most)


def _place(context: Context, fields: Fields) -> str:
    sent = fields.text("placeCode", "开票点编码", 50)
    return context.account.places.get(sent, sent)


def _scene(context: Context, fields: Fields) -> str:
    sent = fields.text("busType", "业务标识", 20)
    if not sent:
        return ""
    account = context.account
    for table in (account.bus_types, account.voucher_types):
        if found := table.get(sent) or table.get(sent.zfill(2)):
            return found.value
    raise Refusal("SCENE_UNKNOWN", bus_type=sent)


def _totals(red: bool) -> Handler:
    def handler(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
        fields = fields_of(message)
        day = _day(fields, "busDate", "业务日期")
        page = _count(fields, "pageNo", "页码", 1, 1_000_000)
        size = _count(fields, "pageSize", "每页行数", MOST_A_PAGE, MOST_A_PAGE)
        listed = fields.text("isReturnList", "是否返回明细", 5) in ("1", "true")
        place = _place(context, fields)
        refuse_problems(fields)
        wanted = Wanted(context.account.id, day, day, place, _scene(context, fields), red)
        with context.services.database.read() as connection:
            found = day_totals.total(connection, wanted)
            rows = _rows(context, connection, wanted, (page, size), fields) if listed else []
        return {
            "busDate": f"{day:%Y%m%d}",
            "copyNum": found.count,
            "totalNum": found.count,
            "totalAmt": yuan(found.amount_fen),
            "allTotalNum": found.count,
            "allTotalAmt": yuan(found.amount_fen),
            "billNoList": rows,
        }

    return handler


check_total = _totals(red=False)
"""checkTotalData: issued bills of a day (those reversed later included), by place and busType."""
check_write_off = _totals(red=True)
"""checkWriteOffData: red bills by their own business day; amounts positive."""


def by_date(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getBillByBusDate: rows of one dataType; ``total`` is the number of rows of this page, as its client counts."""
    fields = fields_of(message)
    first, last = _day(fields, "busBgnDate", "起始日期"), _day(fields, "busEndDate", "截止日期")
    kind = fields.text("dataType", "数据类型", 2)
    if kind not in KINDS:
        fields.problem("dataType", "数据类型", "只能是 1 至 4", "空白纸质票（5）没有业务流水号，请用库存报表核对")
    page = _count(fields, "pageNo", "页码", 1, 1_000_000)
    size = _count(fields, "pageSize", "每页行数", MOST_A_PAGE, MOST_A_PAGE)
    place = _place(context, fields)
    refuse_problems(fields)
    red, on_paper = KINDS[kind]
    wanted = Wanted(context.account.id, first, last, place, "", red, on_paper)
    with context.services.database.read() as connection:
        rows = _rows(context, connection, wanted, (page, size), fields)
    return {"total": len(rows), "pageNo": page, "billList": rows}


def _rows(
    context: Context, connection: Connection, wanted: Wanted, page: tuple[int, int], fields: Fields
) -> list[dict[str, str]]:
    """Return one page of rows; places and sheets by the codes that the HIS has for them."""
    rows = day_totals.rows(connection, wanted, *page)
    places = _places(context, connection, rows, fields.text("placeCode", "开票点编码", 50))
    return [_row(context, row, place) for row, place in zip(rows, places, strict=True)]


def _places(context: Context, connection: Connection, rows: list[Row], asked: str) -> list[str]:
    """Return the place of each row as it was sent: several codes of a HIS, one a cashier, may be one of our points."""
    bodies = bills.sent_bodies(context.services, connection, [row.bill_id for row in rows if row.bill_id])
    found = []
    for row in rows:
        body = strict_json.decode_object(bodies.get(row.bill_id or 0, "{}").encode())
        sent = str(body.get("placeCode") or asked).strip()
        found.append(context.account.place_as_sent(row.point_code, sent))
    return found


def _row(context: Context, row: Row, place: str) -> dict[str, str]:
    sheet = row.sheet
    paper = context.account.paper_as_sent(sheet.code, sheet.number) if sheet else ("", "")
    return {
        "busNo": row.of_serial or row.serial,
        "billBatchCode": row.code,
        "billNo": row.number,
        "random": row.check_code,
        "totalAmt": yuan(row.amount_fen),
        "placeCode": place,
        "ivcDateTime": stamp17(row.issued_at),
        "pBillBatchCode": paper[0],
        "pBillNo": paper[1],
    }


HANDLERS: Mapping[str, Handler] = {
    "checkTotalData": check_total,
    "checkWriteOffData": check_write_off,
    "getBillByBusDate": by_date,
}
