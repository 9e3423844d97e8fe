"""A charge settlement as the issuing service takes it, whoever sends it (HIS, desk, import).

All codes of the sender are already mapped to ours; money is integer fen, prices, quantities and list amounts are
millionths, times are aware UTC datetimes, days are ``date``. Texts are stripped; absent ones are ``""``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from portal.domain.titled import Titled


class Scene(Titled):
    """业务场景."""

    REGISTRATION = "registration", "挂号"
    OUTPATIENT = "outpatient", "门诊"
    EMERGENCY = "emergency", "急诊"
    CHRONIC = "chronic", "门特"
    CHECKUP = "checkup", "体检"
    IMMUNISATION = "immunisation", "免疫接种"
    INPATIENT = "inpatient", "住院"
    DEALING = "dealing", "往来"
    DONATION = "donation", "捐赠"

    @property
    def charged(self) -> str:
        """What a payer calls it: 门诊收费, 往来, 捐赠."""
        return f"{self.title}收费" if self.medical else self.title

    @property
    def form(self) -> str:
        """Which kind of bill it is issued on (``bill_kind.form``)."""
        return _FORMS.get(self, "outpatient")

    @property
    def medical(self) -> bool:
        """Whether it is a charge for medical care, with visit and insurance split."""
        return self not in (Scene.DEALING, Scene.DONATION)


_FORMS = {Scene.INPATIENT: "inpatient", Scene.DEALING: "general", Scene.DONATION: "donation"}

CHANNELS = {
    "cash": "现金",
    "pos": "POS刷卡",
    "wechat": "微信",
    "alipay": "支付宝",
    "transfer": "转账",
    "cheque": "支票",
    "card": "院内卡",
    "kiosk": "自助机",
    "online": "线上",
    "insurance": "医保统筹",
    "insurance_account": "医保个人账户",
    "prepayment": "预交金",
    "rounding": "误差",
    "other": "其他",
}
"""缴费渠道: our code → the word on screen."""


@dataclass(frozen=True, slots=True)
class Payer:
    """交款人 and the numbers under which the bill can be found. ``kind``: ``1`` person, ``2`` unit."""

    kind: str
    name: str
    id_type: str = ""
    id_no: str = ""
    phone: str = ""
    email: str = ""
    card_type: str = ""
    card_no: str = ""
    insurance_no: str = ""
    patient_id: str = ""
    open_id: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """就诊信息."""

    org_type: str = ""
    visit_date: date | None = None
    patient_no: str = ""
    case_no: str = ""
    sex: str = ""
    age: str = ""
    department: str = ""
    department_code: str = ""
    insurance_type: str = ""
    insurance_code: str = ""
    hospital_no: str = ""
    visit_no: str = ""
    checkup_no: str = ""
    ward: str = ""
    bed: str = ""
    in_date: date | None = None
    out_date: date | None = None
    days: str = ""
    special_disease: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """费用信息, fen. ``fund + other_fund + account + own_cash`` should be the total; the rest is analysis."""

    account_fen: int = 0
    fund_fen: int = 0
    other_fund_fen: int = 0
    own_cash_fen: int = 0
    own_cost_fen: int = 0
    self_conceited_fen: int = 0
    self_pay_fen: int = 0
    reimbursement_fen: int = 0
    account_balance_fen: int | None = None
    prepay_fen: int | None = None
    recharge_fen: int | None = None
    refund_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """收费项目: ``code``/``name`` as the HIS says; the fiscal item is found on issue."""

    code: str
    name: str
    amount_fen: int
    unit: str = ""
    price_micro: int | None = None
    quantity_micro: int | None = None
    self_fen: int = 0
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """清单明细."""

    code: str
    name: str
    amount_micro: int
    charge_code: str = ""
    charge_name: str = ""
    form: str = ""
    spec: str = ""
    unit: str = ""
    price_micro: int | None = None
    quantity_micro: int | None = None
    self_micro: int = 0
    insurance_class: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """缴费渠道: our channel code, the code as sent, amount in fen (may be 0 or negative)."""

    channel: str
    amount_fen: int
    sent_code: str = ""


@dataclass(frozen=True, slots=True)
class Dealing:
    """往来: what kind of money it is (押金, 保证金, 代收, 暂收), the other unit, on what basis."""

    category: str
    counterparty: str = ""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Donation:
    """捐赠. ``goods``: in kind, the lines say what and its value. Of foreign money the bill states the yuan received;
    ``original_micro`` units of ``currency`` at ``rate_micro`` yuan each say where they come from."""

    project: str
    goods: bool = False
    currency: str = "CNY"
    original_micro: int | None = None
    rate_micro: int | None = None


@dataclass(frozen=True, slots=True)
class VoucherUse:
    """预交金扣款: the part of a prepayment voucher that this settlement uses."""

    code: str
    number: str
    amount_fen: int

    @property
    def pair(self) -> str:
        """Code and number as people read them."""
        return f"{self.code} {self.number}"


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything one bill is made of. ``sent`` is the sender's own JSON text, kept encrypted with the bill."""

    serial: str
    scene: Scene
    point_code: str
    business_at: datetime
    payer: Payer
    cashier: str
    author: str
    checker: str
    total_fen: int
    split: Split
    visit: Visit
    charges: tuple[Charge, ...]
    details: tuple[Detail, ...] = ()
    payments: tuple[Payment, ...] = ()
    vouchers: tuple[VoucherUse, ...] = ()
    extras: tuple[tuple[str, str], ...] = ()
    remark: str = ""
    circulating: bool = True
    arrears_reason: str = ""
    purpose: Dealing | Donation | None = None
    replaces: str = ""
    """The serial of the reversed bill that this one is issued instead of, as a HIS says it."""
    replaced_bill: int = 0
    """The row id of that bill, as a person at the console says it; 0 for none."""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    sent: str = field(default="", compare=False, repr=False)
