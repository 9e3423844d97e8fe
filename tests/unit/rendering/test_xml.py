"""The fiscal XML: exact bytes, round trip, fast path, taking apart, refusals."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.core.clock import SHANGHAI
from portal.domain.documents.bill import AuxItem, BillDocument, InvoicingParty, Item, MedicalExt, PayerParty, Seal
from portal.rendering import xml

EXAMPLE = BillDocument(
    name="广东省医疗门诊收费票据（电子）",
    code="44060126",
    number="8000000001",
    check_code="0a1b2c",
    specimen_code="4406012601",
    area_code="440000",
    total_fen=12850,
    issued_at=datetime(2026, 1, 5, 9, 15, 30, tzinfo=SHANGHAI),
    unit=InvoicingParty("12440000TEST00001X", "示例市人民医院"),
    payer=PayerParty("1", "测试甲"),
    serial="MZ202601050001",
    cashier="收费员一",
    checker="复核员一",
    ext=MedicalExt(
        patient_number="M000001",
        medical_date=date(2026, 1, 5),
        org_type="综合医院",
        gender="女",
        insurance_type="职工基本医疗保险",
        fund_pay_fen=6000,
        account_pay_fen=4850,
        own_pay_fen=2000,
        self_payment_fen=1800,
        self_cost_fen=200,
    ),
    items=(
        Item("0801", "诊察费", 2850, 1_000_000, "次"),
        Item("0807", "西药费", 10000, 1_000_000, "项"),
    ),
    aux_items=(
        AuxItem(
            "0807",
            "西药费",
            "X001",
            "示例片",
            100_000_000,
            2_000_000,
            "盒",
            50_000_000,
            spec="0.25g*24",
        ),
    ),
    tag="CZ-EI-44",
)
"""The fictional example of the standard."""

EXAMPLE_BYTES = (
    "<Header><EInvoiceID>1000000008-62106044</EInvoiceID><EInvoiceTag>CZ-EI-44</EInvoiceTag><Version>1.1.0</Version>"
    "</Header><EInvoiceData><Main><EInvoiceName>广东省医疗门诊收费票据（电子）</EInvoiceName>"
    "<EInvoiceCode>44060126</EInvoiceCode><EInvoiceNumber>8000000001</EInvoiceNumber>"
    "<RandomNumber>0a1b2c</RandomNumber><EInvoiceSpecimenCode>4406012601</EInvoiceSpecimenCode>"
    "<SupervisorAreaCode>440000</SupervisorAreaCode><TotalAmount>128.50</TotalAmount><IssueDate>20260105</IssueDate>"
    "<IssueTime>09:15:30</IssueTime><InvoicingParty><InvoicingPartyCode>12440000TEST00001X</InvoicingPartyCode>"
    "<InvoicingPartyName>示例市人民医院</InvoicingPartyName></InvoicingParty><PayerParty>"
    "<PayerPartyType>1</PayerPartyType><PayerPartyName>测试甲</PayerPartyName></PayerParty>"
    "<BizCode>MZ202601050001</BizCode><CurrencyType>CNY</CurrencyType><HandlingPerson>收费员一</HandlingPerson>"
    "<Checker>复核员一</Checker><MainExt><PatientNumber>M000001</PatientNumber><MedicalDate>20260105</MedicalDate>"
    "<OrgType>综合医院</OrgType><Gender>女</Gender><MedicalInsuranceType>职工基本医疗保险</MedicalInsuranceType>"
    "<FundPayAmount>60.00</FundPayAmount><OtherPayAmount>0.00</OtherPayAmount>"
    "<AccountPayAmount>48.50</AccountPayAmount><OwnPayAmount>20.00</OwnPayAmount>"
    "<SelfpaymentAmount>18.00</SelfpaymentAmount><SelfpaymentCost>2.00</SelfpaymentCost></MainExt></Main><Details>"
    "<Item><ItemCode>0801</ItemCode><ItemName>诊察费</ItemName><ItemQuantity>1</ItemQuantity><ItemUnit>次</ItemUnit>"
    "<ItemAmount>28.50</ItemAmount></Item><Item><ItemCode>0807</ItemCode><ItemName>西药费</ItemName>"
    "<ItemQuantity>1</ItemQuantity><ItemUnit>项</ItemUnit><ItemAmount>100.00</ItemAmount></Item></Details><AuxDetails>"
    "<AuxItem><AuxItemRelatedCode>0807</AuxItemRelatedCode><AuxItemRelatedName>西药费</AuxItemRelatedName>"
    "<AuxItemCode>X001</AuxItemCode><AuxItemName>示例片\u20030.25g*24</AuxItemName><AuxItemQuantity>2</AuxItemQuantity>"
    "<AuxItemUnit>盒</AuxItemUnit><AuxItemStd>50.00</AuxItemStd><AuxItemAmount>100.00</AuxItemAmount></AuxItem>"
    "</AuxDetails></EInvoiceData>"
).encode()

SIGNED_AT = datetime(2026, 1, 5, 1, 15, 31, tzinfo=UTC)

_ALLOWED = "\t\n\r" + "".join(map(chr, range(0x20, 0x7F))) + "&<>\"' ]]>\x85\u2028诊费𠮷\U0010ffff\ufffd"
TEXT = st.text(st.sampled_from(_ALLOWED), max_size=12) | st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff\u2003"),
    max_size=12,
)
DIGITS = st.from_regex(r"\A[0-9]{10}\Z")
FEN = st.integers(-(10**12), 10**12)
MICRO = st.none() | st.integers(-(10**15), 10**15)
DAYS = st.none() | st.dates(date(1900, 1, 1), date(2999, 12, 31))
TIMES = st.datetimes(datetime(1901, 1, 1), datetime(2999, 12, 31)).map(
    lambda at: at.replace(microsecond=0, tzinfo=SHANGHAI)
)
SEALS = st.none() | st.builds(Seal, TEXT.filter(bool), TEXT, TEXT)
EXTRAS = st.lists(st.tuples(TEXT, TEXT.filter(bool)), max_size=4).map(tuple)
_EXT_TYPES = {
    "date | None": DAYS,
    "str": TEXT,
    "int": FEN,
    "int | None": st.none() | FEN,
}
EXTS = st.fixed_dictionaries({field.name: _EXT_TYPES.get(str(field.type), EXTRAS) for field in fields(MedicalExt)}).map(
    lambda values: MedicalExt(**values)
)
DOCUMENTS = st.builds(
    BillDocument,
    name=TEXT,
    code=st.from_regex(r"\A[0-9]{8}\Z"),
    number=DIGITS,
    check_code=st.from_regex(r"\A[0-9A-Za-z]{6}\Z"),
    specimen_code=TEXT,
    area_code=TEXT,
    total_fen=FEN,
    issued_at=TIMES,
    unit=st.builds(InvoicingParty, TEXT, TEXT, TEXT, TEXT, TEXT),
    payer=st.builds(PayerParty, TEXT, TEXT, TEXT),
    serial=TEXT,
    cashier=TEXT,
    checker=TEXT,
    ext=EXTS,
    items=st.lists(st.builds(Item, TEXT, TEXT, FEN, MICRO, TEXT, MICRO, TEXT), max_size=4).map(tuple),
    aux_items=st.lists(
        st.builds(AuxItem, TEXT, TEXT, TEXT, TEXT, FEN, MICRO, TEXT, MICRO, TEXT, TEXT),
        max_size=4,
    ).map(tuple),
    pay_mode=TEXT,
    remark=TEXT,
    supervisor_remark=TEXT,
    unit_seal=SEALS,
    supervisor_seal=SEALS,
    tag=TEXT,
    version=TEXT,
)


def test_the_reference_example_byte_for_byte() -> None:
    """Order, compactness, no declaration, empty elements left out."""
    assert xml.write(EXAMPLE) == EXAMPLE_BYTES
    assert xml.read(EXAMPLE_BYTES) == EXAMPLE


@given(DOCUMENTS)
@example(replace(EXAMPLE, code="00040126", ext=MedicalExt(refund_fen=0)))
def test_what_is_written_is_read_back(document: BillDocument) -> None:
    """Every field survives, whatever characters it holds."""
    signed = xml.write(document)
    assert xml.read(signed) == document
    assert xml.write(xml.read(signed)) == signed


@given(DOCUMENTS, DIGITS, st.from_regex(r"\A[0-9a-f]{6}\Z"), TIMES)
def test_the_fast_path_splices_what_the_whole_path_writes(
    document: BillDocument, number: str, check_code: str, at: datetime
) -> None:
    """prepare before the transaction + finish inside it = write of the complete document."""
    complete = replace(document, number=number, check_code=check_code, issued_at=at)
    prepared = xml.prepare(replace(document, number="", check_code="", issued_at=datetime.now(UTC)))
    assert prepared.finish(number, check_code, at) == xml.write(complete)


@given(DOCUMENTS, st.binary(min_size=1, max_size=60), st.booleans())
def test_taking_apart_gives_the_signed_bytes_back(document: BillDocument, value: bytes, supervised: bool) -> None:
    """assemble and split are inverse, byte for byte, with one signature or two."""
    signed = xml.write(document)
    unit = xml.unit_signature_element("SM3withSM2", SIGNED_AT, "0A1F", value)
    finance = xml.supervisor_signature_element("SM3withSM2", SIGNED_AT, "0B", value[::-1]) if supervised else None
    full = xml.assemble(signed, unit, finance)
    parts = xml.split(full)
    assert (parts.signed, parts.unit_element, parts.supervisor_element) == (
        signed,
        unit,
        finance,
    )
    assert parts.unit == xml.SignatureFields("SM3withSM2", "DETACH", SIGNED_AT, "0A1F", value)
    assert (parts.supervisor.value if parts.supervisor else None) == (value[::-1] if supervised else None)
    assert xml.read(full) == document
    assert xml.supervised_bytes(signed, unit) == signed + unit


def test_times_are_the_hospitals() -> None:
    """A UTC moment before midnight is the next day in the hospital."""
    at = datetime(2025, 12, 31, 16, 0, 5, tzinfo=UTC)
    signed = xml.prepare(EXAMPLE).finish("8000000001", "0a1b2c", at)
    assert b"<IssueDate>20260101</IssueDate><IssueTime>00:00:05</IssueTime>" in signed
    element = xml.unit_signature_element("SM3withSM2", at, "01", b"x")
    assert b"<SignatureTime>20260101000005</SignatureTime>" in element


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"],
)
@pytest.mark.parametrize("place", ["name", "serial", "remark", "cashier"])
def test_characters_that_xml_cannot_carry_are_refused(character: str, place: str) -> None:
    """They would make bytes that nobody can read back."""
    with pytest.raises(ValueError, match="XML"):
        xml.prepare(replace(EXAMPLE, **{place: f"甲{character}乙"}))


@pytest.mark.parametrize(
    ("number", "check_code"),
    [
        ("", "0a1b2c"),
        ("80000001", "0a1b2c"),
        ("８０００００００００", "0a1b2c"),
        ("800000000x", "0a1b2c"),
    ]
    + [("8000000001", code) for code in ("", "0a1b2", "0a1b2c7", "校验码校验码", "0a<b2c", "0a1b2c\n")],
)
def test_a_wrong_number_or_check_code_is_refused(number: str, check_code: str) -> None:
    """Ten ASCII digits, six ASCII letters or digits; nothing else may be spliced into signed bytes."""
    with pytest.raises(ValueError, match="ten digits"):
        xml.prepare(EXAMPLE).finish(number, check_code, EXAMPLE.issued_at)


def test_an_em_space_in_a_name_does_not_become_a_specification() -> None:
    """The name's own em space turns into an ideographic one; the specification stays where it was."""
    row = replace(EXAMPLE.aux_items[0], name="示例\u2003片", spec="10\u2003mg")
    (back,) = xml.read(xml.write(replace(EXAMPLE, aux_items=(row,)))).aux_items
    assert (back.name, back.spec) == ("示例\u3000片", "10\u2003mg")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<",
        b"nothing",
        b"<Header/><EInvoiceData/>",
        b"<Header/>",
        EXAMPLE_BYTES[:-1],
        EXAMPLE_BYTES + b"<x>",
        EXAMPLE_BYTES.replace(b"1000000008-62106044", b"2000000008-62106044"),
        EXAMPLE_BYTES.replace(b"<TotalAmount>128.50</TotalAmount>", b""),
        EXAMPLE_BYTES.replace(b"128.50", b"1e9"),
        EXAMPLE_BYTES.replace(b"20260105", b"20261305"),
        EXAMPLE_BYTES.replace("示例".encode(), b"\xff\xfe"),
        EXAMPLE_BYTES + b"</EInvoice><EInvoice>",
    ],
)
def test_anything_else_is_not_read(data: bytes) -> None:
    """One kind of error for callers, whatever is wrong."""
    with pytest.raises(ValueError, match=r"."):
        xml.read(data)


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b"<a>" * 500 + b"</a>" * 500,
        b"<a>" + b"x" * 11_000_000 + b"</a>",
        b"<a>&x;</a>",
    ],
)
def test_hostile_xml_is_refused(data: bytes) -> None:
    """No document type, no entities, no depth, no size without bound."""
    with pytest.raises(ValueError, match=r"."):
        xml.parse(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda full: full[1:],
        lambda full: full[:-1],
        lambda full: full.replace(b"<EInvoiceSignature>", b""),
        lambda full: full.replace(b"InvoicingPartySignature>", b"Other>"),
        lambda full: full.replace(b"<SerialNumber>01</SerialNumber>", b""),
        lambda full: full.replace(b"eA==", b"e!=="),
        lambda full: full.replace(b"</InvoicingPartySignature>", b"</InvoicingPartySignature><x>"),
        lambda full: full.replace(b"</EInvoiceSignature>", b"<x/></EInvoiceSignature>"),
        lambda full: full.replace(b"<EInvoiceSignature>", b"<EInvoiceSignature><x/>"),
        lambda full: full.replace(b"<Main>", b"<!-- x --><EInvoiceSignature></EInvoiceSignature><Main>"),
    ],
)
def test_a_damaged_document_is_not_taken_apart(damage) -> None:  # type: ignore[no-untyped-def]
    """Frame, signature block, members and Base64 are all checked."""
    full = xml.assemble(
        EXAMPLE_BYTES,
        xml.unit_signature_element("SM3withSM2", SIGNED_AT, "01", b"x"),
        None,
    )
    assert xml.split(full).signed == EXAMPLE_BYTES
    assert damage(full) != full
    with pytest.raises(ValueError, match=r"."):
        xml.split(damage(full))
