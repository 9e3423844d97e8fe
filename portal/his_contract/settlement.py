"""Business object of the four issue methods → :class:`Settlement` (all versions)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from portal.access.his.accounts import HisAccount
from portal.core.clock import now
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
from portal.domain.errors import Refusal
from portal.domain.identity import WHICH_PHONES, is_id_card, is_phone
from portal.his_contract.checks import check_sums, check_time
from portal.his_contract.fields import Fields, Problems

MOST_CHARGES = 500
MOST_DETAILS = 5000
MOST_PAYMENTS = 100
MOST_EXTRAS = 200

METHOD_SCENES: Mapping[str, Scene] = {
    "invEBillRegistration": Scene.REGISTRATION,
    "invoiceEBillOutpatient": Scene.OUTPATIENT,
    "invEBillHospitalized": Scene.INPATIENT,
    "invEBillCheckUp": Scene.CHECKUP,
}
"""The issue methods and what they issue when ``busType`` is missing."""

OTHER_CHANNEL = "other"
"""其它: what an unmapped payment channel becomes."""

SEXES = {"男性": "男", "女性": "女", "未知的性别": "未知", "未说明的性别": "未知"}
"""Names of the national dictionary → the contract's."""
UNKNOWN_SEX = "未知"

_CLASSES = {"1": "1", "2": "2", "3": "3", "甲": "1", "乙": "2", "丙": "3", "甲类": "1", "乙类": "2", "丙类": "3"}


def settlement(method: str, message: Mapping[str, Any], account: HisAccount) -> Settlement:
    """Return the settlement that ``message`` describes, codes mapped by the account's tables.

    Raises FIELD_INVALID with every problem of the message, SCENE_UNKNOWN, SUM_MISMATCH.
    """
    problems = Problems()
    fields = Fields(message, problems)
    sent = canonical(fields)
    scene = _scene(fields, method, account)
    business_at = fields.moment("busDateTime", "业务发生时间")
    total = fields.exact_fen("totalAmt", "开票总金额")
    if total < 0:
        fields.problem("totalAmt", "开票总金额", "不能为负数", "退费请调用冲红接口")
    payee, author = fields.text("payee", "收费员", 50), fields.text("author", "票据编制人", 100)
    if not fields.has("payee") and not fields.has("author"):
        fields.problem("payee", "收费员", "不能为空", "请填写收费员姓名")
    found: dict[str, Any] = {
        "serial": fields.text("busNo", "业务流水号", 50, required=True),
        "point_code": point(fields, account),
        "payer": payer(fields, account),
        "checker": fields.text("checker", "票据复核人", 100),
        "split": _split(fields),
        "visit": _visit(fields, method),
        "charges": tuple(
            map(_charge, ordered(fields.rows("chargeDetail", "收费项目明细", MOST_CHARGES, required=True)))
        ),
        "details": tuple(map(_detail, ordered(fields.rows("listDetail", "清单项目明细", MOST_DETAILS)))),
        "payments": payments(fields, account),
        "vouchers": _vouchers(fields),
        "extras": _extras(fields),
        "remark": fields.text("remark", "备注", 200, cut=True),
        "circulating": fields.text("isArrears", "是否可流通", 10) != "0",
        "arrears_reason": fields.text("arrearsReason", "不可流通原因", 200, cut=True),
        "replaces": fields.text("replacedBusNo", "被替换票据的业务流水号", 50),
    }
    if problems.count or business_at is None:
        raise Refusal("FIELD_INVALID", problems=problems.text())
    if scene is None:
        raise Refusal("SCENE_UNKNOWN", bus_type=fields.text("busType", "业务标识", 20))
    warnings = check_sums(
        account.policies, total, found["split"], found["charges"], found["details"], found["payments"]
    )
    warnings += check_time(account.policies, business_at, now())
    return Settlement(
        scene=scene,
        business_at=business_at,
        cashier=payee,
        author=author,
        total_fen=total,
        warnings=(*warnings, *problems.warnings),
        sent=sent,
        **found,
    )


