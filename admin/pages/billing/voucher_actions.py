"""预交金凭证 at the desk: forms to issue, refund and take back a deposit, and to void its sheet."""

from __future__ import annotations

import json

from flask import Response, url_for
from wtforms import ValidationError

from admin.kit.form_page import form_page
from admin.kit.forms import Form, SelectField, Text, TextArea, YuanField, choices, length, required
from admin.kit.groups import billing
from admin.kit.guard import posted_token
from admin.kit.page import say
from admin.kit.second_look import look_twice
from admin.kit.security import current_actor, current_point, requires
from admin.pages.billing.paper import Subject, exchange_dialog
from admin.pages.billing.vouchers import own_voucher
from portal.access.his.accounts import console
from portal.access.permissions import Permission
from portal.core.clock import now
from portal.domain.documents.manual_input import ID_TYPES
from portal.domain.documents.settlement import CHANNELS, Payer, Payment
from portal.domain.documents.voucher import Admission, Deposit, Taking, VoucherForm, VoucherScene
from portal.domain.errors import Refusal
from portal.domain.identity import WHICH_PHONES, is_id_card, is_phone
from portal.domain.money import commas
from portal.issuing.vouchers import approvals, paper
from portal.issuing.vouchers import issue as deposit_limits
from portal.issuing.vouchers.issue import Sender, VoucherService
from portal.ledger import vouchers
from portal.ledger.vouchers import VoucherFacts
from portal.web.edge import runtime, services

ASKED = "金额较大，已提交复核；另一人同意后自动办理。"
PAID_BY = ("cash", "pos", "wechat", "alipay", "transfer", "cheque", "card", "other")


def _positive(_form: Form, field: YuanField) -> None:
    if field.data is not None and field.data <= 0:
        raise ValidationError("金额必须大于 0")


class DepositForm(Form):
    """A deposit taken at the desk."""

    scene = SelectField("用途", choices=choices((scene.value, scene.title) for scene in VoucherScene))
    payer = Text("患者姓名", [required], most=100)
    id_type = SelectField("证件类型", choices=choices(ID_TYPES))
    id_no = Text("证件号码", most=20, description="没有证件可以不填；填写后患者凭证件号能查到")
    phone = Text("手机号", most=20)
    hospital_no = Text("住院号", most=20, description="住院预交金必填，结算时按住院号核对")
    visit_no = Text("住院就诊编号", most=20)
    department = Text("科室", most=100)
    amount = YuanField("金额（元）", [required, _positive])
    channel = SelectField("缴费方式", choices=choices((code, CHANNELS[code]) for code in PAID_BY))
    drawee = Text("缴款人", most=50, description="代缴时填写")
    remark = Text("备注", most=200)

    def validate_id_no(self, field: Text) -> None:
        """Check the check character of an ID number."""
        if field.data and self.id_type.data == "id_card" and not is_id_card(field.data):
            raise ValidationError("身份证号码不正确，请核对 18 位号码")

    def validate_phone(self, field: Text) -> None:
        """Check that it is a mobile number."""
        if field.data and not is_phone(field.data):
            raise ValidationError(f"手机号{WHICH_PHONES}")

    def validate_hospital_no(self, field: Text) -> None:
        """Check that a deposit for a stay names the stay."""
        if self.scene.data == VoucherScene.INPATIENT.value and not field.data:
            raise ValidationError("住院预交金请填写住院号")


class RefundForm(Form):
    """A refund."""

    amount = YuanField("退款金额（元）", [required, _positive])
    reason = Text("退款原因", [required], most=200)


class ReasonForm(Form):
    """The reason why something is taken back or made void."""

    reason = TextArea("原因", [required, length(1, 200)])


def _service() -> VoucherService:
    return runtime().vouchers


def _sender() -> Sender:
    actor = current_actor()
    return Sender(console(services().database, actor.unit_id), actor)


@billing.route("/vouchers/new", methods=["GET", "POST"])
@requires(Permission.VOUCHERS_ISSUE, within="billing.vouchers")
def new_voucher() -> Response:
    """Take a deposit and issue its voucher."""
    form, point = DepositForm(), current_point()

    def act() -> str:
        look_twice(form.amount.data or 0, deposit_limits.SECOND_LOOK)
        issued = _service().issue(_sender(), _deposit(form, point.code)).facts
        say(f"已开具预交金凭证 {issued.pair}，金额 {commas(issued.amount_fen)} 元。")
        return url_for("billing.voucher", voucher_id=issued.voucher_id)

    return form_page(
        form,
        act,
        title="开具预交金凭证",
        back=url_for("billing.vouchers"),
        template="billing/voucher_new.html",
        verb="收款并开具",
        lead=f"开票点：{point.code} {point.name}",
    )


def _deposit(form: DepositForm, point_code: str) -> Deposit:
    actor = current_actor()
    typed = {name: value for name, value in form.data.items() if value}
    amount = form.amount.data or 0
    return Deposit(
        serial=f"YJ{posted_token()}"[:50],
        scene=VoucherScene(form.scene.data),
        point_code=point_code,
        business_at=now(),
        payer=Payer(
            "1", form.payer.data, form.id_type.data if form.id_no.data else "", form.id_no.data, form.phone.data
        ),
        amount_fen=amount,
        cashier=actor.name,
        author=actor.name,
        admission=Admission(form.hospital_no.data, form.visit_no.data, form.department.data),
        drawee=form.drawee.data,
        payments=(Payment(form.channel.data, amount),),
        remark=form.remark.data,
        sent=json.dumps(typed, ensure_ascii=False, sort_keys=True),
    )


