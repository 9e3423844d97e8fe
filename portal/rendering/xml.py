"""The fiscal XML of a bill: written once, signed as it stands, read back from the exact bytes.

The unit signs canon(Header) ‖ canon(EInvoiceData): UTF-8, no declaration, no white space, no attributes, empty
optional elements left out, in the standard's order. Finance signs the same bytes ‖ the unit's signature element.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from portal.core.clock import SHANGHAI, local
from portal.domain.documents.bill import AuxItem, BillDocument, InvoicingParty, Item, MedicalExt, PayerParty, Seal
from portal.domain.money import fen_of, micro_of, micro_text, yuan

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNUSUAL = re.compile("[&<>\r]|" + _ILLEGAL.pattern)
"""What must be looked at before a text may stand in the bytes; nearly no text has any of it."""
_CHECK_CODE = re.compile("[0-9A-Za-z]{6}")
_HOLE = "\x00"
SPEC_SEPARATOR = "\u2003"
"""AuxItem has no element for the specification; it follows the name after the first em space (OURS). An em space
that a name brings along is written as an ideographic space, so that the name stays the name."""


def _text(value: str) -> str:
    if _ILLEGAL.search(value):
        raise ValueError("character not allowed in XML 1.0")
    return escape(value, {"\r": "&#13;"})


def _element(name: str, value: str) -> str:
    if not value:
        return ""
    # Letters and digits of any script need neither escaping nor checking, and this test costs a tenth of the other.
    if not value.isalnum() and _UNUSUAL.search(value):
        value = _text(value)
    return f"<{name}>{value}</{name}>"


def _figure(name: str, value: str) -> str:
    """Return an element of our own digits."""
    return f"<{name}>{value}</{name}>" if value else ""


def _specified(name: str, spec: str) -> str:
    if SPEC_SEPARATOR in name:
        name = name.replace(SPEC_SEPARATOR, "\u3000")
    return f"{name}{SPEC_SEPARATOR}{spec}" if spec else name


def _group(name: str, *children: str) -> str:
    inside = "".join(children)
    return f"<{name}>{inside}</{name}>" if inside else ""


def _day(value: date | None) -> str:
    return f"{value:%Y%m%d}" if value else ""


def _money(fen: int | None) -> str:
    return "" if fen is None else yuan(fen)


@lru_cache(maxsize=4096)  # prices and quantities of a hospital repeat
def _micro(value: int | None, least: int = 0) -> str:
    return "" if value is None else micro_text(value, least)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document's bytes but for number, check code and time of issue: four pieces around the holes."""

    code: str
    pieces: tuple[bytes, ...]

    def finish(self, number: str, check_code: str, issued_at: datetime) -> bytes:
        """Return the bytes to sign. Raises ValueError unless the number has ten digits and the check code six
        characters."""
        if not (len(number) == 10 and number.isascii() and number.isdigit() and _CHECK_CODE.fullmatch(check_code)):
            raise ValueError("number must have ten digits, check code six letters or digits")
        at = local(issued_at)
        identity, stamp = f"{number[::-1]}-{self.code[::-1]}", at.strftime("%Y%m%d")
        fills = (identity, number, check_code, stamp, at.strftime("%H:%M:%S"))
        parts = [self.pieces[0]]
        for fill, piece in zip(fills, self.pieces[1:], strict=True):
            parts += (fill.encode(), piece)
        return b"".join(parts)


def prepare(document: BillDocument) -> Prepared:
    """Everything that is known before the number. Raises ValueError for characters XML 1.0 does not allow."""
    head = (
        f"<Header><EInvoiceID>{_HOLE}</EInvoiceID>{_element('EInvoiceTag', document.tag)}"
        f"{_element('Version', document.version)}</Header>"
    )
    body = f"<EInvoiceData>{_main(document)}{_details(document)}</EInvoiceData>"
    return Prepared(document.code, tuple(piece.encode() for piece in (head + body).split(_HOLE)))


def write(document: BillDocument) -> bytes:
    """Return the bytes to sign of a complete document."""
    return prepare(document).finish(document.number, document.check_code, document.issued_at)


