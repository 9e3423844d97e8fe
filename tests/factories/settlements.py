"""Settlements in which no two fields hold the same, and the references of the unit that issues them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import cast

from portal.domain.documents.settlement import (
    Charge,
    Detail,
    Payer,
    Payment,
    Scene,
    Settlement,
    Split,
    Visit,
    VoucherUse,
)
from portal.hospital.references import References

OUTPATIENT = Settlement(
    serial="OP20260115000001",
    scene=Scene.OUTPATIENT,
    point_code="02",
    business_at=datetime(2026, 1, 14, 16, 28, tzinfo=UTC),
    payer=Payer("1", "林演安", "id_card", "000000195203150010", "10000000001", insurance_no="YB1", patient_id="P1"),
    cashier="收费员甲",
    author="录入员丙",
    checker="复核员乙",
    total_fen=12850,
    split=Split(
        account_fen=100,
        fund_fen=8000,
        other_fund_fen=200,
        own_cash_fen=4550,
        own_cost_fen=850,
        self_conceited_fen=300,
        self_pay_fen=4000,
        account_balance_fen=0,
        prepay_fen=1,
        recharge_fen=2,
        refund_fen=3,
    ),
    visit=Visit(
        org_type="",
        visit_date=date(2026, 1, 13),
        patient_no="MZ1",
        case_no="BL1",
        sex="男",
        department="内科",
        insurance_type="居民医保",
        hospital_no="ZY1",
        checkup_no="TJ1",
        in_date=date(2026, 1, 11),
        out_date=date(2026, 1, 12),
        days="1",
    ),
    charges=(
        Charge("0101", "诊查费", 2000, "次", 20_000_000, 1_000_000, 0, "复诊"),
        Charge("X9", "自定项目", 10850),
    ),
    details=(
        Detail(
            "Y1", "布洛芬", 108_500_000, "X9", "自定项目", "胶囊", "0.3g", "盒", 54_250_000, 2_000_000, 0, "2", "自付"
        ),
        Detail("Z1", "诊查", 20_000_000, "0101", "诊查费", remark="首诊"),
    ),
    payments=(Payment("wechat", 4850, "05"), Payment("insurance", 8000, "11")),
    vouchers=(VoucherUse("99110126", "0000000007", 500), VoucherUse("99110126", "0000000003", 100)),
    extras=(("病区", "三病区"),),
    remark="备注一",
)
REFERENCES = References(
    unit=cast(
        "object",
        SimpleNamespace(
            region_code="440000",
            credit_code="12440000TEST00001X",
            name="样板卫生院",
            org_type="乡镇卫生院",
            seal_id="a" * 32,
            seal_name="财务专用章",
            seal_hash="b" * 64,
            supervision_seal_id="c" * 32,
            supervision_seal_name="监制章",
            supervision_seal_hash="d" * 64,
        ),
    ),  # type: ignore[arg-type]  # a row with these columns
    kinds={
        form: SimpleNamespace(name=f"票据{form}", specimen_code=f"S-{form}")  # type: ignore[misc]
        for form in ("outpatient", "inpatient", "general", "donation")
    },
    points={"02": 2},
    items={"0101": ("010101", "诊察费")},
    bounds={},
    allowed={},
)
