"""Pages of 交付日志 and 渠道设置: every message with its result, dead letters, channels and their settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, request, url_for

from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from admin.pages.delivery.targets import titles
from portal.access import parameters
from portal.access.permissions import Permission
from portal.core.clock import business_day, now
from portal.delivery import operations, queries, requests
from portal.delivery.channels import channels
from portal.delivery.engine.channel import PUSH
from portal.delivery.push import targets
from portal.domain.errors import Refusal
from portal.domain.numbers import bill_number
from portal.domain.states.delivery import AttemptState, DeliveryState, Purpose
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import DELIVERY_ATTEMPT
from portal.web.edge import see_other, services
from portal.web.numbers import row_id, row_ids

STATES = {
    state.value: State(state.title, "ok" if state in queries.GOOD else "red" if state in queries.BAD else "wait")
    for state in AttemptState
}
OBJECTS = {
    "bill": "票据",
    "voucher": "预交金凭证",
    "family": "代取关系",
    "request": "患者申请",
    "code": "验证码",
    "phone": "新手机号",
}
PURPOSES = {purpose.value: purpose.title for purpose in Purpose}
GROUP = "交付"
"""The group of parameters on the page of channels."""


def _about(row: Any) -> str:
    return bill_number(row.bill_code, row.number) if row.bill_code else f"{OBJECTS[row.object_kind]} {row.object_id}"


DELIVERIES = ListPage(
    name="deliveries",
    title="交付日志",
    order=(DELIVERY_ATTEMPT.c.created_at, DELIVERY_ATTEMPT.c.id),
    columns=(
        Column("created_at", "时间", "time"),
        Column("channel", "渠道", value=lambda row: titles().get(row.channel, row.channel)),
        Column("purpose", "目的", value=lambda row: PURPOSES[row.purpose]),
        Column(
            "about",
            "票据",
            "number",
            value=_about,
            link=lambda row: url_for("delivery.one_delivery", delivery_id=row.delivery_id),
        ),
        Column("masked", "收件"),
        Column("state", "状态", "state", states=STATES),
        Column("tries", "次数", "count"),
        Column("message", "说明", value=lambda row: " ".join(filter(None, (row.code, row.message)))),
        Column("ended_at", "结束时间", "time", shown=False),
        Column("read_at", "已读时间", "time", shown=False),
        Column("our_ref", "我方编号", "number", shown=False),
        Column("their_ref", "对方编号", "number", shown=False),
    ),
    filters=(
        Filter(
            "from",
            "从",
            queries.begun_from,
            "date",
            default=lambda: f"{business_day(now()) - timedelta(days=6)}",
        ),
        Filter("to", "到", queries.begun_until, "date"),
        Filter("channel", "渠道", queries.on_channel, "choice", choices=titles),
        Filter("purpose", "目的", queries.for_purpose, "choice", choices=PURPOSES),
        Filter(
            "state",
            "状态",
            queries.in_state,
            "choice",
            choices={queries.DEAD_LETTERS: "死信（需人工处理、结果不明）"}
            | {state.value: state.title for state in AttemptState},
        ),
        Filter("ref", "编号", queries.with_reference),
    ),
    empty="没有符合条件的发送记录。票据监制后会按渠道顺序通知患者，每次发送都记在这里。",
)


@delivery.get("/deliveries")
@requires(Permission.DELIVERY_VIEW, menu="交付日志", order=40)
def deliveries() -> Response:
    """List every message on every channel, newest first; addresses are masked."""
    letters = request.args.get("state") == queries.DEAD_LETTERS
    return respond(DELIVERIES, queries.deliveries(current_staff().unit_id), "delivery/deliveries.html", letters=letters)


@delivery.get("/deliveries/<int:delivery_id>")
@requires(Permission.DELIVERY_VIEW, within="delivery.deliveries")
def one_delivery(delivery_id: int) -> Response:
    """Show one delivery: its order of channels, its attempts, and why others were passed over."""
    with services().database.read() as connection:
        row = queries.delivery(connection, current_staff().unit_id, delivery_id)
        attempts = queries.attempts(connection, delivery_id)
        stopped = queries.stopped_attempts(connection, delivery_id)
        bill = queries.bill_of(connection, row)
    order = [(titles().get(name, name), wait // 60) for name, wait in row.policy]
    again = [state.value for state in operations.AGAIN]
    return page(
        "delivery/delivery.html",
        row=row,
        bill=bill,
        object_title=OBJECTS[row.object_kind],
        attempts=attempts,
        order=order,
        states=STATES,
        titles=titles(),
        purpose=PURPOSES[row.purpose],
        state=DeliveryState(row.state).title,
        again=again if row.state not in (DeliveryState.DONE, DeliveryState.STOPPED) else (),
        uncertain=AttemptState.UNCERTAIN.value,
        stopped=stopped,
    )


@delivery.post("/deliveries/again")
@requires(Permission.DELIVERY_SEND, within="delivery.deliveries")
def send_again() -> Response:
    """Send the chosen ended messages once more."""
    chosen = row_ids(request.form.getlist("attempt"))
    count = operations.send_again(services(), current_actor(), chosen)
    say(f"已重新排队 {count} 条。" if count else "没有可以重发的记录。", "success" if count else "warning")
    back = request.form.get("delivery", 0, type=row_id)
    if back:
        return see_other(url_for("delivery.one_delivery", delivery_id=back))
    return see_other(url_for("delivery.deliveries", state=queries.DEAD_LETTERS))


@delivery.post("/deliveries/<int:attempt_id>/allow")
@requires(Permission.DELIVERY_SEND, within="delivery.deliveries")
def allow_again(attempt_id: int) -> Response:
    """Clear a "不是我": the address was corrected, or belongs to the patient after all."""
    with services().database.read() as connection:
        place = queries.attempt_place(connection, current_staff().unit_id, attempt_id)
    requests.allow_again(services(), current_actor(), place.channel, attempt_id)
    say("已恢复向该地址发送。")
    return see_other(url_for("delivery.one_delivery", delivery_id=place.delivery_id))


@delivery.get("/channels")
@requires(Permission.DELIVERY_VIEW, Permission.DELIVERY_EDIT, menu="渠道设置", order=50)
def channels_page() -> Response:
    """Show every channel with its state and its last day, and the settings of delivery."""
    return _channels_page()


def _channels_page(problem: str = "", status: int = 200) -> Response:
    unit_id, since = current_staff().unit_id, now() - timedelta(days=1)
    with services().database.read() as connection:
        values = parameters.values(connection, unit_id)
        receivers = {row.code: row.active for row in targets.of_unit(connection, unit_id)}
        pauses = queries.pauses(connection, unit_id)
        counts = queries.channel_counts(connection, unit_id, since)
    flags = {
        name: values.get(f"delivery.{name.partition('-')[0]}", True) and receivers.get(name, True) for name in titles()
    }
    return page(
        "delivery/channels.html",
        status,
        titles=titles(),
        values=values,
        flags=flags,
        there=receivers.keys() | {channel.name for channel in channels(services()) if channel.name != PUSH},
        pauses=pauses,
        counts=counts,
        settings=[parameter for parameter in parameters.CATALOGUE.values() if parameter.group == GROUP],
        problem=problem,
    )


@delivery.post("/channels/<string:name>/resume")
@requires(Permission.DELIVERY_EDIT, within="delivery.channels_page")
def resume_channel(name: str) -> Response:
    """Set a channel going again after its set-up was put right."""
    operations.resume(services(), current_actor(), name)
    say("渠道已恢复，排队的消息正在发送。")
    return see_other(url_for("delivery.channels_page"))


@delivery.post("/channels/settings/<string:key>")
@requires(Permission.DELIVERY_EDIT, within="delivery.channels_page")
def change_setting(key: str) -> Response:
    """Set one parameter of delivery."""
    parameter = parameters.CATALOGUE.get(key)
    if parameter is None or parameter.group != GROUP:
        raise Refusal("PAGE_NOT_FOUND")
    try:
        changed = parameters.save(services(), current_actor(), key, request.form.get("value", ""))
    except Refusal as refusal:
        if refusal.code != "INPUT_INVALID":
            raise
        return _channels_page(str(refusal), 422)
    say(f"“{parameter.title}”已保存。" if changed else "没有变化。")
    return see_other(url_for("delivery.channels_page"))
