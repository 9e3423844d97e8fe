"""The national message envelope: single-line XML, base64 voucher, keyed digest beside it.

The digest is over bytes, so the bytes are exact: single quotes in the declaration, ``Resvered`` spelt like this, no
white space between elements. Parsing takes nothing on trust: no DTD, no entity, no other encoding, bounded size and
depth, exactly the known elements.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from lxml import etree

from portal.core.clock import SHANGHAI, local, stamp17
from portal.providers.finance.messages import NoAnswer

DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>"
VERSION = "1.0"
ALGORITHMS = ("SM3", "SHA256")
MOST_BYTES = 8 * 1024 * 1024
"""Larger bodies are refused unread; a bill of 5,000 list rows is about 2 MB in base64."""
SKEW = timedelta(minutes=5)

_HEAD = ("MsgNo", "Version", "AppId", "MsgId", "DateTime", "Resvered")
_PATTERNS = {
    "MsgNo": re.compile(r"[0-9]{4}"),
    "Version": re.compile(r"1\.0"),
    "AppId": re.compile(r"[A-Za-z0-9]{1,32}"),
    "MsgId": re.compile(r"[0-9]{17}"),
    "DateTime": re.compile(r"[0-9]{17}"),
    "Resvered": re.compile(r"[^\x00-\x1f]{0,200}"),
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Fields = Mapping[str, str | Mapping[str, str]]
"""A voucher to be written: texts, or groups of texts, by element name."""
Parsed = Mapping[str, str | dict[str, str]]
"""A voucher as it was read."""


class EnvelopeError(NoAnswer):
    """Bytes that are not such a message. The text is Chinese and holds nothing of the message's content."""


@dataclass(frozen=True, slots=True)
class Head:
    """报文头. ``message_id`` and ``date_time`` are 17 digits (yyyyMMddHHmmssSSS, Asia/Shanghai)."""

    message_no: str
    app_id: str
    message_id: str
    date_time: str
    reserved: str = ""

    def within_skew(self, moment: datetime) -> bool:
        """Whether the message's own time is at most five minutes from ``moment``."""
        return abs(parse17(self.date_time) - moment) <= SKEW


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message: head and the inner ``<Voucher>`` document as bytes."""

    head: Head
    voucher: bytes


def parse17(text: str) -> datetime:
    """Read the moment written as 17 digits in the hospital's time. Raises EnvelopeError."""
    try:
        moment = datetime.strptime(text[:14], "%Y%m%d%H%M%S")
        return moment.replace(microsecond=int(text[14:17]) * 1000, tzinfo=SHANGHAI)
    except ValueError:
        raise EnvelopeError("时间不是 17 位的有效时间") from None


def stamp14(moment: datetime) -> str:
    """Write a moment as ``yyyyMMddHHmmss`` in the hospital's time."""
    return local(moment).strftime("%Y%m%d%H%M%S")


def parse14(text: str) -> datetime:
    """Read the moment of 14 digits. Raises EnvelopeError."""
    try:
        if len(text) != 14 or not (text.isascii() and text.isdigit()):
            raise ValueError
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError:
        raise EnvelopeError("时间不是 14 位的有效时间") from None


def head_for(message_no: str, app_id: str, message_id: str, moment: datetime) -> Head:
    """Make the head of a message sent at ``moment``."""
    return Head(message_no, app_id, message_id, stamp17(moment))


def build(head: Head, voucher: bytes) -> bytes:
    """Write the exact bytes of a message. Raises EnvelopeError for a head that the form does not allow."""
    values = (head.message_no, VERSION, head.app_id, head.message_id, head.date_time, head.reserved)
    for name, value in zip(_HEAD, values, strict=True):
        if not _PATTERNS[name].fullmatch(value):
            raise EnvelopeError(f"报文头 {name} 不符合格式")
    inside = "".join(_element(name, value) for name, value in zip(_HEAD, values, strict=True))
    message = base64.b64encode(voucher)
    return DECLARATION + b"<Invoice><Head>" + inside.encode() + b"</Head><Msg>" + message + b"</Msg></Invoice>"


def parse(body: bytes) -> Envelope:
    """Read a message. Raises EnvelopeError for anything but exactly the known form."""
    root = _parse_xml(body)
    if root.tag != "Invoice" or [child.tag for child in root] != ["Head", "Msg"]:
        raise EnvelopeError("报文应为 Invoice，内含 Head 与 Msg")
    head, message = root
    if tuple(child.tag for child in head) != _HEAD:
        raise EnvelopeError("报文头的元素或顺序不正确")
    values = {child.tag: _text(child) for child in head}
    for name, value in values.items():
        if not _PATTERNS[name].fullmatch(value):
            raise EnvelopeError(f"报文头 {name} 不符合格式")
    parse17(values["DateTime"])
    known = Head(values["MsgNo"], values["AppId"], values["MsgId"], values["DateTime"], values["Resvered"])
    return Envelope(known, decode_base64(_text(message), "Msg"))


