"""Prepayment vouchers 预交金凭证: a family of their own beside the fiscal bills.

What a sender asks for, and the words of the family. Money in fen, times aware UTC, codes of the sender already
mapped to ours; absent texts are ``""``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from portal.domain.documents.settlement import Payer, Payment
from portal.domain.titled import Titled


class VoucherScene(Titled):
    """What the money is paid for."""

    INPATIENT = "prepay_inpatient", "住院"
    CHECKUP = "prepay_checkup", "体检"
    OUTPATIENT = "prepay_outpatient", "门诊"


class VoucherForm(Titled):
    """Which document a voucher is. A refund or a cancellation is a document of its own, naming its deposit."""

    DEPOSIT = "deposit", "预交金凭证"
    REFUND = "refund", "预交金退款凭证"
    CANCELLATION = "cancellation", "预交金红字凭证"


class Movement(Titled):
    """What moved a deposit's balance."""

    ISSUED = "issued", "开具"
    REFUNDED = "refunded", "退款"
    CONSUMED = "consumed", "结算扣款"
    RELEASED = "released", "冲红退回"
    CANCELLED = "cancelled", "撤销"

    @property
    def sign(self) -> int:
        """Whether it adds to the balance (+1) or takes from it (−1)."""
        return 1 if self in (Movement.ISSUED, Movement.RELEASED) else -1


@dataclass(frozen=True, slots=True)
class Admission:
    """住院信息 of a deposit."""

    hospital_no: str = ""
    visit_no: str = ""
    department: str = ""
    department_code: str = ""
    patient_no: str = ""
    case_no: str = ""
    in_date: date | None = None


@dataclass(frozen=True, slots=True)
class Deposit:
    """A prepayment to be vouched for. ``sent`` is the sender's own JSON text, kept sealed."""

    serial: str
    scene: VoucherScene
    point_code: str
    business_at: datetime
    payer: Payer
    amount_fen: int
    cashier: str
    author: str
    admission: Admission = field(default_factory=Admission)
    drawee: str = ""
    payments: tuple[Payment, ...] = ()
    account: tuple[str, str, str] = ("", "", "")
    """Name, number and bank of the account the money came from."""
    work_unit: str = ""
    own_balance_fen: int | None = None
    remark: str = ""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    sent: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Taking:
    """Money given back from a deposit, or a deposit taken back. ``amount_fen`` is ``None`` for all that is left."""

    code: str
    number: str
    point_code: str
    business_at: datetime
    operator: str
    reason: str
    amount_fen: int | None = None
    remark: str = ""
    serial: str = ""
    """Set by a sender that has a key of its own for this act (the console's form); else it is derived."""
    limit_fen: int | None = None
    """From this amount on, what was given back of the deposit before included, somebody else must have approved
    (大额退款金额), whose name is ``approver``; ``None``: no limit."""
    approver: str = ""
