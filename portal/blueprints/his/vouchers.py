"""The prepayment methods of the HIS interface: business objects read, services called, answers.

A voucher has one number of its own kind. The contract's two pairs, the voucher's and the "e-bill's", are this same
pair, answered twice and accepted in either place (docs/vouchers.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from portal.access.his.accounts import HisAccount
from portal.blueprints.his.context import Context, Handler, fields_of, links, refuse_problems
from portal.core.clock import now, stamp17
from portal.domain.documents.voucher import Admission, Deposit, Taking, VoucherScene
from portal.domain.errors import Refusal
from portal.domain.money import yuan
from portal.his_contract import checks, settlement
from portal.his_contract.fields import Fields, Problems
from portal.issuing.vouchers import approvals, paper
from portal.issuing.vouchers.issue import Vouched, VoucherService, his_sender


def deposit(message: Mapping[str, Any], account: HisAccount) -> Deposit:
    """Return the deposit that ``message`` describes. Raises FIELD_INVALID, SCENE_UNKNOWN, SUM_MISMATCH."""
    problems = Problems()
    fields = Fields(message, problems)
    sent = settlement.canonical(fields)
    business_at = fields.moment("busDateTime", "业务发生时间")
    amount = fields.exact_fen("amt", "预交金额")
    if amount <= 0 and fields.has("amt"):
        fields.problem("amt", "预交金额", "必须大于 0", "退款请调用预交金凭证退款接口")
    payee, author = fields.text("payee", "收费员", 100), fields.text("author", "票据编制人", 100)
    if not payee and not author:
        fields.problem("payee", "收费员", "不能为空", "请填写收费员姓名")
    found: dict[str, Any] = {
        "serial": fields.text("busNo", "业务流水号", 50, required=True),
        "point_code": settlement.point(fields, account),
        "payer": settlement.payer(fields, account),
        "admission": _admission(fields),
        "drawee": fields.name("drawee", "缴款人", 50),
        "payments": settlement.payments(fields, account),
        "account": (
            fields.text("accountName", "账户名称", 200),
            fields.text("accountNo", "账号", 200),
            fields.text("accountBank", "开户行", 200),
        ),
        "work_unit": fields.text("workUnit", "工作单位", 200),
        "own_balance_fen": fields.fen_or_none("ownAcBalance", "预交金余额"),
        "remark": fields.text("remark", "备注", 600, cut=True),
    }
    if problems.count or business_at is None:
        raise Refusal("FIELD_INVALID", problems=problems.text())
    return Deposit(
        scene=_scene(fields, account),
        business_at=business_at,
        amount_fen=amount,
        cashier=payee or author,
        author=author,
        warnings=(
            *_check_channels(account, amount, sum(row.amount_fen for row in found["payments"])),
            *checks.check_time(account.policies, business_at, now()),
            *problems.warnings,
        ),
        sent=sent,
        **found,
    )


def _scene(fields: Fields, account: HisAccount) -> VoucherScene:
    sent = fields.text("busType", "业务标识", 20)
    if not sent:
        return VoucherScene.INPATIENT
    scene = account.voucher_types.get(sent) or account.voucher_types.get(sent.zfill(2))
    if scene is None:
        raise Refusal("SCENE_UNKNOWN", bus_type=sent)
    return scene


def _check_channels(account: HisAccount, amount: int, paid: int) -> tuple[str, ...]:
    policy = account.policies.get(checks.CHANNELS, checks.WARN)
    if paid == amount or policy == checks.IGNORE:
        return ()
    sentence = f"payChannelDetail 合计 {yuan(paid)} 与 amt {yuan(amount)} 不一致"
    if policy == checks.REFUSE:
        raise Refusal("SUM_MISMATCH", problems=sentence)
    return (sentence,)


def _admission(fields: Fields) -> Admission:
    return Admission(
        hospital_no=fields.text("hospitalNo", "住院号", 20),
        visit_no=fields.text("visitNo", "住院就诊编号", 20),
        department=fields.text("category", "科室名称", 200, cut=True),
        department_code=fields.text("categoryCode", "科室编码", 100),
        patient_no=fields.text("patientNo", "患者就诊编号", 30),
        case_no=fields.text("caseNumber", "病历号", 50),
        in_date=fields.day("inHospitalDate", "住院日期"),
    )


def _pair(fields: Fields) -> tuple[str, str]:
    """Return the voucher that is named, by either pair; two different pairs are refused."""
    pairs = [
        (fields.text(code, f"{title}代码", 50), fields.text(number, f"{title}号码", 20))
        for code, number, title in (
            ("voucherBatchCode", "voucherNo", "预交金凭证"),
            ("billBatchCode", "billNo", "电子票据"),
        )
    ]
    sent = [pair for pair in pairs if all(pair)]
    if not sent:
        fields.problem("voucherNo", "预交金凭证号码", "不能为空", "请填写开具时返回的凭证代码和号码")
        return "", ""
    if len({(code, number.lstrip("0")) for code, number in sent}) > 1:
        fields.problem("voucherNo", "预交金凭证号码", "与 billNo 不是同一张凭证", "请填写开具时返回的同一组代码和号码")
    return sent[0]


def taking(message: Mapping[str, Any], account: HisAccount, with_amount: bool) -> Taking:
    """Return what writeOffPayMentVoucher (``with_amount``) or cancelPayMentVoucherBalance asks for. Raises
    FIELD_INVALID."""
    fields = fields_of(message)
    code, number = _pair(fields)
    amount = fields.exact_fen("amt", "退款金额") if with_amount else None
    if amount is not None and amount <= 0 and fields.has("amt"):
        fields.problem("amt", "退款金额", "必须大于 0", "请填写本次退还的金额（元）")
    business_at = fields.moment("busDateTime", "业务发生时间")
    found: dict[str, Any] = {
        "point_code": settlement.point(fields, account),
        "operator": fields.text("operator", "操作人", 60, required=True),
        "reason": fields.text("reason", "原因", 200, required=True, cut=True),
        "remark": fields.text("remark", "备注", 600, cut=True),
    }
    refuse_problems(fields)
    assert business_at is not None
    checks.check_time(account.policies, business_at, now())
    return Taking(code=code, number=number, amount_fen=amount, business_at=business_at, **found)


def _limited(context: Context, wanted: Taking) -> Taking:
    """With the unit's 大额退款金额 where the account's switch stops what needs four eyes at the console."""
    if context.account.policies.get(checks.LARGE_REVERSAL) != checks.REFUSE:
        return wanted
    with context.services.database.read() as connection:
        return replace(wanted, limit_fen=approvals.limit_of(connection, context.account.unit_id))


def _desk(context: Context) -> VoucherService:
    return VoucherService(context.services, context.desk.references)


def issue(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """invoicePayMentVoucher: one voucher per serial; the same content again gives the same answer."""
    wanted = deposit(message, context.account)
    sender = his_sender(context.account, context.request_id, wanted.cashier)
    made = _desk(context).issue(sender, wanted)
    facts = made.facts
    return {
        **_own_pair(made),
        "billBatchCode": facts.code,
        "billNo": facts.number,
        "random": facts.check_code,
        **_rest(context, made),
    }


def refund(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """writeOffPayMentVoucher: gives back a part or all; the answer names the refund voucher."""
    wanted = _limited(context, taking(message, context.account, with_amount=True))
    made = _desk(context).refund(his_sender(context.account, context.request_id, wanted.operator), wanted)
    return {**_own_pair(made), **_scarlet(made), **_rest(context, made)}


def cancel(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """cancelPayMentVoucherBalance: takes a wrongly issued deposit back; answered like a red bill."""
    wanted = _limited(context, taking(message, context.account, with_amount=False))
    made = _desk(context).cancel(his_sender(context.account, context.request_id, wanted.operator), wanted)
    return {**_own_pair(made), **_scarlet(made), **_rest(context, made)}


def void_paper(context: Context, message: Mapping[str, Any]) -> str:
    """invalidPayMentVoucherPaper: fields of invalidPaper; voiding twice is refused."""
    fields = fields_of(message)
    code = fields.text("pBillBatchCode", "纸质凭证代码", 50, required=True)
    number = fields.text("pBillNo", "纸质凭证号码", 20, required=True)
    author = fields.text("author", "操作人", 100, required=True)
    reason = fields.text("reason", "作废原因", 200, required=True, cut=True)
    refuse_problems(fields)
    sender = his_sender(context.account, context.request_id, author)
    paper.void(context.services, sender.actor, code, number, reason)
    return "操作成功"


def _own_pair(made: Vouched) -> Mapping[str, str]:
    facts = made.facts
    return {"voucherBatchCode": facts.code, "voucherNo": facts.number, "voucherRandom": facts.check_code}


def _scarlet(made: Vouched) -> Mapping[str, str]:
    facts = made.facts
    return {
        "eScarletBillBatchCode": facts.code,
        "eScarletBillNo": facts.number,
        "eScarletRandom": facts.check_code,
    }


def _rest(context: Context, made: Vouched) -> Mapping[str, str]:
    inside, outside, picture = links(context.services, made.token)
    return {
        "createTime": stamp17(made.facts.issued_at),
        "billQRCode": picture,
        "pictureUrl": inside,
        "pictureNetUrl": outside,
    }


HANDLERS: Mapping[str, Handler] = {
    "invoicePayMentVoucher": issue,
    "writeOffPayMentVoucher": refund,
    "cancelPayMentVoucherBalance": cancel,
    "invalidPayMentVoucherPaper": void_paper,
}
