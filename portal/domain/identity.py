"""Numbers and names by which people are known: normal form, recognition, masking.

Everything typed passes :func:`normalise` or :func:`normalise_name` before it is compared or hashed, so that a
full-width digit, a blank or a lower-case ``x`` never hides a bill from its owner.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from portal.domain.characters import INVISIBLE, unprivate
from portal.domain.texts import said_later
from portal.domain.titled import Titled


class Kind(Titled):
    """What a typed number may be."""

    ID_CARD = "id_card", "居民身份证"
    RESIDENCE = "residence", "外国人永久居留身份证"
    HONG_KONG_MACAU = "hong_kong_macau", "港澳居民来往内地通行证"
    TAIWAN = "taiwan", "台湾居民来往大陆通行证"
    PASSPORT = "passport", "护照"
    PHONE = "phone", "手机号"
    CARD = "card", "医保卡、就诊卡、社保卡"


_DASHES = "-‐‑‒–—―−﹣ー_"
_DROPPED = re.compile(rf"[\s{re.escape(_DASHES)}\u200b-\u200f\u2060\ufeff]+")
_NAME_DROPPED = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_NAME_DOTS = re.compile(r"[·・•‧∙⋅●．.｡。]")
_PLACEHOLDERS = frozenset({"无", "空", "*", "/", "0", "NULL", "NONE"})
_EARLIEST = date(1850, 1, 1)

_PHONE = re.compile(r"(?:0086|\+?86)?(1[3-9]\d{9}|1000000\d{4})", re.ASCII)
_ID18 = re.compile(r"\d{17}[\dX]", re.ASCII)
_ID15 = re.compile(r"\d{15}", re.ASCII)
_RESIDENCE_OLD = re.compile(r"[A-Z]{3}\d{12}", re.ASCII)
_HONG_KONG_MACAU = re.compile(r"[HM](?:\d{8}|\d{10})", re.ASCII)
_TAIWAN = re.compile(r"\d{8}|\d{10}[A-Z]?", re.ASCII)
_PASSPORT = re.compile(r"(?=.*\d)[A-Z0-9]{6,9}", re.ASCII)
_CARD = re.compile(r"[A-Z0-9]{5,32}", re.ASCII)


def normalise(text: str) -> str:
    """Return a number as typed → the form that is compared: NFKC, no blanks, dashes or invisible characters, upper
    case.

    A mobile number loses its ``+86``. A placeholder such as ``无``, ``-`` or ``******`` becomes ``""``. Never raises;
    ``normalise(normalise(x)) == normalise(x)``.
    """
    previous, current = None, text
    while current != previous:
        # Upper-casing can create what NFKC folds (and the other way round), so go on until nothing moves.
        previous, current = (
            current,
            _DROPPED.sub("", unicodedata.normalize("NFKC", current)).upper(),
        )
    if phone := _PHONE.fullmatch(current):
        return phone[1]
    return "" if current in _PLACEHOLDERS or set(current) == {"*"} else current


WHICH_PHONES = "应为 11 位内地手机号，港澳台及境外号码收不到短信"
"""What a refused phone is told."""


def is_phone(text: str) -> bool:
    """Whether this is a mobile number: 1[3-9] and nine digits, or the demo's ``1000000dddd``."""
    return _PHONE.fullmatch(normalise(text)) is not None


_CREDIT_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_CODE = re.compile(r"[0-9A-Z]{15,20}", re.ASCII)


def is_credit_code(text: str) -> bool:
    """Whether this is a 统一社会信用代码 with its right check character, or has the shape of an older code.

    Codes of invented organisations have ``TEST`` in them, which no real one can have (it has no S); they pass.
    """
    code = normalise(text)
    if not _CREDIT_CODE.fullmatch(code):
        return False
    if len(code) != 18 or "TEST" in code:
        return True
    return set(code) <= set(_CREDIT_CHARACTERS) and code[17] == credit_check_character(code[:17])


