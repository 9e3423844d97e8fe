"""Speaks to finance's front-end machine over HTTP: one message, one answer, no retries (the outbox retries)."""

from __future__ import annotations

import time

import httpx

from portal.core.clock import now
from portal.providers.finance import envelope
from portal.providers.finance.bill_messages import (
    RESULT,
    Answer,
    MessageIds,
    Rejected,
    Reply,
    Upload,
    read_supervision,
    result_voucher,
)
from portal.providers.finance.envelope import EnvelopeError, text_of
from portal.providers.finance.result_codes import Result, worth_repeating


class FinanceAway(Exception):
    """No usable answer: it is unknown whether finance has acted. Send again later, with a new message id.

    ``code`` is finance's own code when it gave one (5xxx …), else ``timeout``, ``network``, ``http`` or ``reply``.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FinanceClient:
    """One finance address and account; safe for many threads (one connection pool).

    ``timeout`` bounds connecting, each silence and the whole exchange, in seconds.
    """

    def __init__(self, base_url: str, app_id: str, app_key: str, timeout: float = 10.0, algorithm: str = "SM3") -> None:
        self._url = base_url
        self._app_id = app_id
        self._app_key = app_key
        self._algorithm = algorithm
        self._timeout = timeout
        self._ids = MessageIds()
        # trust_env off: a proxy variable of the machine must not lead bills elsewhere
        self._http = httpx.Client(
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30),
            headers={"Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def new_message_id(self) -> str:
        """An id that this process has not used."""
        return self._ids.next()

    def upload(self, bill: Upload, message_id: str | None = None) -> Answer:
        """9301/9303. The same bill again gets the same supervision (4001). Raises FinanceAway."""
        return self._exchange(bill.message_no, bill.voucher(), message_id)

    def result(self, code: str, number: str, check: str, message_id: str | None = None) -> Answer:
        """9302: what became of an uploaded bill. Raises FinanceAway."""
        return self._exchange(RESULT, result_voucher(code, number, check), message_id)

    def ask(self, message_no: str, voucher: bytes, message_id: str | None = None) -> Reply:
        """Any message: finance's authentic answer, whatever it says. Raises FinanceAway, for 5xxx too."""
        message_id = message_id or self.new_message_id()
        body = envelope.build(envelope.head_for(message_no, self._app_id, message_id, now()), voucher)
        reply, reply_headers = self._post(body)
        try:
            fields = self._open(reply, reply_headers, message_no, message_id)
            code, reason = (text_of(fields, "ResultCode"), text_of(fields, "ResultMsg", required=False))
        except EnvelopeError as error:
            raise _unusable(error) from error
        if worth_repeating(code):
            raise FinanceAway(code, f"财政系统暂时不能处理：{reason}"[:500])
        return Reply(code, reason, fields)

    def _exchange(self, message_no: str, voucher: bytes, message_id: str | None) -> Answer:
        reply = self.ask(message_no, voucher, message_id)
        if reply.code not in (Result.OK, Result.DUPLICATE_SAME):
            return Rejected(reply.code[:8], reply.reason[:500])
        try:
            return read_supervision(reply.fields, reply.code, reply.code == Result.DUPLICATE_SAME)
        except EnvelopeError as error:
            raise _unusable(error) from error

    def _post(self, body: bytes) -> tuple[bytes, httpx.Headers]:
        deadline = time.monotonic() + self._timeout
        sent = envelope.headers(self._algorithm, self._app_id, self._app_key, body)
        try:
            with self._http.stream("POST", self._url, content=body, headers=sent) as answer:
                if answer.status_code != 200:
                    raise FinanceAway("http", f"财政系统应答 HTTP {answer.status_code}")
                reply = bytearray()
                for part in answer.iter_bytes():
                    reply += part
                    if len(reply) > envelope.MOST_BYTES:
                        raise FinanceAway("reply", "财政应答过大")
                    if time.monotonic() > deadline:
                        raise FinanceAway("timeout", "财政系统应答超时")
                return bytes(reply), answer.headers
        except httpx.TimeoutException as error:
            raise FinanceAway("timeout", "财政系统应答超时") from error
        except httpx.HTTPError as error:  # refused, reset, half an answer
            raise FinanceAway("network", f"与财政系统的连接中断（{type(error).__name__}）") from error

    def _open(
        self, reply: bytes, reply_headers: httpx.Headers, message_no: str, message_id: str
    ) -> dict[str, str | dict[str, str]]:
        algorithm, claimed = (reply_headers.get("X-Digest-Alg", ""), reply_headers.get("X-Digest", ""))
        if not envelope.digest_holds(algorithm, self._app_key, reply, claimed):
            raise EnvelopeError("应答摘要不正确")
        message = envelope.parse(reply)
        head = message.head
        if (head.app_id, head.message_no, head.message_id) != (self._app_id, message_no, message_id):
            raise EnvelopeError("应答不是对本报文的应答")
        return envelope.parse_voucher(message.voucher)


def _unusable(error: EnvelopeError) -> FinanceAway:
    return FinanceAway("reply", f"财政应答无法采信：{error}")
