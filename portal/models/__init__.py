"""Tables and constraints, one file an aggregate. Importing this package declares them all."""

from portal.models.access import AttemptCount, HisAccount, HisMapping, OneTimeCode, PatientSession
from portal.models.base import Base
from portal.models.bill import (
    Bill,
    BillDetail,
    BillDocument,
    BillItem,
    BillParty,
    BillPayment,
    BillPurpose,
    FiscalExchange,
    PartyKey,
    Supervision,
)
from portal.models.desk import Batch, BatchBill, CatalogueItem, DeskDraft, KnownPayer
from portal.models.number import NumberRange, NumberSegment, StockMovement
from portal.models.reversal import Booking, KioskDevice, PaperBill, PaperCheck, Printer, Reversal
from portal.models.staff import Approval, FormReceipt, Parameter, StaffAccount, StaffPoint, StaffRole, StaffSession
from portal.models.stock import StockCounter, StockVoid
from portal.models.unit import BillKind, ChargeItem, Department, InsuranceType, Point, Unit
from portal.models.voucher import (
    SlipPrint,
    Voucher,
    VoucherKey,
    VoucherMovement,
    VoucherPaper,
    VoucherParty,
    VoucherPayment,
)
from portal.models.watch import LinkWatch
from portal.models.work import AuditEntry, AuditSeal, OutboxTask

__all__ = [
    "Approval",
    "AttemptCount",
    "AuditEntry",
    "AuditSeal",
    "Base",
    "Batch",
    "BatchBill",
    "Bill",
    "BillDetail",
    "BillDocument",
    "BillItem",
    "BillKind",
    "BillParty",
    "BillPayment",
    "BillPurpose",
    "Booking",
    "CatalogueItem",
    "ChargeItem",
    "Department",
    "DeskDraft",
    "FiscalExchange",
    "FormReceipt",
    "HisAccount",
    "HisMapping",
    "InsuranceType",
    "KioskDevice",
    "KnownPayer",
    "LinkWatch",
    "NumberRange",
    "NumberSegment",
    "OneTimeCode",
    "OutboxTask",
    "PaperBill",
    "PaperCheck",
    "Parameter",
    "PartyKey",
    "PatientSession",
    "Point",
    "Printer",
    "Reversal",
    "SlipPrint",
    "StaffAccount",
    "StaffPoint",
    "StaffRole",
    "StaffSession",
    "StockCounter",
    "StockMovement",
    "StockVoid",
    "Supervision",
    "Unit",
    "Voucher",
    "VoucherKey",
    "VoucherMovement",
    "VoucherPaper",
    "VoucherParty",
    "VoucherPayment",
]
