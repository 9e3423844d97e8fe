"""Money is integer fen in code; yuan with two decimals at the edges; the Chinese words of an amount."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

MICRO = 1_000_000
"""Unit prices, quantities and list amounts of the HIS have up to six decimals; they are stored as millionths."""

_NUMBER = re.compile(r"-?(?=\.?\d)\d{0,14}(\.\d{1,40})?", re.ASCII)


def number_of(value: object) -> Decimal:
    """Return an outside number (int, Decimal or ASCII text such as ``12``, ``-0.5``, ``.5``) as an exact Decimal.

    Raises ValueError with a Chinese reason for anything else: bool, float, NaN, exponent, too many digits. JSON must
    therefore be read with ``parse_float=Decimal``.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("不是数字")
    text = format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError("不是数字或位数过多")
    return Decimal(text)


def decimal_of(value: object, places: int) -> Decimal:
    """As :func:`number_of`, with ``places`` decimals. Raises ValueError likewise, and when there are more of them."""
    number = number_of(value)
    exact = rounded(number, places)
    if number != exact:
        raise ValueError(f"小数超过{places}位")
    return exact


def rounded(number: Decimal, places: int) -> Decimal:
    """Return a number with ``places`` decimals, halves away from zero."""
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def fen_of(value: object) -> int:
    """Yuan as sent (``12``, ``"12.00"``, ``Decimal``) → fen. Raises ValueError as :func:`decimal_of`."""
    return int(decimal_of(value, 2) * 100)


def micro_of(value: object) -> int:
    """Return a price, quantity or list amount with up to six decimals → millionths. Raises ValueError likewise."""
    return int(decimal_of(value, 6) * MICRO)


def yuan(fen: int) -> str:
    """Fen → yuan with two decimals: ``12850`` → ``"128.50"``."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"


def commas(fen: int) -> str:
    """Fen → yuan as people read it, with commas between thousands: ``-1234550`` → ``"−12,345.50"``."""
    return ("−" if fen < 0 else "") + f"{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def micro_text(micro: int, least: int = 0) -> str:
    """Millionths → shortest decimal text with at least ``least`` decimals: ``54250000`` → ``"54.25"``."""
    sign, micro = ("-", -micro) if micro < 0 else ("", micro)
    fraction = f"{micro % MICRO:06d}".rstrip("0").ljust(least, "0")
    return f"{sign}{micro // MICRO}" + (f".{fraction}" if fraction else "")


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def _integer_words(number: int) -> str:
    words, pending_zero, group = "", False, 0
    while number:
        number, part = divmod(number, 10_000)
        text, zero = "", False
        for place in range(4):
            part, digit = divmod(part, 10)
            if digit:
                text = _DIGITS[digit] + _PLACES[place] + ("零" if zero and text else "") + text
                zero = False
            else:
                zero = True
        if text:
            words = text + _GROUPS[group] + ("零" if pending_zero and words else "") + words
        pending_zero = zero
        group += 1
    return words


def words(fen: int) -> str:
    """Amount in Chinese capitals: ``12850`` → ``壹佰贰拾捌元伍角整``; negative begins with 负.

    Range: below 10^16 yuan. Source: 正确填写票据和结算凭证的基本规定 as used on the faces.
    """
    if fen == 0:
        return "零元整"
    sign, fen = ("负", -fen) if fen < 0 else ("", fen)
    whole, jiao, cent = fen // 100, fen // 10 % 10, fen % 10
    text = _integer_words(whole) + "元" if whole else ""
    if not jiao and not cent:
        return f"{sign}{text}整"
    if jiao:
        text += _DIGITS[jiao] + "角"
    elif whole:
        text += "零"
    return f"{sign}{text}" + (_DIGITS[cent] + "分" if cent else "整")
