"""The client of finance's front-end machine: one message, one answer over HTTP, no retries (the outbox retries)."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from portal.providers.finance.adapter import FinanceAccount, FinanceAdapter, adapter_of
from portal.providers.finance.message_log import MessageIds
from portal.providers.finance.messages import (
    Content,
    FinanceAway,
    FinanceRequest,
    NoAnswer,
    Reply,
    ResultQuery,
    SupervisionAnswer,
    Upload,
    supervision,
)
from portal.providers.finance.result_codes import worth_repeating

MOST_BYTES = 8 * 1024 * 1024
"""Larger answers are not read."""


class FinanceClient:
    """One finance account; safe for many threads (one connection pool).

    The account's ``timeout`` bounds connecting, each silence and the whole exchange, in seconds.
    """

    def __init__(self, account: FinanceAccount, adapter: FinanceAdapter | None = None) -> None:
        self._url = account.url
        self._adapter = adapter or adapter_of(account)
        self._timeout = account.timeout
        self._ids = MessageIds()
        # trust_env off: a proxy variable of the machine must not lead bills elsewhere
        self._http = httpx.Client(
            timeout=account.timeout,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30),
            headers={"Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def new_message_id(self) -> str:
        """Return an id that this process has not used."""
        return self._ids.next()

    def number(self, message: FinanceRequest[Content]) -> str:
        """Return the number by which the log calls this kind of message."""
        return self._adapter.number(message)

    def ask(self, message: FinanceRequest[Content], message_id: str | None = None) -> Reply[Content]:
        """Send a message and return finance's authentic answer, whatever it says.

        Raises FinanceAway when there is none, or when finance says that it cannot work now (5xxx).
        """
        message_id = message_id or self.new_message_id()
        body, headers = self._post(*self._adapter.build(message, message_id))
        try:
            reply = self._adapter.read(message, message_id, body, headers)
        except NoAnswer as error:
            raise FinanceAway("reply", f"财政应答无法采信：{error}") from error
        if worth_repeating(reply.code):
            raise FinanceAway(reply.code, f"财政系统暂时不能处理：{reply.reason}"[:500])
        return reply

    def upload(self, bill: Upload, message_id: str | None = None) -> SupervisionAnswer:
        """Upload a bill. The same bill again gets the same supervision (4001). Raises FinanceAway."""
        return supervision(self.ask(bill, message_id))

    def result(self, code: str, number: str, check_code: str, message_id: str | None = None) -> SupervisionAnswer:
        """Ask what became of an uploaded bill. Raises FinanceAway."""
        return supervision(self.ask(ResultQuery(code, number, check_code), message_id))

    def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
        deadline = time.monotonic() + self._timeout
        try:
            with self._http.stream("POST", self._url, content=body, headers=dict(headers)) as answer:
                if answer.status_code != 200:
                    raise FinanceAway("http", f"财政系统应答 HTTP {answer.status_code}")
                reply = bytearray()
                for part in answer.iter_bytes():
                    reply += part
                    if len(reply) > MOST_BYTES:
                        raise FinanceAway("reply", "财政应答过大")
                    if time.monotonic() > deadline:
                        raise FinanceAway("timeout", "财政系统应答超时")
                return bytes(reply), answer.headers
        except httpx.TimeoutException as error:
            raise FinanceAway("timeout", "财政系统应答超时") from error
        except httpx.HTTPError as error:  # refused, reset, half an answer
            raise FinanceAway("network", f"与财政系统的连接中断（{type(error).__name__}）") from error
