"""Readers of what Alipay's library reads wrongly: the signed characters of an answer, keys of its key tool."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import serialization

_BLANK = re.compile(r"[ \t\r\n]*")


def top_level(text: str) -> dict[str, str]:
    """Split a JSON object into its members, each with the exact characters of its value (what Alipay signs).

    The library counts braces, also those inside strings. Raises ValueError.
    """
    decode = json.JSONDecoder().raw_decode
    found: dict[str, str] = {}
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("not an object")
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        name, at = decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":" or not isinstance(name, str) or name in found:
            raise ValueError("not an object with each member once")
        start = _skip(text, at + 1)
        _, end = decode(text, start)
        found[name] = text[start:end]
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    return found


def codec(charset: str) -> str:
    """Return by what bytes named ``charset`` are read: GB 18030 for all of its family, which it holds, else UTF-8."""
    return "gb18030" if charset.strip(" \"'").lower() in ("gbk", "gb2312", "gb18030") else "utf-8"


def form_values(body: bytes, charset: str = "") -> tuple[dict[str, str], str]:
    """Read a form that was posted; return its values and by what they were read.

    The form names its charset itself, in ASCII, or its head does (``charset``). Raises ValueError for another text.
    """
    text = body.decode("ascii")
    named = dict(parse_qsl(text, keep_blank_values=True, encoding="latin-1", max_num_fields=200)).get(
        "charset", charset
    )
    pairs = parse_qsl(text, keep_blank_values=True, encoding=codec(named), errors="strict", max_num_fields=200)
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a field twice")
    return dict(pairs), codec(named)


def _skip(text: str, at: int) -> int:
    matched = _BLANK.match(text, at)
    return matched.end() if matched else at


def pem(key: str, private: bool) -> str:
    """Write a key as PEM, given as PEM or as bare Base64 (PKCS#8 or PKCS#1). Raises ValueError."""
    text = key.strip()
    if text.startswith("-----"):
        return text
    raw = b64decode("".join(text.split()), validate=True)
    encoding = serialization.Encoding.PEM
    if private:
        loaded = serialization.load_der_private_key(raw, None)
        form = serialization.PrivateFormat.PKCS8
        return loaded.private_bytes(encoding, form, serialization.NoEncryption()).decode()
    public = serialization.load_der_public_key(raw)
    return public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def compact(value: Any) -> str:
    """Write JSON as it is sent: real characters, no blanks, Decimal as text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_number)


def _number(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(type(value).__name__)
