"""交付日志: one log of every channel; what became of each message; dead letters; channels and their settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, request, url_for
from sqlalchemy import and_, func, select

from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from admin.pages.delivery.targets import titles
from portal.access import parameters
from portal.access.permissions import Permission
from portal.core.clock import business_day, midnight, now
from portal.delivery import operations, requests
from portal.delivery.channels import channels
from portal.delivery.engine.channel import PUSH
from portal.delivery.engine.deliveries import attempts_of
from portal.delivery.push import targets
from portal.domain.delivery import AttemptState, DeliveryState, Purpose
from portal.domain.errors import Refusal
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State, bill_number
from portal.models.tables import BILL, CHANNEL_PAUSE, DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP
from portal.web.edge import see_other, services

_GOOD = (AttemptState.DELIVERED, AttemptState.ACCEPTED, AttemptState.EXPIRED)
_BAD = (AttemptState.FAILED, AttemptState.DEAD, AttemptState.UNCERTAIN)
STATES = {
    state.value: State(state.title, "ok" if state in _GOOD else "red" if state in _BAD else "wait")
    for state in AttemptState
}
LETTERS = "letters"
OBJECTS = {"bill": "票据", "voucher": "预交金凭证", "family": "代取关系", "request": "患者申请", "code": "验证码"}
PURPOSES = {purpose.value: purpose.title for purpose in Purpose}
GROUP = "交付"
"""The group of parameters that the channel page shows."""


def _in_state(value: str) -> Any:
    if value == LETTERS:
        return DELIVERY_ATTEMPT.c.state.in_([state.value for state in operations.LETTERS])
    return DELIVERY_ATTEMPT.c.state == value


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
            lambda day: DELIVERY_ATTEMPT.c.created_at >= midnight(day),
            "date",
            default=lambda: (business_day(now()) - timedelta(days=6)).isoformat(),
        ),
        Filter("to", "到", lambda day: DELIVERY_ATTEMPT.c.created_at < midnight(day + timedelta(days=1)), "date"),
        Filter("channel", "渠道", lambda name: DELIVERY_ATTEMPT.c.channel == name, "choice", choices=titles),
        Filter("purpose", "目的", lambda value: DELIVERY.c.purpose == value, "choice", choices=PURPOSES),
        Filter(
            "state",
            "状态",
            _in_state,
            "choice",
            choices={LETTERS: "死信（需人工处理、结果不明）"} | {state.value: state.title for state in AttemptState},
        ),
        Filter(
            "ref", "编号", lambda text: (DELIVERY_ATTEMPT.c.our_ref == text) | (DELIVERY_ATTEMPT.c.their_ref == text)
        ),
    ),
    empty="没有符合条件的发送记录。票据监制后会按渠道顺序通知患者，每次发送都记在这里。",
)


@delivery.get("/deliveries")
@requires(Permission.DELIVERY_VIEW, menu="交付日志", order=40)
def deliveries() -> Response:
    """Every message on every channel, newest first; addresses masked."""
    joined = DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id).outerjoin(
        BILL, and_(DELIVERY.c.object_kind == "bill", BILL.c.id == DELIVERY.c.object_id)
    )
    columns = [
        column
        for column in DELIVERY_ATTEMPT.c
        if column.name not in ("recipient", "recipient_digest", "effect", "result_class", "step")
    ]
    statement = (
        select(
            *columns, DELIVERY.c.purpose, DELIVERY.c.object_kind, DELIVERY.c.object_id, BILL.c.bill_code, BILL.c.number
        )
        .select_from(joined)
        .where(DELIVERY.c.unit_id == current_staff().unit_id)
    )
    return respond(DELIVERIES, statement, "delivery/deliveries.html", letters=request.args.get("state") == LETTERS)


@delivery.get("/deliveries/<int:delivery_id>")
@requires(Permission.DELIVERY_VIEW, within="delivery.deliveries")
def one_delivery(delivery_id: int) -> Response:
    """One delivery: its order of channels, its attempts, why others were passed over."""
    mine = (DELIVERY.c.id == delivery_id) & (DELIVERY.c.unit_id == current_staff().unit_id)
    with services().database.read() as connection:
        row = connection.execute(select(DELIVERY).where(mine)).one_or_none()
        if row is None:
            raise Refusal("PAGE_NOT_FOUND")
        attempts = attempts_of(connection, delivery_id)
        stopped = set(
            connection.scalars(
                select(DELIVERY_STOP.c.attempt_id).where(DELIVERY_STOP.c.attempt_id.in_([one.id for one in attempts]))
            )
        )
        bill = connection.execute(select(BILL.c.bill_code, BILL.c.number).where(BILL.c.id == row.object_id)).first()
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
    chosen = [int(one) for one in request.form.getlist("attempt") if one.isdecimal() and len(one) < 20]
    count = operations.send_again(services(), current_actor(), chosen)
    say(f"已重新排队 {count} 条。" if count else "没有可以重发的记录。", "success" if count else "warning")
    back = request.form.get("delivery", "")
    if back.isdecimal() and len(back) < 20:
        return see_other(url_for("delivery.one_delivery", delivery_id=int(back)))
    return see_other(url_for("delivery.deliveries", state=LETTERS))


@delivery.post("/deliveries/<int:attempt_id>/allow")
@requires(Permission.DELIVERY_SEND, within="delivery.deliveries")
def allow_again(attempt_id: int) -> Response:
    """A "不是我" is cleared: the address was corrected or belongs to the patient after all."""
    with services().database.read() as connection:
        row = connection.execute(
            select(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.delivery_id).where(
                DELIVERY_ATTEMPT.c.id == attempt_id
            )
        ).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    requests.allow_again(services(), current_actor(), row.channel, attempt_id)
    say("已恢复向该地址发送。")
    return see_other(url_for("delivery.one_delivery", delivery_id=row.delivery_id))


@delivery.get("/channels")
@requires(Permission.DELIVERY_VIEW, Permission.DELIVERY_EDIT, menu="渠道设置", order=50)
def channels_page() -> Response:
    """Each channel: on or off, standing still and why, what it did in the last day; the settings of delivery."""
    return _channels_page()


def _channels_page(problem: str = "", status: int = 200) -> Response:
    unit_id, since = current_staff().unit_id, now() - timedelta(days=1)
    counted = (
        select(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.state, func.count())
        .join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
        .where(DELIVERY.c.unit_id == unit_id, DELIVERY_ATTEMPT.c.created_at >= since)
        .group_by(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.state)
    )
    with services().database.read() as connection:
        values = parameters.values(connection, unit_id)
        receivers = {row.code: row.active for row in targets.of_unit(connection, unit_id)}
        pauses = {
            row.channel: row
            for row in connection.execute(select(CHANNEL_PAUSE).where(CHANNEL_PAUSE.c.unit_id == unit_id))
        }
        counts: dict[str, dict[str, int]] = {}
        for channel, state, count in connection.execute(counted):
            group = "good" if state in _GOOD else "bad" if state in _BAD else "open"
            counts.setdefault(channel, {})[group] = counts.get(channel, {}).get(group, 0) + count
    known = parameters.CATALOGUE.values()
    flags = {
        name: values.get(f"delivery.{name.partition('-')[0]}", True) and receivers.get(name, True) for name in titles()
    }
    return page(
        "delivery/channels.html",
        status,
        titles=titles(),
        values=values,
        flags=flags,
        there=receivers.keys() | {one.name for one in channels(services()) if one.name != PUSH},
        pauses=pauses,
        counts=counts,
        settings=[one for one in known if one.group == GROUP],
        problem=problem,
    )


@delivery.post("/channels/<string:name>/resume")
@requires(Permission.DELIVERY_EDIT, within="delivery.channels_page")
def resume_channel(name: str) -> Response:
    """The set-up is right again: go on with what waits."""
    operations.resume(services(), current_actor(), name)
    say("渠道已恢复，排队的消息正在发送。")
    return see_other(url_for("delivery.channels_page"))


@delivery.post("/channels/settings/<string:key>")
@requires(Permission.DELIVERY_EDIT, within="delivery.channels_page")
def change_setting(key: str) -> Response:
    """Set one parameter of delivery."""
    known = parameters.CATALOGUE.get(key)
    if known is None or known.group != GROUP:
        raise Refusal("PAGE_NOT_FOUND")
    try:
        with services().database.write() as connection:
            changed = parameters.change(connection, key, request.form.get("value", ""), current_actor())
    except Refusal as refusal:
        if refusal.code != "INPUT_INVALID":
            raise
        return _channels_page(str(refusal), 422)
    say(f"“{known.title}”已保存。" if changed else "没有变化。")
    return see_other(url_for("delivery.channels_page"))