def _main(document: BillDocument) -> str:
    unit, payer = document.unit, document.payer
    return "".join(
        (
            "<Main>",
            _element("EInvoiceName", document.name),
            _element("EInvoiceCode", document.code),
            f"<EInvoiceNumber>{_HOLE}</EInvoiceNumber><RandomNumber>{_HOLE}</RandomNumber>",
            _element("EInvoiceSpecimenCode", document.specimen_code),
            _element("SupervisorAreaCode", document.area_code),
            _figure("TotalAmount", yuan(document.total_fen)),
            f"<IssueDate>{_HOLE}</IssueDate><IssueTime>{_HOLE}</IssueTime>",
            _group(
                "InvoicingParty",
                _element("InvoicingPartyCode", unit.code),
                _element("InvoicingPartyName", unit.name),
                _element("RecName", unit.account_name),
                _element("RecAcct", unit.account_no),
                _element("RecOpBk", unit.account_bank),
            ),
            _group(
                "PayerParty",
                _element("PayerPartyType", payer.kind),
                _element("PayerPartyCode", payer.code),
                _element("PayerPartyName", payer.name),
            ),
            _element("PayMode", document.pay_mode),
            _element("BizCode", document.serial),
            _element("CurrencyType", "CNY"),
            _element("Remark", document.remark),
            _element("HandlingPerson", document.cashier),
            _element("Checker", document.checker),
            _element("SupervisorRemark", document.supervisor_remark),
            _ext(document.ext, document.medical),
            _seal("InvoicingPartySeal", document.unit_seal),
            _seal("SupervisorPartySeal", document.supervisor_seal),
            "</Main>",
        )
    )


def _seal(name: str, seal: Seal | None) -> str:
    if seal is None:
        return ""
    return _group(
        name,
        _element("SealId", seal.id),
        _element("SealName", seal.name),
        _element("SealHash", seal.hash),
    )


_EXT: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("RelatedInvoiceCode", "related_code", str),
    ("RelatedInvoiceNumber", "related_number", str),
    ("BusinessDate", "business_date", _day),
    ("PatientNumber", "patient_number", str),
    ("MedicalDate", "medical_date", _day),
    ("OrgType", "org_type", str),
    ("Gender", "gender", str),
    ("MedicalType", "medical_type", str),
    ("MedicalInsuranceType", "insurance_type", str),
    ("MedicalInsuranceID", "insurance_id", str),
    ("CaseNumber", "case_number", str),
    ("HospitalizationNumber", "hospitalization_number", str),
    ("DepartmentName", "department", str),
    ("InHospitalDate", "in_date", _day),
    ("OutHospitalDate", "out_date", _day),
    ("HospitalDay", "hospital_days", str),
    ("FundPayAmount", "fund_pay_fen", _money),
    ("OtherPayAmount", "other_pay_fen", _money),
    ("AccountPayAmount", "account_pay_fen", _money),
    ("OwnPayAmount", "own_pay_fen", _money),
    ("SelfpaymentAmount", "self_payment_fen", _money),
    ("SelfpaymentCost", "self_cost_fen", _money),
    ("PrepayAmount", "prepay_fen", _money),
    ("RechargeAmount", "recharge_fen", _money),
    ("RefundAmount", "refund_fen", _money),
)
"""Element, field and writer, in the standard's order."""
_NOTHING = MedicalExt()


def _ext(ext: MedicalExt, medical: bool) -> str:
    extras = (_group("Info", _element("Label", label), _element("Value", value)) for label, value in ext.extras)
    return _group(
        "MainExt",
        *(
            _element(name, write_value(value))
            for name, key, write_value in _EXT
            # a bill of another class has no amounts of insurance
            if (value := getattr(ext, key)) != getattr(_NOTHING, key) or medical
        ),
        _group("OtherInfo", *extras),
    )


def _details(document: BillDocument) -> str:
    items = (
        _group(
            "Item",
            _element("ItemCode", item.code),
            _element("ItemName", item.name),
            _figure("ItemQuantity", _micro(item.quantity_micro)),
            _element("ItemUnit", item.unit),
            _figure("ItemStd", _micro(item.price_micro, 2)),
            _figure("ItemAmount", yuan(item.amount_fen)),
            _element("ItemRemark", item.remark),
        )
        for item in document.items
    )
    aux = (
        _group(
            "AuxItem",
            _element("AuxItemRelatedCode", row.related_code),
            _element("AuxItemRelatedName", row.related_name),
            _element("AuxItemCode", row.code),
            _element("AuxItemName", _specified(row.name, row.spec)),
            _figure("AuxItemQuantity", _micro(row.quantity_micro)),
            _element("AuxItemUnit", row.unit),
            _figure("AuxItemStd", _micro(row.price_micro, 2)),
            _figure("AuxItemAmount", _micro(row.amount_micro, 2)),
            _element("AuxItemRemark", row.remark),
        )
        for row in document.aux_items
    )
    return _group("Details", *items) + _group("AuxDetails", *aux)


