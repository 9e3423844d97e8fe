"""Front end of the simulated finance: digest, clock and message id checked, then the message is answered."""

from __future__ import annotations

from flask import Response, request

from portal.core.clock import now
from portal.demo.settings import DemoSettings
from portal.providers.finance.national import envelope
from portal.providers.finance.national.bill_messages import RESULT, UPLOAD, UPLOAD_RED
from portal.providers.finance.national.booking_messages import PULL
from portal.providers.finance.national.envelope import Envelope, EnvelopeError
from portal.providers.finance.result_codes import ResultCode as Result
from portal.simulators.faults import Faults
from portal.simulators.finance.paper_rules import WORK as PAPER_WORK
from portal.simulators.finance.paper_rules import PaperRules
from portal.simulators.finance.rules import Answer, FinanceRefusal, FinanceRules, Manner
from portal.simulators.finance.stock_rules import WORK as STOCK_WORK
from portal.simulators.finance.stock_rules import StockRules


class FrontEnd:
    """The machine that takes messages for finance; it knows one account."""

    def __init__(
        self, settings: DemoSettings, rules: FinanceRules, stock: StockRules, papers: PaperRules, faults: Faults
    ) -> None:
        self._app_id = settings.finance_app_id
        self._app_key = settings.finance_app_key
        self._rules = rules
        self._stock = stock
        self._papers = papers
        self._faults = faults

    def answer(self, body: bytes) -> Response:
        """Answer one message. A sender that its digest does not prove gets 401 and nothing signed."""
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
                raise FinanceRefusal(Result.APP_UNKNOWN)
            if not message.head.within_skew(now()):
                raise FinanceRefusal(Result.CLOCK_SKEW)
            self._rules.remember(message.head.message_id)
            if self._faults.strikes("busy"):
                raise FinanceRefusal(Result.BUSY)
            return self._work(message)
        except FinanceRefusal as refusal:
            return {"ResultCode": refusal.result.value, "ResultMsg": refusal.text}
        except EnvelopeError as error:
            return {"ResultCode": Result.FIELD_INVALID.value, "ResultMsg": str(error)}

    def _work(self, message: Envelope) -> Answer:
        fields, number = (envelope.parse_voucher(message.voucher), message.head.message_no)
        if number == RESULT:
            return self._rules.result(fields)
        if number == PULL:
            return self._rules.bookings(fields)
        if number in STOCK_WORK:
            return self._stock.answer(number, fields)
        if number in PAPER_WORK:
            return self._papers.answer(number, fields)
        if number not in (UPLOAD, UPLOAD_RED):
            raise FinanceRefusal(Result.MESSAGE_UNKNOWN)
        if self._faults.strikes("reject_field"):
            raise FinanceRefusal(Result.FIELD_INVALID, "交款人名称 PayerPartyName 不符合要求（演示故障）")
        queue = self._faults.strikes("queue")
        manner = Manner(queue.value / 1000 if queue else 0.0, self._faults.strikes("wrong_signature") is not None)
        if self._faults.strikes("duplicate"):
            self._rules.upload(number, fields, manner)
        return self._rules.upload(number, fields, manner)


def _refused(result: Result) -> Response:
    return Response(f"{result.value} {result.title}", 401, mimetype="text/plain")
