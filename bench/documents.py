"""Invented bills to draw: as many charge items and list lines as asked for, outpatient and inpatient."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from portal.core.clock import SHANGHAI
from portal.domain.documents.bill import AuxItem, BillDocument, InvoicingParty, Item, MedicalExt, PayerParty

LINK = "https://bill.example.org/b/kAbCdEfGhIjKlMnOpQrStUv"
_CATEGORIES = ("诊察费", "西药费", "化验费", "检查费", "治疗费", "手术费", "护理费", "卫生材料费", "床位费", "中成药费")
_DETAILS = (
    ("阿莫西林胶囊", "0.25g*24粒", "盒"),
    ("葡萄糖氯化钠注射液", "500ml", "瓶"),
    ("血常规（五分类）测定", "", "次"),
    ("心电图检查", "十二通道", "次"),
)
_EXT = MedicalExt(
    patient_number="M000001",
    medical_date=date(2026, 1, 5),
    org_type="综合医院",
    gender="女",
    medical_type="普通门诊",
    insurance_type="职工基本医疗保险",
    insurance_id="YB000001",
    fund_pay_fen=6000,
    account_pay_fen=4850,
    own_pay_fen=2000,
    self_payment_fen=1800,
    self_cost_fen=200,
)


def _item(place: int) -> Item:
    return Item(f"08{place:02d}", _CATEGORIES[place % len(_CATEGORIES)], 1000 + 37 * place, 1_000_000, "项")


def _detail(place: int) -> AuxItem:
    name, spec, unit = _DETAILS[place % len(_DETAILS)]
    return AuxItem(
        related_code="0801",
        related_name="西药费",
        code=f"X{place:03d}",
        name=f"{name}{place}",
        amount_micro=12_500_000 + place * 10_000,
        quantity_micro=1_500_000 + 1_000_000 * (place % 3),
        unit=unit,
        price_micro=8_333_333,
        spec=spec,
        remark="" if place % 4 else "自付10%",
    )


def outpatient(items: int, details: int) -> BillDocument:
    """Return an outpatient bill."""
    charged = tuple(map(_item, range(items)))
    return BillDocument(
        name="广东省医疗门诊收费票据（电子）",
        code="99060126",
        number="8000000001",
        check_code="0a1b2c",
        specimen_code="9906012601",
        area_code="990000",
        total_fen=sum(item.amount_fen for item in charged),
        issued_at=datetime(2026, 1, 5, 9, 15, 30, tzinfo=SHANGHAI),
        unit=InvoicingParty("12440000TEST00001X", "示例市人民医院"),
        payer=PayerParty("1", "测试甲", "000000199001010011"),
        serial="MZ202601050001",
        cashier="收费员一",
        checker="复核员一",
        ext=_EXT,
        items=charged,
        aux_items=tuple(map(_detail, range(details))),
    )


def inpatient(items: int, details: int) -> BillDocument:
    """Return an inpatient bill, its list on pages of its own."""
    stay = replace(
        _EXT,
        case_number="BA000001",
        hospitalization_number="ZY000001",
        department="心血管内科",
        in_date=date(2025, 12, 28),
        out_date=date(2026, 1, 5),
        hospital_days="8",
        prepay_fen=500_000,
        refund_fen=12_345,
    )
    name, code = "广东省医疗住院收费票据（电子）", "99060226"
    return replace(outpatient(items, details), name=name, code=code, serial="ZY202601050001", ext=stay)