def build_voucher(fields: Fields) -> bytes:
    """Write the inner document of named texts and groups of named texts. Raises EnvelopeError for a wrong name."""
    inside = []
    for name, value in fields.items():
        if isinstance(value, str):
            inside.append(_element(name, value))
        else:
            group = "".join(_element(inner, text) for inner, text in value.items())
            inside.append(_element(name, group, markup=True))
    return f"<Voucher>{''.join(inside)}</Voucher>".encode()


def parse_voucher(voucher: bytes) -> dict[str, str | dict[str, str]]:
    """Read an inner document. A name that comes twice is refused, not chosen from."""
    root = _parse_xml(voucher)
    if root.tag != "Voucher":
        raise EnvelopeError("Msg 内应为 Voucher")
    return {
        name: ({inner: _text(node) for inner, node in _once(child).items()} if len(child) else _text(child))
        for name, child in _once(root).items()
    }


def text_of(fields: Parsed, name: str, required: bool = True) -> str:
    """Return a text of a voucher. Raises EnvelopeError when it is missing, a group, or empty although required."""
    value = fields.get(name, "")
    if not isinstance(value, str) or (required and not value):
        raise EnvelopeError(f"缺少数据项 {name}")
    return value


def digest(algorithm: str, app_key: str, body: bytes) -> str:
    """Digest the key's UTF-8 bytes and the whole message: lower-case hex of SM3 or SHA-256. Raises EnvelopeError."""
    data = app_key.encode() + body
    if algorithm == "SHA256":
        return hashlib.sha256(data).hexdigest()
    if algorithm == "SM3":
        state = hashes.Hash(hashes.SM3())
        state.update(data)
        return state.finalize().hex()
    raise EnvelopeError("摘要算法只能是 SM3 或 SHA256")


def digest_holds(algorithm: str, app_key: str, body: bytes, claimed: str) -> bool:
    """Say whether ``claimed`` is the digest of ``body``, compared in constant time; upper-case hex is not accepted."""
    return hmac.compare_digest(digest(algorithm, app_key, body).encode(), claimed.encode())


def headers(algorithm: str, app_id: str, app_key: str, body: bytes) -> dict[str, str]:
    """Make the HTTP headers that travel with ``body``."""
    return {
        "Content-Type": "application/xml; charset=utf-8",
        "X-App-Id": app_id,
        "X-Digest-Alg": algorithm,
        "X-Digest": digest(algorithm, app_key, body),
    }


def decode_base64(text: str, name: str) -> bytes:
    """Decode strict base64. Raises EnvelopeError naming the element."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise EnvelopeError(f"{name} 不是 Base64") from None


def _element(name: str, value: str, markup: bool = False) -> str:
    if not _NAME.fullmatch(name):
        raise EnvelopeError(f"元素名 {name!r} 不符合格式")
    if _ILLEGAL.search(value):
        raise EnvelopeError(f"{name} 含有 XML 不允许的字符")
    return f"<{name}>{value if markup else escape(value)}</{name}>"


def _once(parent: etree._Element) -> dict[str, etree._Element]:
    children = {str(child.tag): child for child in parent}
    if len(children) != len(parent):
        raise EnvelopeError("同名元素重复")
    return children


def _text(element: etree._Element) -> str:
    if len(element):
        raise EnvelopeError(f"{element.tag} 内不应有元素")
    return element.text or ""


def _parse_xml(data: bytes) -> etree._Element:
    if len(data) > MOST_BYTES:
        raise EnvelopeError("报文过大")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise EnvelopeError("报文不是 UTF-8") from None
    if b"<!" in data or data.count(b"<?") > data.startswith(b"<?xml "):
        raise EnvelopeError("报文不允许 DTD、实体、注释、CDATA 或处理指令")
    # a fresh parser per message: one parser is not for several threads
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise EnvelopeError("报文不是良构的 XML") from None
    for element in root.iter():
        if element.attrib or element.nsmap or (len(element) and ((element.text or "").strip())):
            raise EnvelopeError("报文不允许属性、命名空间或混合内容")
        if element is not root and (element.tail or "").strip():
            raise EnvelopeError("报文不允许属性、命名空间或混合内容")
    return root
