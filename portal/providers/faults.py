"""Faults of outside platforms in nine classes, without anything secret."""

from __future__ import annotations

import logging
import re
from enum import StrEnum

import requests
from urllib3.exceptions import NewConnectionError

logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
"""Below, it writes the address of each call; WeChat's addresses hold the access token."""


class FaultKind(StrEnum):
    """The meaning of an answer for the sender."""

    TOKEN = "token"  # noqa: S105 - refresh the credential once, repeat once, then it is CONFIG
    RETRY = "retry"  # transient
    LATER = "later"  # quota or window: not before the stated time
    NEVER = "never"  # this message to this person on this channel is over
    DONE = "done"  # the platform says that it has it already
    USER = "user"  # the person must act
    CONFIG = "config"  # our set-up is wrong
    BUG = "bug"  # our payload is wrong
    UNKNOWN = "unknown"  # sent, and no answer that can be read


class ChannelFault(Exception):
    """An answer of a platform that is not a plain success.

    ``platform`` wechat or alipay, ``code`` the platform's own, ``text`` what it said with every secret taken out,
    ``after`` seconds to wait where the platform named them. It holds no request and no answer, so it may be logged,
    pickled and kept.
    """

    def __init__(self, platform: str, kind: FaultKind, code: str, text: str = "", after: float | None = None) -> None:
        super().__init__(platform, kind, code, text, after)
        self.platform, self.kind, self.code, self.text, self.after = platform, kind, code, text, after

    def __str__(self) -> str:
        return f"{self.platform} {self.kind} {self.code}: {self.text}"


_SECRET_WORDS = re.compile(
    r"(?i)(access_token|secret|ticket|js_code|openid|sign|phone\w*)([\"']?\s*[=:]\s*[\"']?)[^\s&\"',}]+"
)
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_ID = re.compile(r"(?<!\d)\d{17}[\dXx](?!\w)")


def plain_text(text: object, *secrets: str) -> str:
    """Clean a platform's text for logs: without secrets, tokens, phones and identity numbers; ≤ 300 characters."""
    written = str(text)
    for secret in secrets:
        if len(secret) >= 6:
            written = written.replace(secret, "***")
    written = _SECRET_WORDS.sub(r"\1\2***", written)
    return _ID.sub("***", _PHONE.sub("***", written))[:300]


def not_sent(error: requests.RequestException) -> bool:
    """Say whether the request cannot have reached anybody, so that it may simply be sent again."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectionError) and isinstance(reason, NewConnectionError)
