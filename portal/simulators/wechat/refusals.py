"""Refusals of the simulated WeChat."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""The object of a call or an answer; that of a call is checked before it is used."""


class WeChatRefusal(Exception):
    """A refusal with WeChat's own ``errcode``."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text
