"""The document of a settlement: every fact in its place, nothing invented, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from portal.core.clock import SHANGHAI
from portal.domain.documents.bill import AuxItem, BillDocument, InvoicingParty, Item, MedicalExt, PayerParty, Seal
from portal.domain.documents.settlement import Dealing, Donation, Scene
from portal.issuing.bills.document import document
from tests.factories.settlements import OUTPATIENT, REFERENCES


def test_an_outpatient_settlement_becomes_its_bill() -> None:
    assert document(OUTPATIENT, REFERENCES, "99060126") == BillDocument(
        name="票据outpatient",
        code="99060126",
        number="",
        check_code="",
        specimen_code="S-outpatient",
        area_code="440000",
        total_fen=12850,
        issued_at=datetime(2026, 1, 15, 0, 28, tzinfo=SHANGHAI),
        unit=InvoicingParty("12440000TEST00001X", "样板卫生院"),
        payer=PayerParty("1", "林演安", "000000195203150010"),
        serial="OP20260115000001",
        cashier="收费员甲",
        checker="复核员乙",
        ext=MedicalExt(
            business_date=date(2026, 1, 15),
            patient_number="MZ1",
            medical_date=date(2026, 1, 13),
            org_type="乡镇卫生院",
            gender="男",
            medical_type="门诊",
            insurance_type="居民医保",
            insurance_id="YB1",
            case_number="BL1",
            hospitalization_number="ZY1",
            department="内科",
            in_date=date(2026, 1, 11),
            out_date=date(2026, 1, 12),
            hospital_days="1",
            fund_pay_fen=8000,
            other_pay_fen=200,
            account_pay_fen=100,
            own_pay_fen=4550,
            self_payment_fen=4000,
            self_cost_fen=850,
            extras=(("病区", "三病区"), ("个人自负", "3.00"), ("个人账户余额", "0.00")),
        ),
        items=(
            Item("010101", "诊察费", 2000, 1_000_000, "次", 20_000_000, "复诊"),
            Item("X9", "自定项目", 10850),
        ),
        aux_items=(
            AuxItem("X9", "自定项目", "Y1", "布洛芬", 108_500_000, 2_000_000, "盒", 54_250_000, "胶囊 0.3g", "乙类"),
            AuxItem("010101", "诊察费", "Z1", "诊查", 20_000_000, remark="首诊"),
        ),
        remark="备注一",
        unit_seal=Seal("a" * 32, "财务专用章", "b" * 64),
        supervisor_seal=Seal("c" * 32, "监制章", "d" * 64),
        tag="CZ-EI-99",
    )


def test_what_is_missing_is_taken_from_what_is_there() -> None:
    bare = replace(
        OUTPATIENT,
        cashier="",
        visit=replace(OUTPATIENT.visit, patient_no="", visit_date=None, org_type="县医院"),
        split=replace(OUTPATIENT.split, self_conceited_fen=0, account_balance_fen=None),
    )
    made = document(bare, REFERENCES, "44060126")
    assert (made.cashier, made.tag, made.code) == ("录入员丙", "CZ-EI-44", "44060126")
    assert (made.ext.patient_number, made.ext.medical_date, made.ext.org_type) == ("TJ1", date(2026, 1, 15), "县医院")
    assert made.ext.extras == (("病区", "三病区"),)


def test_deposits_stand_on_an_inpatient_bill_only() -> None:
    made = document(replace(OUTPATIENT, scene=Scene.INPATIENT), REFERENCES, "99060226")
    assert (made.name, made.specimen_code, made.ext.medical_type) == ("票据inpatient", "S-inpatient", "住院")
    assert (made.ext.prepay_fen, made.ext.recharge_fen, made.ext.refund_fen) == (1, 2, 3)


@pytest.mark.parametrize(
    ("scene", "purpose", "facts"),
    [
        (
            Scene.DEALING,
            Dealing("押金", "示例五金厂", "规定"),
            (("往来类别", "押金"), ("对方单位", "示例五金厂"), ("依据", "规定")),
        ),
        (Scene.DEALING, Dealing("押金"), (("往来类别", "押金"),)),
        (Scene.DONATION, Donation("助残"), (("捐赠项目", "助残"), ("捐赠形式", "货币"), ("币种", "CNY"))),
        (Scene.DONATION, Donation("助残", True), (("捐赠项目", "助残"), ("捐赠形式", "实物"))),
        (
            Scene.DONATION,
            Donation("助残", False, "USD", 100_000_000, 7_123_400),
            (("捐赠项目", "助残"), ("捐赠形式", "货币"), ("币种", "USD"), ("原币金额", "100.00"), ("汇率", "7.1234")),
        ),
        (Scene.DEALING, None, ()),
    ],
)
def test_a_bill_that_is_not_of_care_says_its_purpose_as_labels(
    scene: Scene, purpose: Dealing | Donation | None, facts: tuple[tuple[str, str], ...]
) -> None:
    made = document(replace(OUTPATIENT, scene=scene, purpose=purpose), REFERENCES, "99040126")
    assert made.ext == MedicalExt(business_date=date(2026, 1, 15), extras=(*facts, ("病区", "三病区")))
