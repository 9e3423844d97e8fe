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
    FiscalExchange,
    PartyKey,
    Supervision,
)
from portal.models.number import NumberRange, NumberSegment
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
from portal.models.work import AuditEntry, OutboxTask

__all__ = [
    "AttemptCount",
    "AuditEntry",
    "Base",
    "Bill",
    "BillDetail",
    "BillDocument",
    "BillItem",
    "BillKind",
    "BillParty",
    "BillPayment",
    "ChargeItem",
    "Department",
    "FiscalExchange",
    "HisAccount",
    "HisMapping",
    "InsuranceType",
    "NumberRange",
    "NumberSegment",
    "OneTimeCode",
    "OutboxTask",
    "PartyKey",
    "PatientSession",
    "Point",
    "SlipPrint",
    "Supervision",
    "Unit",
    "Voucher",
    "VoucherKey",
    "VoucherMovement",
    "VoucherPaper",
    "VoucherParty",
    "VoucherPayment",
]
