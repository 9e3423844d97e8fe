"""Invented bills for the faces: every form, few and many lines, red, rare and endless names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from portal.core.clock import SHANGHAI
from portal.domain.documents.bill import AuxItem, BillDocument, InvoicingParty, Item, MedicalExt, PayerParty, Seal

LINK = "https://bill.example.org/b/kAbCdEfGhIjKlMnOpQrStUv"
RARE = "𬭎𠮷䶮㛃鿍"
"""Characters of names that level 2 and 3 of GB 18030-2022 hold; the next two are drawn by hanazono only."""
RAREST = "𪨧𱁬"
_CATEGORIES = ("诊察费", "西药费", "化验费", "检查费", "治疗费", "手术费", "护理费", "卫生材料费", "床位费", "中成药费")
_DETAILS = (
    ("阿莫西林胶囊", "0.25g*24粒", "盒"),
    ("头孢克肟分散片", "0.1g*6片", "盒"),
    ("葡萄糖氯化钠注射液", "500ml", "瓶"),
    ("血常规（五分类）测定", "", "次"),
    ("普通门诊诊查费", "", "次"),
    ("心电图检查", "十二通道", "次"),
    ("布洛芬缓释胶囊", "0.3g*20粒", "盒"),
)


def _items(count: int, sign: int = 1) -> tuple[Item, ...]:
    return tuple(
        Item(f"08{place:02d}", _CATEGORIES[place % 10], sign * (1000 + 37 * place), 1_000_000, "项")
        for place in range(count)
    )


def _details(count: int) -> tuple[AuxItem, ...]:
    rows = []
    for place in range(count):
        name, spec, unit = _DETAILS[place % 7]
        rows.append(
            AuxItem(
                related_code="0801",
                related_name="西药费",
                code=f"X{place:03d}",
                name=name if place < 7 else f"{name}{place}",
                amount_micro=12_500_000 + place * 10_000,
                quantity_micro=1_500_000 + 1_000_000 * (place % 3),
                unit=unit,
                price_micro=8_333_333,
                spec=spec,
                remark="" if place % 4 else "自付10%",
            )
        )
    return tuple(rows)


def outpatient(items: int = 4, details: int = 8) -> BillDocument:
    """An outpatient bill."""
    chosen = _items(items)
    return BillDocument(
        name="广东省医疗门诊收费票据（电子）",
        code="99060126",
        number="8000000001",
        check_code="0a1b2c",
        specimen_code="9906012601",
        area_code="990000",
        total_fen=sum(item.amount_fen for item in chosen),
        issued_at=datetime(2026, 1, 5, 9, 15, 30, tzinfo=SHANGHAI),
        unit=InvoicingParty("12440000TEST00001X", "示例市人民医院"),
        payer=PayerParty("1", "测试甲", "000000199001010011"),
        serial="MZ202601050001",
        cashier="收费员一",
        checker="复核员一",
        ext=MedicalExt(
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
        ),
        items=chosen,
        aux_items=_details(details),
        unit_seal=Seal("1" * 32, "示例市人民医院收费专用章", "a1" * 32),
        supervisor_seal=Seal("9" * 32, "示例省财政厅监制章", "b2" * 32),
    )


def inpatient(items: int = 10, details: int = 90) -> BillDocument:
    """An inpatient bill with list pages."""
    document = outpatient(items, details)
    return replace(
        document,
        name="广东省医疗住院收费票据（电子）",
        code="99060226",
        serial="ZY202601050001",
        ext=replace(
            document.ext,
            case_number="BA000001",
            hospitalization_number="ZY000001",
            department="心血管内科",
            in_date=date(2025, 12, 28),
            out_date=date(2026, 1, 5),
            hospital_days="8",
            prepay_fen=500000,
            refund_fen=12345,
        ),
    )


def red(original: BillDocument) -> BillDocument:
    """The red bill of ``original``."""
    return replace(
        original,
        number="8000000002",
        total_fen=-original.total_fen,
        items=tuple(replace(item, amount_fen=-item.amount_fen) for item in original.items),
        aux_items=tuple(replace(row, amount_micro=-row.amount_micro) for row in original.aux_items),
        remark=f"冲红 原票据代码{original.code} 号码{original.number}",
        ext=replace(original.ext, related_code=original.code, related_number=original.number),
    )


def named(name: str, document: BillDocument | None = None) -> BillDocument:
    """A bill whose payer is called ``name``."""
    document = document or outpatient()
    return replace(document, payer=replace(document.payer, name=name))


def endless() -> BillDocument:
    """Every text far longer than its slot."""
    document = outpatient()
    long = "一种名称非常长的治疗项目（含一次性使用无菌注射器带针5ml×100支及其他材料）第二代改良型"
    return replace(
        named("阿卜杜拉·" * 24, document),
        unit=replace(document.unit, name="示例市人民医院（示例医科大学附属第一临床医院、示例市妇幼保健院）" * 2),
        cashier="收费员甲乙丙丁戊己庚辛壬癸",
        serial="MZ" + "0123456789" * 6,
        total_fen=-98_765_432_109_876,
        items=tuple(
            replace(item, name=long * 2, unit="一个很长的单位名称", amount_fen=98_765_432_109_876, remark=long)
            for item in document.items
        ),
        aux_items=tuple(
            replace(row, name=long, spec="每盒" * 30, unit="支/盒/箱", remark=long, amount_micro=9_876_543_210_123_456)
            for row in _details(40)
        ),
        remark=long,
    )
