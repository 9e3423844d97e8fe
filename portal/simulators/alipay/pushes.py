"""Pushes of the simulated Alipay, signed with its own key as its contract says."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx

Sign = Callable[[str], str]


def message(sign: Sign, app_id: str, content: dict[str, Any], method: str) -> dict[str, str]:
    """Make a message of the message service: ``sign_type`` is part of the signed text."""
    values = {"notify_id": secrets.token_hex(16), "msg_method": method, "app_id": app_id, "version": "1.1"}
    values |= {"utc_timestamp": str(int(time.time() * 1000)), "charset": "utf-8", "sign_type": "RSA2"}
    values["biz_content"] = json.dumps(content, ensure_ascii=False)
    return values | {"sign": sign(_text(values))}


def notify(sign: Sign, app_id: str, content: dict[str, str], kind: str) -> dict[str, str]:
    """Make a plain asynchronous notify: ``sign_type`` is not part of the signed text."""
    values = {"notify_id": secrets.token_hex(16), "notify_type": kind, "app_id": app_id, "charset": "utf-8", **content}
    return values | {"sign_type": "RSA2", "sign": sign(_text(values))}


def _text(values: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(values.items()))


def push(address: str, values: dict[str, str], times: int = 3) -> list[str]:
    """Push until ``success`` is answered, as Alipay does over a day; return the answers, '' for none."""
    answers: list[str] = []
    for _ in range(times):
        try:
            answers.append(httpx.post(address, data=values, timeout=5, trust_env=False).text)
        except httpx.HTTPError:
            answers.append("")
        if answers[-1] == "success":
            break
    return answers
