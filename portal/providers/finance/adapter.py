"""The seam to a finance system: an adapter writes our messages in its form and reads its answers.

A further adapter is one module with one class of this shape. ``QUPIAO_FINANCE_ADAPTER`` names it, either by a name of
:data:`ADAPTERS` or as ``package.module:Class``, so that it need not lie in this repository.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from portal.core.settings import Settings
from portal.providers.finance.messages import Content, FinanceRequest, Reply
from portal.providers.finance.national.adapter import NationalAdapter


@dataclass(frozen=True, slots=True)
class FinanceAccount:
    """Where finance's front-end machine is, our account there, and the seconds that one exchange may take."""

    url: str
    app_id: str
    app_key: str = field(repr=False)
    timeout: float = 10.0
    adapter: str = "national"

    @classmethod
    def of(cls, settings: Settings) -> FinanceAccount:
        """Read the account from the settings."""
        account = (settings.finance, settings.finance_app_id, settings.finance_app_key, settings.finance_timeout)
        return cls(*account, settings.finance_adapter)


class FinanceAdapter(Protocol):
    """One finance system's form of our messages; made with (app id, app key). Safe for many threads."""

    def number(self, message: FinanceRequest[Content]) -> str:
        """Return the number (≤ 8 characters) by which the log of messages calls this kind of message."""

    def build(self, message: FinanceRequest[Content], message_id: str) -> tuple[bytes, Mapping[str, str]]:
        """Write the body and the HTTP headers of a message under an id of ours, which never comes twice."""

    def read(
        self, message: FinanceRequest[Content], message_id: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply[Content]:
        """Read the answer (HTTP 200) to exactly this message, with its code as one of :class:`ResultCode`.

        Header names are in lower case. Raises NoAnswer for anything that is not authentic or not to this message.
        """


ADAPTERS: dict[str, Callable[[str, str], FinanceAdapter]] = {"national": NationalAdapter}


def adapter_of(account: FinanceAccount) -> FinanceAdapter:
    """Make the adapter that the account names. Raises ValueError for a name that nothing has."""
    make = ADAPTERS.get(account.adapter)
    if make is None:
        module, _, name = account.adapter.partition(":")
        try:
            make = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"QUPIAO_FINANCE_ADAPTER names no adapter: {account.adapter!r}") from error
    return make(account.app_id, account.app_key)