def credit_check_character(first17: str) -> str:
    """Return the 18th character of a 统一社会信用代码 (GB 32100-2015, GB/T 17710 MOD 31)."""
    total = sum(_CREDIT_CHARACTERS.index(char) * pow(3, place, 31) for place, char in enumerate(first17))
    return _CREDIT_CHARACTERS[-total % 31]


def id_check_character(first17: str) -> str:
    """Return the 18th character of an ID number (GB 11643-1999, ISO 7064 MOD 11-2). Raises ValueError unless 17
    digits."""
    if not re.fullmatch(r"\d{17}", first17, re.ASCII):
        raise ValueError("seventeen digits are needed")
    remainder = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(first17)) % 11
    return "10X98765432"[remainder]


def is_id_card(text: str) -> bool:
    """Whether this is an ID number: 18 with a right check character, or the old 15, with a date of birth that exists.

    The region is not checked beyond its shape, so the demo's ``000000`` passes and closed regions stay valid.
    """
    number = normalise(text)
    if _ID18.fullmatch(number):
        return number[17] == id_check_character(number[:17]) and _is_day(number[6:14])
    return _ID15.fullmatch(number) is not None and _is_day("19" + number[6:12])


def birthday(number: str) -> date | None:
    """Return the date of birth in an ID number; ``None`` for any other number."""
    number = normalise(number)
    if not is_id_card(number):
        return None
    digits = number[6:14] if len(number) == 18 else "19" + number[6:12]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def _is_day(text: str) -> bool:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])) >= _EARLIEST
    except ValueError:
        return False


def recognise(text: str) -> tuple[Kind, ...]:
    """Return what the number may be, likeliest first; empty when it is nothing we can search by.

    Several kinds share shapes (a Taiwan permit is eight digits, so is many a clinic card): all of them are named.
    """
    number = _bare(text)
    found = []
    if is_id_card(number):
        # Since 2023 the permanent residence card has 18 digits as well, beginning with 9.
        found.append(Kind.RESIDENCE if number[0] == "9" and len(number) == 18 else Kind.ID_CARD)
    if _PHONE.fullmatch(number):
        found.append(Kind.PHONE)
    if _RESIDENCE_OLD.fullmatch(number):
        found.append(Kind.RESIDENCE)
    if _HONG_KONG_MACAU.fullmatch(number):
        found.append(Kind.HONG_KONG_MACAU)
    if _TAIWAN.fullmatch(number):
        found.append(Kind.TAIWAN)
    if _PASSPORT.fullmatch(number):
        found.append(Kind.PASSPORT)
    if _CARD.fullmatch(number) and Kind.ID_CARD not in found and Kind.PHONE not in found:
        found.append(Kind.CARD)
    return tuple(found)


_SLIP_CODE = re.compile(r"QP[2-9A-HJKMNP-Z]{8}", re.ASCII)


def is_slip_code(text: str) -> bool:
    """Whether this has the shape of a slip's fetch code 取票码: ``QP`` and eight characters nobody confuses."""
    return _SLIP_CODE.fullmatch(normalise(text)) is not None


def bare_slip_code(text: str) -> str:
    """Return the fetch code that somebody typed without its ``QP``, else "". It may be a card's number as well."""
    whole = f"QP{normalise(text)}"
    return whole if _SLIP_CODE.fullmatch(whole) and not normalise(text).isdigit() else ""


def spoken_kind(text: str) -> str:
    """Return what a typed number looks like, in words for the person who typed it; says when an ID number does not
    add up."""
    number = _bare(text)
    if _ID18.fullmatch(number) and not is_id_card(number):
        return said_later("卡号。如果填的是身份证，它的最后一位对不上，请核对")
    return "，或".join(kind.title for kind in recognise(number)[:2])


def normalise_name(text: str) -> str:
    """Return a name as typed → the form that is compared: NFKC, no blanks at all, one kind of middle dot, upper
    case."""
    previous, current = None, unprivate(text)
    while current != previous:
        dotted = _NAME_DOTS.sub("·", current)
        previous, current = (
            current,
            _NAME_DROPPED.sub("", unicodedata.normalize("NFKC", dotted)).upper(),
        )
    return current


