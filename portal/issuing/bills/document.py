"""The document of a settlement, as it is signed."""

from __future__ import annotations

from portal.core.clock import business_day, local
from portal.domain.documents.bill import (
    INSURANCE_CLASSES,
    AuxItem,
    BillDocument,
    InvoicingParty,
    Item,
    MedicalExt,
    PayerParty,
    Seal,
)
from portal.domain.documents.settlement import Dealing, Donation, Scene, Settlement
from portal.domain.money import micro_text, yuan
from portal.hospital.references import References


def document(settlement: Settlement, references: References, bill_code: str) -> BillDocument:
    """Build the document without number, check code and time of issue, which are known only inside the transaction."""
    unit, kind = references.unit, references.kinds[settlement.scene.form]
    return BillDocument(
        name=kind.name,
        code=bill_code,
        number="",
        check_code="",
        specimen_code=kind.specimen_code,
        area_code=unit.region_code,
        total_fen=settlement.total_fen,
        issued_at=local(settlement.business_at),
        unit=InvoicingParty(code=unit.credit_code, name=unit.name),
        payer=PayerParty(settlement.payer.kind, settlement.payer.name, settlement.payer.id_no),
        serial=settlement.serial,
        cashier=settlement.cashier or settlement.author,
        checker=settlement.checker,
        ext=_ext(settlement, unit.org_type) if settlement.scene.medical else _purpose(settlement),
        items=tuple(_items(settlement, references)),
        aux_items=tuple(_aux_items(settlement, references)),
        remark=settlement.remark,
        unit_seal=Seal(unit.seal_id, unit.seal_name, unit.seal_hash),
        supervisor_seal=Seal(unit.supervision_seal_id, unit.supervision_seal_name, unit.supervision_seal_hash),
        tag=f"CZ-EI-{bill_code[:2]}",
    )


def _items(settlement: Settlement, references: References) -> list[Item]:
    rows = []
    for charge in settlement.charges:
        code, name = references.items.get(charge.code, (charge.code, charge.name))
        quantity, unit = charge.quantity_micro, charge.unit
        rows.append(Item(code, name, charge.amount_fen, quantity, unit, charge.price_micro, charge.remark))
    return rows


def _aux_items(settlement: Settlement, references: References) -> list[AuxItem]:
    rows = []
    for detail in settlement.details:
        code, name = references.items.get(detail.charge_code, (detail.charge_code, detail.charge_name))
        rows.append(
            AuxItem(
                related_code=code,
                related_name=name,
                code=detail.code,
                name=detail.name,
                amount_micro=detail.amount_micro,
                quantity_micro=detail.quantity_micro,
                unit=detail.unit,
                price_micro=detail.price_micro,
                spec=" ".join(filter(None, (detail.form, detail.spec))),
                remark=INSURANCE_CLASSES.get(detail.insurance_class) or detail.remark,
            )
        )
    return rows


def _ext(settlement: Settlement, org_type: str) -> MedicalExt:
    visit, split = settlement.visit, settlement.split
    extras = list(settlement.extras)
    if split.self_conceited_fen:
        extras.append(("个人自负", yuan(split.self_conceited_fen)))
    if split.account_balance_fen is not None:
        extras.append(("个人账户余额", yuan(split.account_balance_fen)))
    inpatient = settlement.scene is Scene.INPATIENT
    return MedicalExt(
        business_date=business_day(settlement.business_at),
        patient_number=visit.patient_no or visit.checkup_no,
        medical_date=visit.visit_date or business_day(settlement.business_at),
        org_type=visit.org_type or org_type,
        gender=visit.sex,
        medical_type=settlement.scene.title,
        insurance_type=visit.insurance_type,
        insurance_id=settlement.payer.insurance_no,
        case_number=visit.case_no,
        hospitalization_number=visit.hospital_no,
        department=visit.department,
        in_date=visit.in_date,
        out_date=visit.out_date,
        hospital_days=visit.days,
        fund_pay_fen=split.fund_fen,
        other_pay_fen=split.other_fund_fen,
        account_pay_fen=split.account_fen,
        own_pay_fen=split.own_cash_fen,
        self_payment_fen=split.self_pay_fen,
        self_cost_fen=split.own_cost_fen,
        prepay_fen=split.prepay_fen if inpatient else None,
        recharge_fen=split.recharge_fen if inpatient else None,
        refund_fen=split.refund_fen if inpatient else None,
        extras=tuple(extras),
    )


def _purpose(settlement: Settlement) -> MedicalExt:
    """List what a bill of class 04 or 05 says beside its lines: finance has no elements for it, so it stands in the
    open list of labels and values."""
    facts: list[tuple[str, str]] = []
    purpose = settlement.purpose
    if isinstance(purpose, Dealing):
        facts = [("往来类别", purpose.category), ("对方单位", purpose.counterparty), ("依据", purpose.basis)]
    elif isinstance(purpose, Donation):
        facts = [("捐赠项目", purpose.project), ("捐赠形式", "实物" if purpose.goods else "货币")]
        facts += [] if purpose.goods else [("币种", purpose.currency)]
        if purpose.original_micro is not None:
            facts.append(("原币金额", micro_text(purpose.original_micro, 2)))
        if purpose.rate_micro is not None:
            facts.append(("汇率", micro_text(purpose.rate_micro)))
    facts += settlement.extras
    return MedicalExt(
        business_date=business_day(settlement.business_at), extras=tuple(fact for fact in facts if fact[1])
    )
