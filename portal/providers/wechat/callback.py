"""WeChat's pushes: safe mode only, checked before anything is parsed.

wechatpy decrypts; comparing, freshness and everything malformed is ours: whatever comes in, a :class:`NotWeChat` or
a message comes out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from base64 import b64decode
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from wechatpy.crypto import PrpCrypto
from wechatpy.exceptions import WeChatException

from portal.core import strict_json
from portal.core.platform_settings import WeChatAccount

FRESH = 300
"""Seconds that a push may be old, or early; its nonce is remembered for twice as long."""
LARGEST = 64 * 1024


class NotWeChat(Exception):
    """A push that is not WeChat's, not fresh, or not readable. The text is for operators and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Push:
    """A genuine push: its text as decrypted, and the flat fields that are read from it."""

    text: str
    fields: dict[str, Any]

    @property
    def event(self) -> str:
        """The event's name, in lower case but as WeChat writes it otherwise; for a message its type."""
        return str(self.fields.get("Event") or self.fields.get("MsgType") or "")[:40]

    @property
    def openid(self) -> str:
        """The openid of the person."""
        return str(self.fields.get("FromUserName") or "")

    @property
    def key(self) -> str:
        """What makes a repeat the same: ``MsgId``, or who, when, what and about which order or message."""
        if found := self.fields.get("MsgId"):
            return f"message:{found}"
        about = [self.fields.get(name) for name in _ABOUT]
        return f"event:{self.openid}:{self.fields.get('CreateTime')}:{self.event}:{about}"


_ABOUT = (
    *("SuccOrderId", "FailOrderId", "MsgID", "CardId", "Code", "Status", "List"),
    *("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"),
)


def signature(*parts: str) -> str:
    """Sign the sorted parts: SHA-1 hex."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def check_address(account: WeChatAccount, query: dict[str, str]) -> str:
    """Return the answer to WeChat's test of the address (``echostr``). Raises NotWeChat."""
    good = signature(account.token, query.get("timestamp", ""), query.get("nonce", ""))
    if not account.token or not hmac.compare_digest(good.encode(), query.get("signature", "").encode()):
        raise NotWeChat("signature")
    _fresh(query)
    echo = query.get("echostr", "")
    if not re.fullmatch(r"[A-Za-z0-9+/=_-]{1,200}", echo, re.ASCII):
        raise NotWeChat("echostr")
    return echo


def read(account: WeChatAccount, query: dict[str, str], body: bytes) -> Push:
    """Read a push in safe mode. Raises NotWeChat."""
    if not account.pushes or len(body) > LARGEST or query.get("encrypt_type") != "aes":
        raise NotWeChat("mode")
    _fresh(query)
    encrypted = _value(_parse(body), "Encrypt")
    good = signature(account.token, query.get("timestamp", ""), query.get("nonce", ""), encrypted)
    if not hmac.compare_digest(good.encode(), query.get("msg_signature", "").encode()):
        raise NotWeChat("signature")
    try:
        text = str(PrpCrypto(b64decode(account.aes_key + "=")).decrypt(encrypted, account.appid))
    except (WeChatException, ValueError, TypeError, IndexError, KeyError, ArithmeticError) as error:
        raise NotWeChat(type(error).__name__) from None
    except Exception as error:  # noqa: BLE001 - struct.error and whatever else a cut cipher text brings about in the library
        raise NotWeChat(type(error).__name__) from None
    fields = _parse(text.encode())
    if not fields.get("FromUserName") or not (fields.get("Event") or fields.get("MsgType")):
        raise NotWeChat("fields")
    return Push(text, fields)


def _fresh(query: dict[str, str]) -> None:
    stamp = query.get("timestamp", "")
    if not re.fullmatch(r"[0-9]{10}", stamp, re.ASCII) or abs(time.time() - int(stamp)) > FRESH:
        raise NotWeChat("timestamp")
    if not query.get("nonce"):
        raise NotWeChat("nonce")


def _parse(body: bytes) -> dict[str, Any]:
    """XML, or JSON where a mini-program's console says so."""
    if body.lstrip().startswith(b"{"):
        try:
            told = strict_json.decode(body)
        except (ValueError, RecursionError) as error:
            raise NotWeChat(type(error).__name__) from None
        if not isinstance(told, dict):
            raise NotWeChat("json")
        return told
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise NotWeChat("doctype")
    try:
        whole = xmltodict.parse(body.decode("utf-8"))
    except (ExpatError, ValueError, RecursionError) as error:
        raise NotWeChat(type(error).__name__) from None
    fields = whole.get("xml") if isinstance(whole, dict) else None
    if not isinstance(fields, dict):
        raise NotWeChat("xml")
    return fields


def _value(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise NotWeChat(name)
    return value
