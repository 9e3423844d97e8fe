"""Strict JSON from outside: bounded depth, no duplicate keys, no NaN or Infinity, exact decimals."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Never

MOST_DEPTH = 40
LONGEST_NUMBER = 40

# The last string may be left open: it then reaches to the end, so that no character is looked at twice. Otherwise
# every quotation mark of such a text starts another search to its end, and a small body keeps a worker for hours.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


class JsonError(ValueError):
    """The text is not JSON that we accept; the message is a Chinese reason without any content of the text."""


def _no_constant(name: str) -> Never:
    raise JsonError(f"JSON 中不允许 {name}")


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise JsonError("JSON 数字过长")
    return int(text)


def _decimal(text: str) -> Decimal:
    number = Decimal(text) if len(text) <= LONGEST_NUMBER else None
    # An exponent makes few characters a long number: 1e999999999 must never be written out.
    if number is None or abs(number.adjusted()) > LONGEST_NUMBER:
        raise JsonError("JSON 数字过长")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("JSON 对象中有重复的键")
    return found


_DECODER = json.JSONDecoder(
    parse_float=_decimal, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_object, strict=False
)
"""``strict=False`` lets raw control characters inside strings through, so that the field check can name the field."""


def _check_depth(text: str) -> None:
    # Counted before decoding: the decoder recurses, and a deep text would exhaust the stack.
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MOST_DEPTH:
            raise JsonError(f"JSON 嵌套超过 {MOST_DEPTH} 层")


def decode(raw: bytes) -> Any:
    """UTF-8 bytes (a BOM is allowed) → value, fractions as ``Decimal``. Raises :class:`JsonError`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonError("不是 UTF-8 编码") from error
    _check_depth(text)
    try:
        return _DECODER.decode(text.strip())
    except JsonError:
        raise
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise JsonError("不是正确的 JSON") from error


def decode_object(raw: bytes) -> dict[str, Any]:
    """As :func:`decode`, and the value must be an object."""
    value = decode(raw)
    if not isinstance(value, dict):
        raise JsonError("应为 JSON 对象")
    return value
