"""The finance simulator's edges: the message endpoint, the list, the page, the switches.

It checks what a front-end machine would: digest, clock, message id, then the bill. Every fault of the page can be
set over HTTP too (``POST /finance/faults``), so that a demo and a test break it in the same way.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import now
from portal.core.settings import Settings
from portal.domain.money import fen_of
from portal.fiscal.bookings import PULL
from portal.providers.finance import envelope
from portal.providers.finance.bill_messages import RESULT, UPLOAD, UPLOAD_RED
from portal.providers.finance.envelope import Envelope, EnvelopeError
from portal.providers.finance.result_codes import Result
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.finance_office import Answer, Manner, Office, OfficeRefusal
from portal.simulators.finance_sheets import WORK as SHEET_WORK
from portal.simulators.finance_sheets import SheetOffice
from portal.simulators.finance_stock import SWITCHES as STOCK_SWITCHES
from portal.simulators.finance_stock import WORK, StockOffice
from portal.simulators.finance_stock_page import add_routes
from portal.simulators.forms import switch_routes
from portal.simulators.server import drop_connection, half_answer

BOOKER = "阳江示例五金厂"
SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("hang_up", "一接通就断开"),
    Switch("answer_lost", "已办理但应答丢失"),
    Switch("half_answer", "应答只有一半"),
    Switch("busy", "系统繁忙（5001）"),
    Switch("reject_field", "拒收数据项（2001）"),
    Switch("duplicate", "同一报文送达两次（4001）"),
    Switch("queue", "排队，稍后监制", "多久以后（毫秒）"),
    Switch("wrong_signature", "监制签名与票据不符"),
    Switch("wrong_digest", "应答摘要错误"),
    *STOCK_SWITCHES,
)


class FrontEnd:
    """One front-end machine: knows one account."""

    def __init__(
        self, settings: Settings, office: Office, stock: StockOffice, sheets: SheetOffice, faults: Faults
    ) -> None:
        self._app_id = settings.finance_app_id
        self._app_key = settings.finance_app_key
        self._office = office
        self._stock = stock
        self._sheets = sheets
        self._faults = faults

    def answer(self, body: bytes) -> Response:
        """The HTTP answer to one message. Who cannot be told by its digest gets 401 and nothing signed."""
        algorithm = request.headers.get("X-Digest-Alg", "")
        try:
            refusal = self._stranger(algorithm, body)
            if refusal is not None:
                return _refused(refusal)
            message = envelope.parse(body)
        except EnvelopeError as error:
            return Response(str(error), 400, mimetype="text/plain")
        reply = self._reply(message)
        sent = envelope.build(
            envelope.head_for(message.head.message_no, self._app_id, message.head.message_id, now()),
            envelope.build_voucher(reply),
        )
        key = self._app_key + ("?" if self._faults.strikes("wrong_digest") else "")
        return Response(sent, 200, envelope.headers(algorithm, self._app_id, key, sent))

    def _stranger(self, algorithm: str, body: bytes) -> Result | None:
        if request.headers.get("X-App-Id", "") != self._app_id:
            return Result.APP_UNKNOWN
        if algorithm not in envelope.ALGORITHMS:
            return Result.ALGORITHM_UNKNOWN
        holds = envelope.digest_holds(algorithm, self._app_key, body, request.headers.get("X-Digest", ""))
        return None if holds else Result.DIGEST_WRONG

    def _reply(self, message: Envelope) -> Answer:
        try:
            if message.head.app_id != self._app_id:
                raise OfficeRefusal(Result.APP_UNKNOWN)
            if not message.head.within_skew(now()):
                raise OfficeRefusal(Result.CLOCK_SKEW)
            self._office.remember(message.head.message_id)
            if self._faults.strikes("busy"):
                raise OfficeRefusal(Result.BUSY)
            return self._work(message)
        except OfficeRefusal as refusal:
            return {"ResultCode": refusal.result.value, "ResultMsg": refusal.text}
        except EnvelopeError as error:
            return {"ResultCode": Result.FIELD_INVALID.value, "ResultMsg": str(error)}

    def _work(self, message: Envelope) -> Answer:
        fields, number = (envelope.parse_voucher(message.voucher), message.head.message_no)
        if number == RESULT:
            return self._office.result(fields)
        if number == PULL:
            return self._office.bookings(fields)
        if number in WORK:
            return self._stock.answer(number, fields)
        if number in SHEET_WORK:
            return self._sheets.answer(number, fields)
        if number not in (UPLOAD, UPLOAD_RED):
            raise OfficeRefusal(Result.MESSAGE_UNKNOWN)
        if self._faults.strikes("reject_field"):
            raise OfficeRefusal(Result.FIELD_INVALID, "交款人名称 PayerPartyName 不符合要求（演示故障）")
        queue = self._faults.strikes("queue")
        manner = Manner(queue.value / 1000 if queue else 0.0, self._faults.strikes("wrong_signature") is not None)
        if self._faults.strikes("duplicate"):
            self._office.upload(number, fields, manner)
        return self._office.upload(number, fields, manner)


def blueprint(context: Context) -> Blueprint:
    """``/finance``: messages, list, page, switches."""
    pages = Blueprint("finance", __name__, url_prefix="/finance")
    faults = Faults(context.store, "finance", SWITCHES)
    office = Office(context.store, context.keys)
    stock = StockOffice(context.store, faults)
    sheets = SheetOffice(context.store)
    front_end = FrontEnd(context.settings, office, stock, sheets, faults)

    @pages.post("/exchange")
    def exchange() -> ResponseReturnValue:
        if faults.strikes("hang_up"):
            return drop_connection()
        if (request.content_length or 0) > envelope.MOST_BYTES:
            return Response("报文过大", 413, mimetype="text/plain")
        body = request.get_data(cache=False)
        if slow := faults.strikes("slow"):
            time.sleep(slow.value / 1000)
        if faults.strikes("down"):
            return Response("财政系统不可用（演示故障）", 503, mimetype="text/plain")
        answer = front_end.answer(body)
        if faults.strikes("answer_lost"):
            return drop_connection()
        return half_answer(answer) if faults.strikes("half_answer") else answer

    @pages.get("/bills.json")
    def bills() -> ResponseReturnValue:
        return jsonify(office.bills())

    @pages.get("/sheets.json")
    def all_sheets() -> ResponseReturnValue:
        return jsonify(sheets.listing())

    @pages.get("")
    def desk() -> ResponseReturnValue:
        return render_template(
            "finance.html", bills=office.bills(100), counts=office.counts(), switches=faults.all(),
            action=url_for("finance.switch"),
        )  # fmt: skip

    @pages.post("/segments")
    def segments() -> ResponseReturnValue:
        body = request.get_json(force=True)
        if not isinstance(body, list):
            raise ValueError("报文应为号段的数组")
        for row in body:
            office.grant(str(row["bill_code"]), int(row["first"]), int(row["last"]))
        return jsonify({"segments": len(body)})

    @pages.post("/refuse")
    def refuse() -> ResponseReturnValue:
        body = request.get_json(force=True)
        done = office.refuse(str(body["bill_code"]), str(body["number"]), str(body.get("opinion", "审核未通过")))
        return jsonify({"refused": done}), 200 if done else 409

    @pages.post("/bookings")
    def book() -> ResponseReturnValue:
        wanted = request.form if request.form else request.get_json(force=True)
        accounted, amount = str(wanted["accounted"]) == "1", str(wanted.get("amount") or "")
        unit = str(wanted.get("unit") or (BOOKER if accounted else ""))
        done = office.book(
            str(wanted["bill_code"]), str(wanted["number"]), unit, accounted, fen_of(amount) if amount else None
        )
        if request.form:
            return redirect(url_for("finance.desk"), 303)
        return jsonify({"booked": done}), 200 if done else 409

    switch_routes(pages, faults, "finance.desk")

    add_routes(pages, stock)
    return pages


def _refused(result: Result) -> Response:
    return Response(f"{result.value} {result.title}", 401, mimetype="text/plain")
