"""推送目标: who hears of bills over HTTP: the HIS, the hospital's APP, a bank's APP; address, events, names, keys."""

from __future__ import annotations

from flask import Response, g, request, url_for
from sqlalchemy import select

from admin.kit.forms import BooleanField, Form, SelectField, SelectMultipleField, Text, choices, required
from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access.permissions import Permission
from portal.delivery.channels.app import AppPush
from portal.delivery.engine.channel import PUSH, TITLES
from portal.delivery.push import events, targets
from portal.delivery.push.targets import Facts
from portal.domain.delivery import Accepted, Bug, Result
from portal.domain.errors import Refusal
from portal.listing.columns import Column
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import PUSH_TARGET
from portal.web.edge import see_other, services

OWN, OTHER = "own", "other"
TRIES = [(str(count), words) for count, words in targets.TRIES.items()]

TARGETS = ListPage(
    name="push-targets",
    title="推送目标",
    order=(PUSH_TARGET.c.id,),
    ascending=True,
    columns=(
        Column("code", "渠道代码", link=lambda row: url_for("delivery.push_target", target_id=row.id)),
        Column("name", "名称", "long"),
        Column("url", "推送地址", "long"),
        Column("active", "状态", "state", states={True: State("启用", "ok"), False: State("停用", "red")}),
        Column("events", "事件", value=lambda row: "、".join(events.EVENTS[one] for one in row.events)),
        Column("consent", "接收方", value=lambda row: "第三方" if row.consent else "本院"),
        Column(
            "keys",
            "密钥",
            "state",
            value=lambda row: row.next_key is not None,
            states={True: State("新密钥待启用", "wait"), False: State("一个密钥")},
        ),
    ),
    empty="还没有推送目标。新增后，有 HIS 患者编号的票据开具、冲红、换开时会推送到该地址。",
)


class TargetForm(Form):
    """What is set of a target."""

    name = Text("名称", [required], most=40, description="例如：医院 APP、某银行 APP")
    url = Text(
        "推送地址", [required], most=300, description="接收方的完整地址；院内主机须先由运维登记，院外地址须用 https"
    )
    active = BooleanField("启用（停用后不再推送，排队的不再发出）")
    events = SelectMultipleField("推送的事件", choices=choices(events.EVENTS.items()))
    tries = SelectField(
        "对方无应答时",
        coerce=int,
        choices=choices((str(count), f"共尝试 {words}") for count, words in targets.TRIES.items()),
    )
    receipts = BooleanField("对方会回传送达、已读、失败（回执）")
    party = SelectField("接收方", choices=choices([(OWN, "本院系统"), (OTHER, "第三方（如银行）")]))
    consent = Text(
        "患者单独同意的依据", most=200, description="接收方为第三方时必填，写明患者的单独同意在哪里取得、保存"
    )

    def facts(self) -> Facts:
        """What was typed. Raises INPUT_INVALID."""
        consent = self.consent.data if self.party.data == OTHER else ""
        if self.party.data == OTHER and not consent:
            raise Refusal("INPUT_INVALID", reason="第三方接收方须写明患者单独同意的依据")
        return Facts(
            self.name.data,
            self.url.data,
            self.active.data,
            tuple(self.events.data),
            self.receipts.data,
            self.tries.data,
            consent,
        )


def titles() -> dict[str, str]:
    """Every channel of the signed-in person's unit, and its word on screen: each push target by its name."""
    if "channel_titles" not in g:
        with services().database.read() as connection:
            rows = targets.of_unit(connection, current_staff().unit_id)
        named = {row.code: f"推送：{row.name}" for row in rows}
        g.channel_titles = {PUSH: TITLES[PUSH]} | TITLES | named
    found: dict[str, str] = g.channel_titles
    return found


@delivery.get("/push-targets")
@requires(Permission.DELIVERY_EDIT, menu="推送目标", order=55)
def push_targets() -> Response:
    """The unit's push targets."""
    return respond(
        TARGETS,
        select(PUSH_TARGET).where(PUSH_TARGET.c.unit_id == current_staff().unit_id),
        "delivery/push_targets.html",
    )


@delivery.route("/push-targets/new", methods=["GET", "POST"])
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def new_push_target() -> Response:
    """Another receiver."""
    form, problem = TargetForm(data={"active": True, "events": list(events.EVENTS), "tries": 7}), ""
    if form.accepted():
        try:
            target_id = targets.create(services(), current_actor(), form.facts())
        except Refusal as refusal:
            problem = str(refusal)
        else:
            say("已新增推送目标。请在本页显示密钥并交给接收方，密钥只显示一次。")
            return see_other(url_for("delivery.push_target", target_id=target_id))
    back = url_for("delivery.push_targets")
    status = 422 if problem or form.errors else 200
    return page("kit/form.html", status, title="新增推送目标", form=form, verb="新增", back=back, problem=problem)