def canonical(fields: Fields) -> str:
    """Return the message as JSON text with sorted keys; fractions become text, so that no digit is lost."""
    text = json.dumps(fields.values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    try:
        text.encode()
    except UnicodeEncodeError:
        fields.problem("", "报文", "含有不完整的字符（单独的代理项）", "请按 UTF-8 完整编码后重新推送")
    return text


def _scene(fields: Fields, method: str, account: HisAccount) -> Scene | None:
    sent = fields.text("busType", "业务标识", 20)
    if not sent:
        return METHOD_SCENES[method]
    # Some databases keep the codes without their leading zero.
    scene = account.bus_types.get(sent) or account.bus_types.get(sent.zfill(2))
    if scene is not None and (scene is Scene.INPATIENT) != (METHOD_SCENES[method] is Scene.INPATIENT):
        fields.problem(
            "busType", "业务标识", f"对应{scene.title}，与接口 {method} 不一致", "请改用对应的接口或业务标识"
        )
    return scene


def point(fields: Fields, account: HisAccount) -> str:
    """PlaceCode as our own code."""
    sent = fields.text("placeCode", "开票点编码", 50, required=True)
    return account.places.get(sent, sent)


def payer(fields: Fields, account: HisAccount) -> Payer:
    """交款人 with all the numbers of the message."""
    kind = fields.text("payerType", "交款人类型", 1) or "1"
    if kind not in ("1", "2"):
        fields.problem("payerType", "交款人类型", "只能是 1 或 2", "个人填 1，单位填 2")
    id_no = fields.number("idCardNo", "证件号码或统一社会信用代码", 20)
    if kind == "2" and is_id_card(id_no):
        # One HIS sends 2 for everybody; an ID card number tells that it is a person after all.
        kind = "1"
    card_type = fields.text("cardType", "卡类型", 10)
    return Payer(
        kind=kind,
        name=fields.name("payer", "患者姓名", 100, required=True),
        id_type=fields.text("idCardType", "证件类型", 10),
        id_no=id_no,
        phone=_phone(fields),
        email=fields.text("email", "邮箱", 50),
        card_type=account.card_types.get(card_type, card_type),
        card_no=fields.number("cardNo", "卡号", 50),
        insurance_no=fields.number("medicalInsuranceID", "医保编号", 60),
        patient_id=fields.number("patientId", "患者唯一编号", 50),
        open_id=fields.text("openID", "公众号或小程序用户", 100),
    )


def _phone(fields: Fields) -> str:
    """Return the phone as it was sent; the bill's warnings say when no message can reach it."""
    phone = fields.number("tel", "手机号", 20)
    if phone and not is_phone(phone):
        fields.problems.warn("tel", "手机号", f"不能接收短信：{WHICH_PHONES}")
    return phone


def _department(fields: Fields, method: str) -> tuple[str, str]:
    """Name and code of the department; the keys change with method and version."""
    category = fields.text("category", "科室名称", 200, cut=True)
    patient_category = fields.text("patientCategory", "科室名称", 200, cut=True)
    code = fields.text("patientCategoryCode", "科室编码", 100)
    category_code = fields.text("categoryCode", "入院科室编码", 100)
    if METHOD_SCENES[method] is Scene.INPATIENT:
        leave = fields.text("leaveCategory", "出院科室名称", 200, cut=True)
        leave_code = fields.text("leaveCategoryCode", "出院科室编码", 100)
        if category:
            return category, category_code or code
        return (leave, leave_code) if leave else (patient_category, category_code or code)
    if METHOD_SCENES[method] is Scene.REGISTRATION and category:
        return category, (code or patient_category or category_code)[:100]
    return category or patient_category, code or category_code


def _visit(fields: Fields, method: str) -> Visit:
    department, department_code = _department(fields, method)
    days = fields.micro("hospitalDays", "住院天数")
    return Visit(
        org_type=fields.text("medicalInstitution", "医疗机构类型", 60, cut=True),
        visit_date=fields.day("consultationDate", "就诊日期"),
        patient_no=fields.text("patientNo", "患者就诊编号", 30),
        case_no=fields.text("caseNumber", "病历号", 50),
        sex=_sex(fields),
        age=fields.text("age", "年龄", 10, cut=True),
        department=department,
        department_code=department_code,
        insurance_type=fields.text("medicalCareType", "医保类型名称", 60, cut=True),
        insurance_code=fields.text("medCareTypeCode", "医保类型编码", 60),
        hospital_no=fields.text("hospitalNo", "住院号", 20),
        visit_no=fields.text("visitNo", "住院就诊编号", 20),
        checkup_no=fields.text("checkUpNo", "体检号", 50),
        ward=fields.text("hospitalArea", "病区", 60, cut=True),
        bed=fields.text("bedNo", "床号", 20, cut=True),
        in_date=fields.day("inHospitalDate", "住院日期"),
        out_date=fields.day("outHospitalDate", "出院日期"),
        days="" if days is None else fields.text("hospitalDays", "住院天数", 9),
        special_disease=fields.text("specialDiseasesName", "特殊病种名称", 200, cut=True),
    )


def _sex(fields: Fields) -> str:
    sent = fields.text("sex", "性别", 20, cut=True)
    sex = SEXES.get(sent, sent)
    return sex if len(sex) <= 4 else UNKNOWN_SEX


def _together(fields: Fields, *names: tuple[str, str]) -> int | None:
    found = [fen for name, title in names if (fen := fields.fen_or_none(name, title)) is not None]
    return sum(found) if found else None


def _split(fields: Fields) -> Split:
    return Split(
        account_fen=fields.fen("accountPay", "个人账户支付"),
        fund_fen=fields.fen("fundPay", "医保统筹基金支付"),
        other_fund_fen=fields.fen("otherfundPay", "其它医保支付"),
        own_cash_fen=fields.fen("selfCashPay", "个人现金支付"),
        own_cost_fen=fields.fen("ownPay", "自费金额"),
        self_conceited_fen=fields.fen("selfConceitedAmt", "个人自负"),
        self_pay_fen=fields.fen("selfPayAmt", "个人自付"),
        reimbursement_fen=fields.fen("reimbursementAmt", "医保报销总金额"),
        account_balance_fen=fields.fen_or_none("ownAcBalance", "个人账户余额"),
        prepay_fen=_together(
            fields, ("cashPay", "现金预交款"), ("chequePay", "支票预交款"), ("transferAccountPay", "转账预交款")
        ),
        recharge_fen=_together(
            fields, ("cashRecharge", "补交现金"), ("chequeRecharge", "补交支票"), ("transferRecharge", "补交转账")
        ),
        refund_fen=_together(
            fields, ("cashRefund", "退还现金"), ("chequeRefund", "退还支票"), ("transferRefund", "退还转账")
        ),
    )


def ordered(rows: list[Fields]) -> list[Fields]:
    """Return rows by their sortNo where each has one of its own, else as they came."""
    places = [str(row.values.get("sortNo")).strip() for row in rows]
    if len(set(places)) < len(rows) or not all(place.isdecimal() and len(place) < 10 for place in places):
        return rows
    return [row for _, row in sorted(zip(map(int, places), rows, strict=True), key=itemgetter(0))]


def _charge(row: Fields) -> Charge:
    return Charge(
        code=row.text("chargeCode", "收费项目代码", 50, required=True),
        name=row.text("chargeName", "收费项目名称", 100, required=True, cut=True),
        amount_fen=row.fen("amt", "金额", required=True),
        unit=row.text("unit", "计量单位", 20, cut=True),
        price_micro=row.micro("std", "收费标准"),
        quantity_micro=row.micro("number", "数量"),
        self_fen=row.fen("selfAmt", "自费金额"),
        remark=row.text("remark", "备注", 200, cut=True),
    )


def _detail(row: Fields) -> Detail:
    return Detail(
        code=row.text("code", "项目编码", 50),
        name=row.text("name", "项目名称", 100, required=True, cut=True),
        amount_micro=row.micro("amt", "金额", required=True) or 0,
        charge_code=row.text("chargeCode", "收费项目代码", 50),
        charge_name=row.text("chargeName", "收费项目名称", 100, cut=True),
        form=row.text("form", "剂型", 50, cut=True),
        spec=row.text("specification", "规格", 50, cut=True),
        unit=row.text("unit", "计量单位", 20, cut=True),
        price_micro=row.micro("std", "单价"),
        quantity_micro=row.micro("number", "数量"),
        self_micro=row.micro("selfAmt", "自费金额") or 0,
        insurance_class=_CLASSES.get(row.text("medicalCareType", "医保药品分类", 50), ""),
        remark=row.text("remark", "备注", 200, cut=True),
    )


def payments(fields: Fields, account: HisAccount) -> tuple[Payment, ...]:
    """payChannelDetail, codes mapped by the account's table."""
    found = []
    for row in fields.rows("payChannelDetail", "交费渠道列表", MOST_PAYMENTS):
        sent = row.text("payChannelCode", "交费渠道编码", 20, required=True)
        channel = account.channels.get(sent, OTHER_CHANNEL)
        found.append(Payment(channel, row.fen("payChannelValue", "交费渠道金额", required=True), sent))
    return tuple(found)


def _vouchers(fields: Fields) -> tuple[VoucherUse, ...]:
    """PayMentVoucher (table A-6); a row of 0 uses nothing and is left out."""
    found = []
    for row in fields.rows("payMentVoucher", "预交金凭证消费扣款列表", MOST_PAYMENTS, single=True):
        amount = row.fen("voucherAmt", "扣款金额", required=True)
        if amount < 0:
            row.problem("voucherAmt", "扣款金额", "不能为负数", "退回预交金请冲红原票据或调用预交金退款接口")
        code = row.text("voucherBatchCode", "预交金凭证代码", 50, required=True)
        number = row.text("voucherNo", "预交金凭证号码", 20, required=True)
        found.append(VoucherUse(code, number, amount))
    return tuple(use for use in found if use.amount_fen)


def _extras(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Return otherInfo and otherMedicalList as label and text; ``infoNo`` may be anything, nameless rows are left."""
    found = [
        (row.text("infoName", "信息名称", 100, cut=True), row.text("infoValue", "信息值", 500, cut=True))
        for row in fields.rows("otherInfo", "其它扩展信息列表", MOST_EXTRAS, single=True)
    ]
    for row in fields.rows("otherMedicalList", "其它医保信息列表", MOST_EXTRAS, single=True):
        value = row.text("infoValue", "信息值", 100, cut=True)
        other = row.text("infoOther", "其它信息", 100, cut=True)
        found.append((row.text("infoName", "信息名称", 100, cut=True), " ".join(filter(None, (value, other)))))
    return tuple((name, value) for name, value in found if name)
