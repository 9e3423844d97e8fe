"""Pages of 推送目标: receivers of bill events over HTTP, with address, events, field names and keys."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import BooleanField, Form, SelectField, SelectMultipleField, Text, choices, required
from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access.permissions import Permission
from portal.delivery.channels import TITLES
from portal.delivery.channels.app import AppPush
from portal.delivery.engine.channel import PUSH
from portal.delivery.push import events, targets
from portal.delivery.push.targets import Facts
from portal.domain.errors import Refusal
from portal.domain.states.delivery import Accepted, Bug, Result
from portal.listing.columns import Column
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models import PushTarget
from portal.models.tables import PUSH_TARGET
from portal.web.edge import see_other, services

OWN, OTHER = "own", "other"

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
        Column("events", "事件", value=lambda row: "、".join(events.EVENTS[event] for event in row.events)),
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
    """The facts of a target."""

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
        """Return the facts as they were typed. Raises INPUT_INVALID."""
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
    """Return every channel of the signed-in person's unit with its word on screen; a push target goes by its name."""
    if "channel_titles" not in g:
        with services().database.read() as connection:
            rows = targets.of_unit(connection, current_staff().unit_id)
        names = {row.code: f"推送：{row.name}" for row in rows}
        g.channel_titles = {PUSH: TITLES[PUSH], **TITLES, **names}
    channel_titles: dict[str, str] = g.channel_titles
    return channel_titles


@delivery.get("/push-targets")
@requires(Permission.DELIVERY_EDIT, menu="推送目标", order=55)
def push_targets() -> Response:
    """List the unit's push targets."""
    return respond(TARGETS, targets.listed(current_staff().unit_id), "delivery/push_targets.html")


@delivery.route("/push-targets/new", methods=["GET", "POST"])
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def new_push_target() -> Response:
    """Add a target."""
    form = TargetForm(data={"active": True, "events": list(events.EVENTS), "tries": 7})

    def act() -> str:
        target_id = targets.create(services(), current_actor(), form.facts())
        say("已新增推送目标。请在本页显示密钥并交给接收方，密钥只显示一次。")
        return url_for("delivery.push_target", target_id=target_id)

    return form_page(form, act, title="新增推送目标", verb="新增", back=url_for("delivery.push_targets"))


@delivery.route("/push-targets/<int:target_id>", methods=["GET", "POST"])
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def push_target(target_id: int) -> Response:
    """Show one target with its keys, and change its facts; tests and the receiver's own names stand beside."""
    target = _target(target_id)
    form = _form(target)

    def act() -> str:
        changed = targets.change(services(), current_actor(), target_id, form.facts())
        say("已保存。" if changed else "没有变化。")
        return url_for("delivery.push_target", target_id=target_id)

    title, back = f"推送目标 {target.name}", url_for("delivery.push_targets")
    return form_page(form, act, title=title, back=back, template="delivery/push_target.html", **_beside(target))


def _target(target_id: int) -> PushTarget:
    with services().database.read() as connection:
        return targets.find(connection, current_staff().unit_id, target_id)


def _form(target: PushTarget, fresh: bool = False) -> TargetForm:
    values = {name: getattr(target, name) for name in Facts.__slots__}
    return TargetForm(fresh=fresh, data=values | {"party": OTHER if target.consent else OWN})


def _beside(target: PushTarget, names: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the values of the page that are not in the form of the facts."""
    present = {key: target.fields.get(key, key) for key in events.FIELDS}
    callback = f"{services().settings.base}/his-callback"
    return {"row": target, "names": names or present, "words": events.FIELDS, "callback": callback}


@delivery.post("/push-targets/<int:target_id>/fields")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def name_push_fields(target_id: int) -> Response:
    """Set the receiver's own names of fields (字段对照)."""
    names = {key: request.form.get(key, "") for key in events.FIELDS}
    try:
        changed = targets.rename(services(), current_actor(), target_id, names)
    except Refusal as refusal:
        if refusal.code != "INPUT_INVALID":
            raise
        target = _target(target_id)
        form, beside = _form(target, fresh=True), _beside(target, names)
        return page("delivery/push_target.html", 422, form=form, problem=str(refusal), **beside)
    say("字段对照已保存。" if changed else "没有变化。")
    return see_other(url_for("delivery.push_target", target_id=target_id))


@delivery.post("/push-targets/<int:target_id>/renew")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def renew_push_key(target_id: int) -> Response:
    """Make a next key beside the present one."""
    targets.renew(services(), current_actor(), target_id)
    say("已生成新密钥；在启用之前仍用旧密钥签名，新密钥的签名一并发送。请显示新密钥并交给接收方。")
    return see_other(url_for("delivery.push_target", target_id=target_id))


@delivery.post("/push-targets/<int:target_id>/key")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def show_push_key(target_id: int) -> Response:
    """Show the newest key, this once."""
    key_id, key = targets.look(services(), current_actor(), target_id)
    return page("delivery/push_key.html", key_id=key_id, key=key, target_id=target_id)


@delivery.post("/push-targets/<int:target_id>/change-over")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def change_over_push_key(target_id: int) -> Response:
    """Sign with the next key, which the receiver has by now."""
    targets.change_over(services(), current_actor(), target_id)
    say("已启用新密钥，旧密钥不再有效。")
    return see_other(url_for("delivery.push_target", target_id=target_id))


@delivery.post("/push-targets/<int:target_id>/test")
@requires(Permission.DELIVERY_EDIT, within="delivery.push_targets")
def test_push_target(target_id: int) -> Response:
    """Send a test event about nobody at once, and tell the answer in words."""
    target = targets.tested(services(), current_actor(), target_id)
    result = AppPush(services().settings).of(services(), target).test(services())
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
