"""The adapter for the national envelope: vouchers in XML, proved by a keyed digest (docs/exchange.md)."""

from __future__ import annotations

from collections.abc import Mapping

from portal.core.clock import now
from portal.providers.finance.messages import Content, FinanceRequest, Reply
from portal.providers.finance.national import bill_messages, booking_messages, envelope, paper_messages, stock_messages
from portal.providers.finance.national.envelope import EnvelopeError, text_of
from portal.providers.finance.national.form import Forms

FORMS: Forms = {
    **bill_messages.FORMS,
    **stock_messages.FORMS,
    **paper_messages.FORMS,
    **booking_messages.FORMS,
}


class NationalAdapter:
    """One account; ``algorithm`` of the digest is SM3 or SHA256. Safe for many threads."""

    def __init__(self, app_id: str, app_key: str, algorithm: str = "SM3") -> None:
        self._app_id = app_id
        self._app_key = app_key
        self._algorithm = algorithm

    def number(self, message: FinanceRequest[Content]) -> str:
        """Return the message's MsgNo."""
        number = FORMS[type(message)].number
        return number if isinstance(number, str) else number(message)

    def build(self, message: FinanceRequest[Content], message_id: str) -> tuple[bytes, Mapping[str, str]]:
        """Write the envelope and the headers with its digest."""
        voucher = envelope.build_voucher(FORMS[type(message)].write(message))
        body = envelope.build(envelope.head_for(self.number(message), self._app_id, message_id, now()), voucher)
        return body, envelope.headers(self._algorithm, self._app_id, self._app_key, body)

    def read(
        self, message: FinanceRequest[Content], message_id: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply[Content]:
        """Check the digest and whose answer it is, then read it. Raises EnvelopeError."""
        algorithm, claimed = headers.get("x-digest-alg", ""), headers.get("x-digest", "")
        if not envelope.digest_holds(algorithm, self._app_key, body, claimed):
            raise EnvelopeError("应答摘要不正确")
        answer = envelope.parse(body)
        head = answer.head
        if (head.app_id, head.message_no, head.message_id) != (self._app_id, self.number(message), message_id):
            raise EnvelopeError("应答不是对本报文的应答")
        fields = envelope.parse_voucher(answer.voucher)
        code, reason = text_of(fields, "ResultCode"), text_of(fields, "ResultMsg", required=False)
        reply: Reply[Content] = Reply(code, reason)
        return Reply(code, reason, FORMS[type(message)].read(fields, code)) if reply.done else reply
