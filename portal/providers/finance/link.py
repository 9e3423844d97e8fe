"""The one link of a process to finance: client, breaker and message log, for bills, stock, paper and bookings.

No database connection is held while finance is spoken to.
"""

from __future__ import annotations

import threading

from portal.core.breaker import Breaker
from portal.core.database import Database
from portal.core.settings import Settings
from portal.providers.calls import Calls
from portal.providers.finance import message_log
from portal.providers.finance.adapter import FinanceAccount
from portal.providers.finance.client import FinanceClient
from portal.providers.finance.message_log import Attempt, LogEntry
from portal.providers.finance.messages import Content, FinanceAway, FinanceRequest, Reply
from portal.providers.finance.result_codes import ResultCode


class FinanceLink:
    """The exchange of one process with one finance account; safe for many threads."""

    def __init__(self, client: FinanceClient, breaker: Breaker | None = None) -> None:
        self._client = client
        self._calls = Calls("finance", breaker or Breaker())

    def number(self, message: FinanceRequest[Content]) -> str:
        """Return the number by which the log calls this kind of message."""
        return self._client.number(message)

    def check(self) -> None:
        """Raise FinanceAway with the seconds to wait while finance has not answered for a while.

        Returning while finance is away books the probe that finds out whether it is back.
        """
        if pause := self._calls.pause():
            raise FinanceAway("paused", "财政系统连续无应答，暂停联系", pause)

    def send(
        self, database: Database, message: FinanceRequest[Content], bill_id: int | None
    ) -> tuple[Attempt, Reply[Content]]:
        """Send a message whose row in the log the caller completes together with the effect of the answer.

        Raises FinanceAway, with the row completed.
        """
        number = self._client.number(message)
        attempt = message_log.begin(database, LogEntry(number, message.subject, bill_id), self._client.new_message_id)
        try:
            with self._calls.measure(number) as call:
                try:
                    reply = self._client.ask(message, attempt.message_id)
                    call.outcome = reply.code
                except FinanceAway as away:
                    call.outcome, call.away = away.code, True
                    raise
        except FinanceAway as away:
            with database.write() as connection:
                message_log.end(connection, attempt, "failed", away.code, away.reason)
            raise
        return attempt, reply

    def ask(self, database: Database, message: FinanceRequest[Content]) -> Reply[Content]:
        """Send a message and log its answer. Raises FinanceAway, also without sending while finance is away."""
        self.check()
        attempt, reply = self.send(database, message, None)
        outcome = "accepted" if reply.code == ResultCode.OK else "duplicate" if reply.done else "rejected"
        with database.write() as connection:
            message_log.end(connection, attempt, outcome, reply.code, reply.reason)
        return reply


_links: dict[FinanceAccount, FinanceLink] = {}
_guard = threading.Lock()


def link_of(settings: Settings) -> FinanceLink | None:
    """Return the process's link to the account of the settings; ``None`` when no address is configured."""
    account = FinanceAccount.of(settings)
    if not account.url:
        return None
    with _guard:
        if account not in _links:
            _links[account] = FinanceLink(FinanceClient(account))
        return _links[account]