def _signature(name: str, algorithm: str, signed_at: datetime, serial_hex: str, value_der: bytes) -> bytes:
    return _group(
        name,
        _element("SignatureAlgorithm", algorithm),
        _element("SignatureFormat", "DETACH"),
        _element("SignatureTime", local(signed_at).strftime("%Y%m%d%H%M%S")),
        _element("SerialNumber", serial_hex),
        _element("SignatureValue", b64encode(value_der).decode()),
    ).encode()


def unit_signature_element(algorithm: str, signed_at: datetime, serial_hex: str, value_der: bytes) -> bytes:
    """Return the serialised InvoicingPartySignature (our reading of the standard); ``value_der`` is the CMS
    SignedData."""
    return _signature("InvoicingPartySignature", algorithm, signed_at, serial_hex, value_der)


def supervisor_signature_element(algorithm: str, signed_at: datetime, serial_hex: str, value_der: bytes) -> bytes:
    """Return the serialised SupervisorPartySignature, likewise."""
    return _signature("SupervisorPartySignature", algorithm, signed_at, serial_hex, value_der)


def supervised_bytes(signed: bytes, unit_element: bytes) -> bytes:
    """Return what finance signs: the unit's bytes and the unit's signature element."""
    return signed + unit_element


_START = b"<?xml version='1.0' encoding='UTF-8'?><EInvoice>"
_OPEN, _CLOSE = b"<EInvoiceSignature>", b"</EInvoiceSignature></EInvoice>"
_UNIT_END, _FINANCE = b"</InvoicingPartySignature>", b"<SupervisorPartySignature>"


def assemble(signed: bytes, unit_element: bytes, supervisor_element: bytes | None) -> bytes:
    """Return the whole ``einvoice.xml``."""
    return b"".join((_START, signed, _OPEN, unit_element, supervisor_element or b"", _CLOSE))


@dataclass(frozen=True, slots=True)
class SignatureFields:
    """The children of a signature element."""

    algorithm: str
    format: str
    time: datetime
    serial_hex: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of an ``einvoice.xml``, byte for byte as they were."""

    signed: bytes
    unit_element: bytes
    unit: SignatureFields
    supervisor_element: bytes | None
    supervisor: SignatureFields | None


def parse(data: bytes) -> Any:
    """Parse outside XML: no DTD, no entities, no network, bounded. Raises ValueError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ValueError("not well-formed XML") from error
    if root.getroottree().docinfo.doctype or b"<!DOCTYPE" in data[:4096]:
        raise ValueError("a document type is not allowed")
    return root


