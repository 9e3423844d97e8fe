"""The envelope of the HIS interface: reading, checking, answering. Pure functions.

What clients really send is accepted: form-encoded bodies under any header, line breaks or percent codes in
Base64, a byte order mark, numbers as text. What could be read in two ways is refused: duplicate keys, NaN, depth.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from portal.core import strict_json
from portal.domain.errors import CATALOGUE, Refusal

MOST_BYTES = 4 * 1024 * 1024
MEMBERS = ("appid", "data", "noise", "version", "sign", "region", "deptcode")
SUCCESS = "S0000"

RESULT_CODES: Mapping[str, str] = {
    "INTERNAL": "E0001",
    "ENVELOPE_INVALID": "E1001",
    "APPID_UNKNOWN": "E1002",
    "SIGN_WRONG": "E1003",
    "METHOD_UNKNOWN": "E1004",
    "METHOD_NOT_OPEN": "E1005",
    "BODY_TOO_LARGE": "E1006",
    "SIGN_OF_ANOTHER_METHOD": "E1007",
    "FIELD_INVALID": "E2001",
    "SUM_MISMATCH": "E2002",
    "POINT_UNKNOWN": "E2003",
    "SCENE_UNKNOWN": "E2004",
    "SERIAL_CONFLICT": "E2005",
    "SERIAL_REVERSED": "E2006",
    "NAME_UNRENDERABLE": "E2007",
    "STOCK_EXHAUSTED": "E3001",
    "YEAR_CODE_MISSING": "E3006",
    "BILL_NOT_FOUND": "E4001",
    "STATE_ILLEGAL": "E4002",
    "ALREADY_REVERSED": "E4003",
    "PAPER_STILL_VALID": "E4004",
    "BILL_BOOKED": "E4005",
    "RED_NOT_REVERSIBLE": "E4006",
    "REVERSAL_NEEDS_APPROVAL": "E4007",
    "PAPER_NOT_ALLOWED": "E4008",
    "PAPER_EXCHANGED": "E4009",
    "PAPER_NOT_EXCHANGED": "E4010",
    "PAPER_ENDED": "E4011",
    "PAPER_NOT_FOUND": "E4012",
    "PAPER_TAKEN": "E4013",
    "UNPRINTED_NONE": "E4014",
    "NUMBER_NOT_NEXT": "E3002",
    "YEAR_WRONG": "E3007",
    "NUMBERS_NOT_UNUSED": "E3003",
    "PAPER_EXHAUSTED": "E3004",
    "PAPER_FORM_WRONG": "E3005",
    "KIND_NOT_ALLOWED": "E2008",
    "VOUCHER_NOT_FOUND": "E5001",
    "VOUCHER_BALANCE": "E5002",
    "VOUCHER_STATE": "E5003",
    "VOUCHER_USE": "E5004",
    "VOUCHER_PAPER": "E5005",
    "VOUCHER_NEEDS_APPROVAL": "E5006",
    "BUSY": "E9001",
}
"""Refusal code → result code of the answer, one to one. The contract fixes no list; ours is documented."""

_HEX32 = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}", re.ASCII)
_BREAKS = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Call:
    """A request's outer members as they were sent; ``region`` and ``deptcode`` are ``None`` when absent."""

    appid: str = ""
    data: str = ""
    noise: str = ""
    version: str = ""
    sign: str = ""
    region: str | None = None
    deptcode: str | None = None


NO_CALL = Call(version="1.0")
"""Stands for a request that could not be read, so that its answer can be signed."""


MOST_MARKS = 1000
"""Marks of JSON in an outer object, which has seven members of text; nothing proves yet that it is worth reading."""


def _invalid(reason: str) -> Refusal:
    return Refusal("ENVELOPE_INVALID", reason=reason)


def parse(body: bytes) -> Call:
    """Return the body of a request, JSON or form-encoded whatever its header says → its members.

    Raises ENVELOPE_INVALID, BODY_TOO_LARGE.
    """
    if len(body) > MOST_BYTES:
        raise Refusal("BODY_TOO_LARGE", limit=MOST_BYTES)
    stripped = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not stripped:
        raise _invalid("报文为空")
    members = _json(stripped) if stripped[:1] in b'{["' else _form(stripped)
    return Call(**{name: _text(name, members[name]) for name in MEMBERS if members.get(name) is not None})


