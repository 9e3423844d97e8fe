"""The demo's prepayments (预交金): one before each inpatient bill, which it is settled into, and some still open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from portal.access.his.accounts import HisAccount
from portal.demo.settlements import PERSONS, Person
from portal.domain.documents.settlement import Payer, Payment
from portal.domain.documents.voucher import Admission, Deposit, Taking, VoucherScene
from portal.domain.money import fen_of
from portal.issuing.bills.issue import IssuingService
from portal.issuing.vouchers.issue import Vouched, VoucherService, his_sender

OPEN = 12
"""Patients who are in the ward now; every third has had a part given back."""
CASHIER = "演示收费员甲"
POINT = "04"


class Prepayments:
    """Issues them on the demo's account."""

    def __init__(self, desk: IssuingService, account: HisAccount) -> None:
        self._desk = VoucherService(desk.services, desk.references)
        self._sender = his_sender(account, "demo", CASHIER)

    def settled_by(self, person: Person, body: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        """Pay in before the stay that ``body`` settles at ``at``; returns the body's rows that use it."""
        admission = Admission(body["hospitalNo"], body["visitNo"], body["category"], body["categoryCode"])
        paid_at = at - timedelta(days=body["hospitalDays"], hours=1)
        made = self._pay(f"YJ{body['busNo']}", person, admission, fen_of(body["cashPay"]), paid_at)
        row = {"voucherBatchCode": made.facts.code, "voucherNo": made.facts.number, "voucherAmt": body["selfCashPay"]}
        return {"payMentVoucher": [row]}

    def still_open(self, at: datetime) -> None:
        """Deposits of patients who are in the ward at ``at``."""
        for number, person in enumerate(PERSONS[-OPEN:], 1):
            day = at - timedelta(days=number % 6, hours=number)
            admission = Admission(f"ZY88{number:04d}", f"ZY88{number:04d}-1", "内儿科病区", "1301", in_date=day.date())
            made = self._pay(f"YJZY88{number:04d}", person, admission, 100_000 + 50_000 * (number % 4), day)
            if number % 3 == 0 and not made.duplicate:
                taking = Taking(made.facts.code, made.facts.number, POINT, at, CASHIER, "患者申请退部分押金", 30_000)
                self._desk.refund(self._sender, taking)

    def _pay(self, serial: str, person: Person, admission: Admission, amount_fen: int, at: datetime) -> Vouched:
        payer = Payer("1", person.name, "3101", person.id_no, person.phone, card_type="3101", card_no=person.card)
        deposit = Deposit(
            serial,
            VoucherScene.INPATIENT,
            POINT,
            at,
            payer,
            amount_fen,
            CASHIER,
            CASHIER,
            admission,
            drawee=person.name,
            payments=(Payment("05", amount_fen, "05"),),
        )
        return self._desk.issue(self._sender, deposit, at)