def signature_fields(element: bytes) -> SignatureFields:
    """Read a signature element. Raises ValueError."""
    root = parse(element)
    values = {child.tag: child.text or "" for child in root}
    try:
        at = datetime.strptime(values["SignatureTime"], "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
        value = b64decode(values["SignatureValue"], validate=True)
        return SignatureFields(
            values["SignatureAlgorithm"],
            values["SignatureFormat"],
            at,
            values["SerialNumber"],
            value,
        )
    except KeyError as error:
        raise ValueError("a signature element lacks a member") from error


def split(full: bytes) -> Split:
    """Take an ``einvoice.xml`` apart without changing a byte of what was signed. Raises ValueError."""
    if not (full.startswith(_START) and full.endswith(_CLOSE)) or full.count(_OPEN) != 1:
        raise ValueError("not an einvoice.xml of the known form")
    parse(full)
    signed, rest = full[len(_START) : -len(_CLOSE)].split(_OPEN)
    end = rest.find(_UNIT_END) + len(_UNIT_END)
    if end < len(_UNIT_END):
        raise ValueError("the unit's signature is missing")
    unit, supervisor = rest[:end], rest[end:] or None
    if not unit.startswith(b"<InvoicingPartySignature>") or not (supervisor or _FINANCE).startswith(_FINANCE):
        raise ValueError("the signature block holds something else")
    fields = signature_fields(supervisor) if supervisor else None
    return Split(signed, unit, signature_fields(unit), supervisor, fields)


def read(data: bytes) -> BillDocument:
    """Return the document of signed bytes or of a whole ``einvoice.xml``. Raises ValueError for anything else.

    ``read(write(d)) == d`` for every document whose label–value pairs are not empty and whose times are whole seconds.
    """
    signed = split(data).signed if data.startswith(_START) else data
    root = parse(b"<EInvoice>" + signed + b"</EInvoice>")
    try:
        return _document(root.find("Header"), root.find("EInvoiceData"))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("a required element is missing") from error


def extension(signed: bytes) -> MedicalExt:
    """MainExt of signed bytes alone: visit and insurance, for lists that need no lines. Raises ValueError."""
    return _read_ext(parse(b"<EInvoice>" + signed + b"</EInvoice>").find("EInvoiceData/Main/MainExt"))


def _values(parent: Any) -> dict[str, str]:
    return {} if parent is None else {child.tag: child.text or "" for child in parent}


def _document(header: Any, data: Any) -> BillDocument:
    main = data.find("Main")
    values, head = _values(main), _values(header)
    unit, payer = _values(main.find("InvoicingParty")), _values(main.find("PayerParty"))
    issued = datetime.strptime(values["IssueDate"] + values["IssueTime"], "%Y%m%d%H:%M:%S").replace(tzinfo=SHANGHAI)
    document = BillDocument(
        name=values.get("EInvoiceName", ""),
        code=values["EInvoiceCode"],
        number=values["EInvoiceNumber"],
        check_code=values["RandomNumber"],
        specimen_code=values.get("EInvoiceSpecimenCode", ""),
        area_code=values.get("SupervisorAreaCode", ""),
        total_fen=fen_of(values["TotalAmount"]),
        issued_at=issued,
        unit=InvoicingParty(*(unit.get(key, "") for key in _UNIT_KEYS)),
        payer=PayerParty(
            payer.get("PayerPartyType", ""),
            payer.get("PayerPartyName", ""),
            payer.get("PayerPartyCode", ""),
        ),
        serial=values.get("BizCode", ""),
        cashier=values.get("HandlingPerson", ""),
        checker=values.get("Checker", ""),
        ext=_read_ext(main.find("MainExt")),
        items=tuple(_read_item(_values(item)) for item in data.iterfind("Details/Item")),
        aux_items=tuple(_read_aux(_values(row)) for row in data.iterfind("AuxDetails/AuxItem")),
        pay_mode=values.get("PayMode", ""),
        remark=values.get("Remark", ""),
        supervisor_remark=values.get("SupervisorRemark", ""),
        unit_seal=_read_seal(main.find("InvoicingPartySeal")),
        supervisor_seal=_read_seal(main.find("SupervisorPartySeal")),
        tag=head.get("EInvoiceTag", ""),
        version=head.get("Version", ""),
    )
    if head["EInvoiceID"] != document.document_id:
        raise ValueError("the header's identity does not belong to code and number")
    return document


_UNIT_KEYS = (
    "InvoicingPartyCode",
    "InvoicingPartyName",
    "RecName",
    "RecAcct",
    "RecOpBk",
)


def _read_seal(parent: Any) -> Seal | None:
    values = _values(parent)
    return None if parent is None else Seal(*(values.get(key, "") for key in ("SealId", "SealName", "SealHash")))


def _read_ext(parent: Any) -> MedicalExt:
    if parent is None:
        return MedicalExt()
    values = _values(parent)
    fields = {key: _EXT_READERS[writer](values[name]) for name, key, writer in _EXT if values.get(name)}
    infos = (_values(info) for info in parent.iterfind("OtherInfo/Info"))
    extras = tuple((info.get("Label", ""), info.get("Value", "")) for info in infos)
    return MedicalExt(**fields, extras=extras)


def _read_day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()


_EXT_READERS: dict[Callable[[Any], str], Callable[[str], Any]] = {
    str: str,
    _day: _read_day,
    _money: fen_of,
}


def _read_micro(text: str | None) -> int | None:
    return micro_of(text) if text else None


def _read_item(values: dict[str, str]) -> Item:
    return Item(
        code=values.get("ItemCode", ""),
        name=values.get("ItemName", ""),
        amount_fen=fen_of(values["ItemAmount"]),
        quantity_micro=_read_micro(values.get("ItemQuantity")),
        unit=values.get("ItemUnit", ""),
        price_micro=_read_micro(values.get("ItemStd")),
        remark=values.get("ItemRemark", ""),
    )


def _read_aux(values: dict[str, str]) -> AuxItem:
    name, _, spec = values.get("AuxItemName", "").partition(SPEC_SEPARATOR)
    return AuxItem(
        related_code=values.get("AuxItemRelatedCode", ""),
        related_name=values.get("AuxItemRelatedName", ""),
        code=values.get("AuxItemCode", ""),
        name=name,
        amount_micro=micro_of(values["AuxItemAmount"]),
        quantity_micro=_read_micro(values.get("AuxItemQuantity")),
        unit=values.get("AuxItemUnit", ""),
        price_micro=_read_micro(values.get("AuxItemStd")),
        spec=spec,
        remark=values.get("AuxItemRemark", ""),
    )