@billing.route("/vouchers/<int:voucher_id>/refund", methods=["GET", "POST"])
@requires(Permission.VOUCHERS_REFUND, within="billing.vouchers")
def refund_voucher(voucher_id: int) -> Response:
    """Refund a part or all of the balance of a deposit."""
    facts = own_voucher(voucher_id)
    form = RefundForm(data={"amount": facts.balance_fen})
    back = url_for("billing.voucher", voucher_id=voucher_id)

    def act() -> str:
        taking = _taking(facts, form.reason.data, form.amount.data)
        taken = approvals.take_or_ask(_service(), _sender(), VoucherForm.REFUND, taking)
        if taken is None:
            say(ASKED, "warning")
        else:
            say(f"已退款 {commas(taken.facts.amount_fen)} 元，退款凭证 {taken.facts.pair}。")
        return back

    lead = f"凭证 {facts.pair}，余额 {commas(facts.balance_fen)} 元。退款会生成一张退款凭证。"
    return form_page(form, act, title="预交金退款", back=back, verb="退款", lead=lead)


@billing.route("/vouchers/<int:voucher_id>/cancel", methods=["GET", "POST"])
@requires(Permission.VOUCHERS_REFUND, within="billing.vouchers")
def cancel_voucher(voucher_id: int) -> Response:
    """Take a wrongly issued deposit back."""
    facts, form = own_voucher(voucher_id), ReasonForm()
    back = url_for("billing.voucher", voucher_id=voucher_id)

    def act() -> str:
        taking = _taking(facts, form.reason.data)
        taken = approvals.take_or_ask(_service(), _sender(), VoucherForm.CANCELLATION, taking)
        if taken is None:
            say(ASKED, "warning")
        else:
            say(f"已撤销凭证 {facts.pair}，红字凭证 {taken.facts.pair}。")
        return back

    lead = f"凭证 {facts.pair}，余额 {commas(facts.balance_fen)} 元将全部撤销，不能恢复。"
    lead += "只用于开错的凭证；退钱请用“退款”。"
    return form_page(form, act, title="撤销预交金凭证", back=back, verb="撤销", lead=lead, danger=True)


def _taking(facts: VoucherFacts, reason: str, amount_fen: int | None = None) -> Taking:
    return Taking(
        code=facts.code,
        number=facts.number,
        point_code=current_point().code,
        business_at=now(),
        operator=current_actor().name,
        reason=reason,
        amount_fen=amount_fen,
        serial=f"TK{posted_token()}"[:50],
    )


@billing.route("/vouchers/<int:voucher_id>/exchange", methods=["GET", "POST"])
@requires(Permission.PAPER_EXCHANGE, within="billing.vouchers")
def exchange_voucher(voucher_id: int) -> Response:
    """Give a deposit a sheet of the point's voucher paper."""
    return exchange_dialog(_subject(voucher_id), again=False)


@billing.route("/vouchers/<int:voucher_id>/re-exchange", methods=["GET", "POST"])
@requires(Permission.PAPER_EXCHANGE, within="billing.vouchers")
def re_exchange_voucher(voucher_id: int) -> Response:
    """Exchange a deposit anew: the sheet in force is taken back."""
    return exchange_dialog(_subject(voucher_id), again=True)


def _subject(voucher_id: int) -> Subject:
    facts = own_voucher(voucher_id)
    with services().database.read() as connection:
        old = vouchers.valid_paper(connection, voucher_id)
        code = paper.code_for(connection, voucher_id, current_point().id)
    return Subject(
        "admin/billing/voucher_head.html",
        {"voucher": facts},
        voucher_id,
        facts.pair,
        old,
        code,
        url_for("billing.voucher", voucher_id=voucher_id),
        paper.exchange,
        paper.re_exchange,
    )


@billing.route("/vouchers/<int:voucher_id>/void-paper", methods=["GET", "POST"])
@requires(Permission.VOUCHERS_REFUND, within="billing.vouchers")
def void_voucher_paper(voucher_id: int) -> Response:
    """Make the valid sheet of a voucher void."""
    facts = own_voucher(voucher_id)
    with services().database.read() as connection:
        sheet = vouchers.valid_paper(connection, voucher_id)
    if not sheet:
        raise Refusal("VOUCHER_PAPER", paper=facts.pair, state="没有有效的纸质凭证")
    form, back = ReasonForm(), url_for("billing.voucher", voucher_id=voucher_id)

    def act() -> str:
        code, _, number = sheet.rpartition(" ")
        paper.void(services(), current_actor(), code, number, form.reason.data)
        say(f"已作废纸质凭证 {sheet}。")
        return back

    lead = f"纸质凭证 {sheet}。作废后可以重新打印，或撤销凭证。"
    return form_page(form, act, title="作废纸质凭证", back=back, shown=(), verb="作废", lead=lead, danger=True)
