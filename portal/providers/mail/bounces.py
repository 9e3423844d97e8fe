"""Bounces: the message that a delivery status notification (RFC 3464) is about, and whether it is final."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message

_OURS = re.compile(r"<(qp[0-9]{1,20})@[A-Za-z0-9.-]+>")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bounce:
    """``ref``: our number; ``good``: the server reports delivery; ``code``: the enhanced status, like ``5.1.1``."""

    ref: str
    good: bool
    code: str


def read(raw: bytes) -> Bounce | None:
    """Read the bounce in a message; ``None`` for no report, a report of a delay, or one about no message of ours."""
    if len(raw) > MOST_BYTES:
        return None
    whole = message_from_bytes(raw, policy=policy.compat32)
    if whole.get_content_type() != "multipart/report":
        return None
    action = status = ref = ""
    for part in whole.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for group in _groups(part):
                action = str(group.get("Action", action)).strip().lower()
                status = str(group.get("Status", status)).strip()
        elif kind in ("text/rfc822-headers", "message/rfc822"):
            found = _OURS.search(part.as_string())
            ref = found[1] if found else ref
    if not ref or action not in ("failed", "delivered", "relayed"):
        return None
    code = _STATUS.match(status)
    return Bounce(ref, action != "failed", code[0] if code else "")


def _groups(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
