"""The content of one fiscal e-bill, as finance defines it: frozen data.

``BillDocument`` is what is written to XML, signed, stored, read back and drawn. Money is integer fen; prices,
quantities and list amounts are millionths (``portal.domain.money``); dates are ``date``/``datetime`` in Asia/Shanghai.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

INSURANCE_CLASSES = {"1": "甲类", "2": "乙类", "3": "丙类"}
"""``medicalCareType`` of a detail line (tables): code → word on faces and screens."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal object bound into the signed data: 32 hex id, name, SM3 hex of its picture."""

    id: str
    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class InvoicingParty:
    """开票单位."""

    code: str
    name: str
    account_name: str = ""
    account_no: str = ""
    account_bank: str = ""


@dataclass(frozen=True, slots=True)
class PayerParty:
    """交款人. ``kind`` is ``1`` person or ``2`` unit; ``code`` is the ID number or the unit credit code."""

    kind: str
    name: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """收费项目: one category line of the face."""

    code: str
    name: str
    amount_fen: int
    quantity_micro: int | None = None
    unit: str = ""
    price_micro: int | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class AuxItem:
    """清单明细: one row of the list, belonging to the item of ``related_code``. ``spec`` travels in the name in XML."""

    related_code: str
    related_name: str
    code: str
    name: str
    amount_micro: int
    quantity_micro: int | None = None
    unit: str = ""
    price_micro: int | None = None
    spec: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class MedicalExt:
    """MainExt of a medical bill. Empty text and ``None`` are left out of the XML."""

    business_date: date | None = None
    patient_number: str = ""
    medical_date: date | None = None
    org_type: str = ""
    gender: str = ""
    medical_type: str = ""
    insurance_type: str = ""
    insurance_id: str = ""
    case_number: str = ""
    hospitalization_number: str = ""
    department: str = ""
    in_date: date | None = None
    out_date: date | None = None
    hospital_days: str = ""
    fund_pay_fen: int = 0
    other_pay_fen: int = 0
    account_pay_fen: int = 0
    own_pay_fen: int = 0
    self_payment_fen: int = 0
    self_cost_fen: int = 0
    prepay_fen: int | None = None
    recharge_fen: int | None = None
    refund_fen: int | None = None
    related_code: str = ""
    related_number: str = ""
    extras: tuple[tuple[str, str], ...] = ()
    """Open label–value list (OURS), printed in 其他信息 after the fixed fields."""


@dataclass(frozen=True, slots=True)
class BillDocument:
    """One e-bill. ``code`` 8 digits, ``number`` 10 digits, ``check_code`` 6 characters."""

    name: str
    code: str
    number: str
    check_code: str
    specimen_code: str
    area_code: str
    total_fen: int
    issued_at: datetime
    unit: InvoicingParty
    payer: PayerParty
    serial: str
    cashier: str
    checker: str
    ext: MedicalExt
    items: tuple[Item, ...]
    aux_items: tuple[AuxItem, ...] = ()
    pay_mode: str = ""
    remark: str = ""
    supervisor_remark: str = ""
    unit_seal: Seal | None = None
    supervisor_seal: Seal | None = None
    tag: str = field(default="CZ-EI-99")
    version: str = field(default="1.1.0")

    @property
    def form(self) -> str:
        """Which face: ``general`` for class 04, ``donation`` 05, ``inpatient`` for kind 0602, else ``outpatient``."""
        if self.code[2:6] == "0602":
            return "inpatient"
        return {"04": "general", "05": "donation"}.get(self.code[2:4], "outpatient")

    @property
    def medical(self) -> bool:
        """Whether it carries the medical extension."""
        return self.form in ("inpatient", "outpatient")

    @property
    def document_id(self) -> str:
        """EInvoiceID: reversed number, ``-``, reversed code."""
        return f"{self.number[::-1]}-{self.code[::-1]}"