def _json(raw: bytes) -> Mapping[str, Any]:
    if sum(raw.count(mark) for mark in (b"{", b"[", b",", b'"')) > MOST_MARKS:
        raise _invalid("外层报文的成员过多")
    try:
        return strict_json.decode_object(raw)
    except strict_json.JsonError as error:
        raise _invalid(f"外层报文{error}") from error


def _form(raw: bytes) -> Mapping[str, Any]:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise _invalid("报文既不是 JSON 也不是表单编码") from error
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _invalid("表单中有重复的键")
    if "data" in members:
        # A client that does not escape "+" has it arrive as a blank; Base64 knows no blank, so this is safe.
        members["data"] = members["data"].replace(" ", "+")
    return members


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _invalid(f"外层成员 {name} 应为文本")
    text = str(value)
    if name != "data" and len(text) > 200:
        raise _invalid(f"外层成员 {name} 过长")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _invalid(f"外层成员 {name} 含有不完整的字符")
    return text


def signature(call: Call, key: str) -> str:
    """Return the upper-case hex MD5 of the call's parts; region and deptcode stand in front when they were sent."""
    front = ""
    if call.region is not None or call.deptcode is not None:
        front = f"region={call.region or ''}&deptcode={call.deptcode or ''}&"
    text = f"{front}appid={call.appid}&data={call.data}&noise={call.noise}&key={key}&version={call.version}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def sign(appid: str, data: str, noise: str, key: str, version: str) -> str:
    """Return the signature of a call without region, for those who send."""
    return signature(Call(appid, data, noise, version), key)


def signature_holds(call: Call, key: str) -> bool:
    """Whether the call carries the right signature, whatever the letter case; compared in constant time.

    A client signs ``data`` before or after line breaks and percent codes get into it; each spelling may be signed.
    Region and deptcode sent empty may be signed or left out.
    """
    sent = call.sign.strip()
    if not _HEX32.fullmatch(sent):
        return False
    data = call.data
    spellings = dict.fromkeys((data, data.strip(), data.replace("\r", ""), _plain_base64(data)))
    calls = [replace(call, data=spelling) for spelling in spellings]
    if not call.region and not call.deptcode:
        calls += [replace(one, region=None, deptcode=None) for one in calls]
    return sum(hmac.compare_digest(sent.upper(), signature(one, key)) for one in calls) > 0


def _plain_base64(data: str) -> str:
    if "%" in data:
        data = _PERCENT.sub(lambda found: chr(int(found[0][1:], 16)), data)
    return _BREAKS.sub("", data).strip()


def business(call: Call) -> dict[str, Any]:
    """Return the business object inside ``data``, fractions as Decimal. Raises ENVELOPE_INVALID."""
    data = _plain_base64(call.data)
    if not data:
        raise _invalid("缺少 data")
    try:
        raw = b64decode(data.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("data 不是正确的 Base64") from error
    try:
        return strict_json.decode_object(raw)
    except strict_json.JsonError as error:
        raise _invalid(f"data 解码后{error}") from error


def base64_text(text: str) -> str:
    """UTF-8, Base64, no line breaks."""
    return b64encode(text.encode()).decode("ascii")


def answer(call: Call, key: str, result: str, message: str, noise: str) -> bytes:
    """Return a whole answer, pure ASCII, signed with the caller's own appid and version as sent.

    ``key`` is empty when the appid is unknown. ``message`` is the text before its Base64.
    """
    data = base64_text(f'{{"result":"{result}","message":"{base64_text(message)}"}}')
    sign = signature(replace(call, data=data, noise=noise), key)
    return json.dumps({"data": data, "noise": noise, "sign": sign}, separators=(",", ":")).encode("ascii")


def refusal_answer(call: Call, key: str, refusal: Refusal, noise: str) -> bytes:
    """Return a refusal as an answer: its result code, and what, why, what next as the text."""
    return answer(call, key, RESULT_CODES.get(refusal.code, RESULT_CODES["INTERNAL"]), str(refusal), noise)


def payload(values: Mapping[str, Any] | str) -> str:
    """Return a success message: compact JSON, or the text itself where the contract wants a plain word."""
    return values if isinstance(values, str) else json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def documented_codes() -> list[tuple[str, str, str]]:
    """Return (result code, refusal code, Chinese title) in order: the table of the integration guide."""
    return sorted((result, code, CATALOGUE[code].what) for code, result in RESULT_CODES.items())