@delivery.route("/push-targets/<int:target_id>", methods=["GET", "POST"])
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def push_target(target_id: int) -> Response:
    """One target: keys, test, what is set, the receiver's own names."""
    with services().database.read() as connection:
        row = targets.own(connection, current_actor(), target_id)
    values = {name: getattr(row, name) for name in Facts.__slots__}
    form, problem = TargetForm(data=values | {"party": OTHER if row.consent else OWN}), ""
    if form.accepted():
        try:
            changed = targets.change(services(), current_actor(), target_id, form.facts())
        except Refusal as refusal:
            problem = str(refusal)
        else:
            say("已保存。" if changed else "没有变化。")
            return see_other(url_for("delivery.push_target", target_id=target_id))
    return _target_page(row, form, problem)


def _target_page(row: object, form: TargetForm, problem: str, names: dict[str, str] | None = None) -> Response:
    kept = {key: row.fields.get(key, key) for key in events.FIELDS}  # type: ignore[attr-defined]
    return page(
        "delivery/push_target.html",
        422 if problem or form.errors else 200,
        row=row,
        form=form,
        problem=problem,
        names=names or kept,
        words=events.FIELDS,
        callback=f"{services().settings.base}/his-callback",
    )


@delivery.post("/push-targets/<int:target_id>/fields")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def name_push_fields(target_id: int) -> Response:
    """字段对照: the receiver's own names."""
    names = {key: request.form.get(key, "") for key in events.FIELDS}
    try:
        changed = targets.rename(services(), current_actor(), target_id, names)
    except Refusal as refusal:
        if refusal.code != "INPUT_INVALID":
            raise
        with services().database.read() as connection:
            row = targets.own(connection, current_actor(), target_id)
        values = {name: getattr(row, name) for name in Facts.__slots__}
        form = TargetForm(fresh=True, data=values | {"party": OTHER if row.consent else OWN})
        return _target_page(row, form, str(refusal), names)
    say("字段对照已保存。" if changed else "没有变化。")
    return see_other(url_for("delivery.push_target", target_id=target_id))


@delivery.post("/push-targets/<int:target_id>/renew")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def renew_push_key(target_id: int) -> Response:
    """A next key beside the present one."""
    targets.renew(services(), current_actor(), target_id)
    say("已生成新密钥；在启用之前仍用旧密钥签名，新密钥的签名一并发送。请显示新密钥并交给接收方。")
    return see_other(url_for("delivery.push_target", target_id=target_id))


@delivery.post("/push-targets/<int:target_id>/key")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def show_push_key(target_id: int) -> Response:
    """The newest key, this once."""
    key_id, key = targets.look(services(), current_actor(), target_id)
    return page("delivery/push_key.html", key_id=key_id, key=key, target_id=target_id)


@delivery.post("/push-targets/<int:target_id>/change-over")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def change_over_push_key(target_id: int) -> Response:
    """The receiver has the next key: sign with it."""
    targets.change_over(services(), current_actor(), target_id)
    say("已启用新密钥，旧密钥不再有效。")
    return see_other(url_for("delivery.push_target", target_id=target_id))


@delivery.post("/push-targets/<int:target_id>/test")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def test_push_target(target_id: int) -> Response:
    """A test event about nobody, sent at once; the answer in words."""
    row = targets.tested(services(), current_actor(), target_id)
    result = AppPush(services().settings).of(services(), row).test(services())
    good = isinstance(result, Accepted)
    say(
        "测试消息已发送，对方确认收到。" if good else f"测试没有成功：{_words(result)}",
        "success" if good else "warning",
    )
    return see_other(url_for("delivery.push_target", target_id=target_id))


def _words(result: Result) -> str:
    if isinstance(result, Bug):
        return f"对方不接受内容（{result.code}）"
    reason, code = getattr(result, "reason", ""), getattr(result, "code", "")
    return {
        "ConnectError": "连接不上，请核对地址、端口和防火墙",
        "ConnectTimeout": "连接超时，请核对地址、端口和防火墙",
        "ReadTimeout": "已连接，但对方没有及时应答",
    }.get(reason, f"{reason}（{code}）" if code else reason)