_LOOSE_DROPPED = re.compile(rf"[·'’‘`´{re.escape(_DASHES)}\u0300-\u036f{INVISIBLE}]+")
_ZEROS = str.maketrans("○零", "〇〇")


def loose_name(text: str) -> str:
    """Return a name without what phones have no key for or people leave out: dots, hyphens, accents, apostrophes."""
    letters = unicodedata.normalize("NFD", normalise_name(text)).translate(_ZEROS)
    return _LOOSE_DROPPED.sub("", letters)


_MOST_DOTTED = 16
"""Characters of a name in which a second dot is looked for; a longer one is tried with one."""


def name_spellings(text: str) -> tuple[str, ...]:
    """Return a name as typed → the forms under which it may be kept, for a search that knows them by hashes alone.

    As it is typed, without dots, and with one or two dots wherever they may stand. Accents cannot be guessed.
    """
    typed, plain = normalise_name(text), normalise_name(text).replace("·", "")
    found = [typed, plain, *(typed.replace(*zeros) for zeros in (("○", "〇"), ("零", "〇"), ("〇", "零"), ("〇", "○")))]
    places = range(1, len(plain))
    found += [f"{plain[:one]}·{plain[one:]}" for one in places]
    if len(plain) <= _MOST_DOTTED:
        found += [
            f"{plain[:one]}·{plain[one:two]}·{plain[two:]}" for one in places for two in range(one + 1, len(plain))
        ]
    return tuple(dict.fromkeys(name for name in found if name))


_BRACKETS = re.compile(r"[()\[\]<>{}]")
_HONG_KONG_ID = re.compile(r"[A-Z]{1,2}\d{6}[0-9A]", re.ASCII)
_TAIWAN_OLD = re.compile(r"\d{10}[A-Z]", re.ASCII)


def _bare(text: str) -> str:
    number = normalise(text)
    return _BRACKETS.sub("", number) or number


def spellings(text: str) -> tuple[str, ...]:
    """Return a number as typed → all the forms that one document is written in; the first is the same for all of them.

    The last character of a Hong Kong identity card and of an old Taiwan permit stands in brackets or not; an identity
    card had 15 digits once, of somebody who is in our lists with 18.
    """
    number, bare = normalise(text), _bare(text)
    found = [bare, number]
    if _HONG_KONG_ID.fullmatch(bare) or _TAIWAN_OLD.fullmatch(bare):
        found.append(f"{bare[:-1]}({bare[-1]})")
    if is_id_card(bare) and len(bare) == 15:
        longer = f"{bare[:6]}19{bare[6:]}"
        found.insert(0, longer + id_check_character(longer))
    if is_id_card(bare) and len(bare) == 18 and bare[6:8] == "19":
        found.append(bare[:6] + bare[8:17])
    return tuple(dict.fromkeys(found))


def _mask(text: str, head: int, tail: int) -> str:
    hidden = len(text) - head - tail
    if hidden < 1:
        return "*" * len(text)
    return text[:head] + "*" * hidden + text[len(text) - tail :]


def mask_name(name: str) -> str:
    """林演安, 林演 → 林**: a mask does not tell the length; one character → ``*``; blanks around are dropped."""
    name = name.strip()
    return f"{name[0]}**" if len(name) > 1 else "*" * len(name)


def mask_id(number: str) -> str:
    """Return an identity number: first six and last four of 18 or 15 stay, of anything shorter the first and last
    two."""
    number = normalise(number)
    return _mask(number, 6, 4) if len(number) >= 15 else _mask(number, 1, 2)


def mask_phone(number: str) -> str:
    """10000000001 → 100****0001."""
    return _mask(normalise(number), 3, 4)


def mask_card(number: str) -> str:
    """Any card: only its last four characters stay, and of a short one fewer than half."""
    number = normalise(number)
    return _mask(number, 0, min(4, (len(number) - 1) // 2)) if number else ""
