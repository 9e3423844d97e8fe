"""Drives deliveries: begins the next channel, sends, and writes down what came of it (docs/delivery.md).

No database connection is held while a provider is spoken to: :meth:`Engine._take` books the try and commits, the
channel is called, :meth:`Engine._record` writes the result if the try is still the one that was booked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, select, update

from portal.access import parameters
from portal.core.clock import local, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery import link_alerts
from portal.delivery.channels import TITLES
from portal.delivery.engine import messages, receipts, results, triggers
from portal.delivery.engine.channel import Asking, Channel, Family, Message, Naming, Pacing, Target, lane_of
from portal.delivery.engine.deliveries import NEXT_TOPIC, SEND_TOPIC, call_next, conclude, hold, insert_once, topic_of
from portal.delivery.engine.results import Try
from portal.domain.delivery import (
    AttemptState,
    Config,
    DeliveryState,
    Later,
    NotSent,
    Purpose,
    Result,
    Unknown,
    mask_address,
    quiet_until,
)
from portal.models.tables import CHANNEL_PAUSE, DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP
from portal.outbox import tasks
from portal.outbox.tasks import Outcome, Task
from portal.providers.breaker import Breaker

log = structlog.get_logger("qupiao.delivery")

Handler = Callable[[Services, Task], Outcome]

LEASE = 60.0
"""Seconds after which a try that nobody has finished counts as interrupted; the outbox lease is as long."""
HELD = 60.0
"""Seconds between two looks at a channel that stands still."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A try that was booked: what to send, and whether to ask instead."""

    tried: Try
    message: Message
    asking: bool


class Engine:
    """Delivery of one process. ``scale`` shortens every pause (tests, soaks); safe for many threads."""

    def __init__(self, channels: Iterable[Channel | Family], scale: float = 1.0) -> None:
        self.lanes: Mapping[str, Channel | Family] = {channel.name: channel for channel in channels}
        self._scale = scale
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def handlers(self) -> dict[str, Handler]:
        """Every outbox topic of delivery and what does it."""
        sending = {f"{SEND_TOPIC}{name}": partial(self._send, one) for name, one in self.lanes.items()}
        return {
            NEXT_TOPIC: self._next,
            triggers.SUPERVISED_TOPIC: triggers.supervised,
            triggers.REVERSED_TOPIC: triggers.reversed_bill,
            triggers.EXCHANGED_TOPIC: triggers.exchanged,
            link_alerts.TELL_TOPIC: link_alerts.tell,
            receipts.SWEEP_TOPIC: receipts.sweep,
            **sending,
        }

    # --- the next channel ---

    def _next(self, services: Services, task: Task) -> Outcome:
        """Begin the step of ``task.payload`` unless the delivery has gone on or come to its end."""
        with services.database.write() as connection:
            row = hold(connection, int(task.payload["delivery"]))
            if row is None or row.state != DeliveryState.OPEN or row.step > int(task.payload["step"]):
                return tasks.Done()
            if conclude(connection, row) is not DeliveryState.OPEN and row.step < len(row.policy):
                return tasks.Done()
            self._begin(services, connection, row)
        return tasks.Done()

    def _begin(self, services: Services, connection: Connection, row: Any) -> None:
        told = messages.facts(services, connection, row.unit_id, row.object_kind, row.object_id)
        if told is None or (told.reversed and row.purpose != Purpose.REVERSED):
            triggers.stop(connection, row, "票据已冲红" if told else "票据不存在")
            return
        on = parameters.values(connection, row.unit_id)
        passed: list[str] = []
        for step in range(row.step, len(row.policy)):
            name, wait = row.policy[step]
            channel = self._channel(services, connection, row.unit_id, name)
            why = self._start(services, connection, row, step, channel, on)
            if not why:
                _went_on(connection, row, step + 1, passed)
                if wait and step + 1 < len(row.policy):
                    call_next(connection, row.id, step + 1, now() + timedelta(seconds=wait * self._scale))
                return
            passed.append(f"{channel.title if channel else TITLES.get(name, name)}：{why}")
        _went_on(connection, row, len(row.policy), passed)
        conclude(connection, hold(connection, row.id))

    def _channel(self, services: Services, connection: Connection, unit_id: int, name: str) -> Channel | None:
        lane = self.lanes.get(lane_of(name))
        return lane.member(services, connection, unit_id, name) if isinstance(lane, Family) else lane

    def _start(
        self,
        services: Services,
        connection: Connection,
        row: Any,
        step: int,
        channel: Channel | None,
        on: Mapping[str, Any],
    ) -> str:
        """Write the attempt of a step and its task; why not, when there is none."""
        if channel is None:
            return "未接入"
        name = channel.name
        if not on.get(channel.setting, True):
            return "未启用"
        target = Target(row.unit_id, row.object_kind, row.object_id, Purpose(row.purpose))
        if row.recipient is not None:
            address = services.cipher.decrypt_text("delivery.recipient", row.id, row.recipient)
        else:
            address = channel.recipient(services, connection, target)
        if not address:
            return "没有收件信息"
        digest = services.index.digest(f"recipient.{name}", address)
        stopped = (
            (DELIVERY_STOP.c.unit_id == row.unit_id)
            & (DELIVERY_STOP.c.channel == name)
            & (DELIVERY_STOP.c.recipient_digest == digest)
        )
        if connection.scalar(select(DELIVERY_STOP.c.channel).where(stopped)):
            return "收件人已停收"
        attempt_id, moment = new_id(), now()
        effect = f"{row.object_kind}\0{row.object_id}\0{row.purpose}\0{row.version}\0{name}\0{address}"
        due = moment
        if channel.disturbs and row.purpose not in (Purpose.REQUESTED, Purpose.READY):
            due = quiet_until(on["delivery.quiet"], local(moment))
        values = {
            "id": attempt_id,
            "delivery_id": row.id,
            "step": step,
            "channel": name,
            "provider": channel.provider,
            "effect": services.index.digest("effect", effect),
            "recipient": services.cipher.encrypt("delivery_attempt.recipient", attempt_id, address),
            "recipient_digest": digest,
            "masked": mask_address(name, address),
            "our_ref": (ref := f"qp{attempt_id}"),
            "their_ref": channel.their_ref(ref) if isinstance(channel, Naming) else "",
            "state": AttemptState.QUEUED.value,
            "result_class": "",
            "code": "",
            "message": "",
            "tries": 0,
            "blind": 0,
            "asked": 0,
            "created_at": moment,
            "sent_at": None,
            "next_at": due,
            "ended_at": None,
        }
        if not insert_once(connection, DELIVERY_ATTEMPT, values):
            return "同一内容已发往同一收件人"
        topic = topic_of(name)
        tasks.enqueue(
            connection, topic, f"{topic}:{attempt_id}", {"attempt": attempt_id}, None if due == moment else due
        )
        return ""

    # --- one message ---

    def _send(self, lane: Channel | Family, services: Services, task: Task) -> Outcome:
        """One try of the attempt of ``task.payload``, or one question whether the last one went out."""
        attempt_id = int(task.payload["attempt"])
        channel = self._member(lane, services, attempt_id) if isinstance(lane, Family) else lane
        if channel is None:
            return tasks.Dead("没有这个渠道")
        breaker = self._breakers.setdefault((channel.provider, channel.account), Breaker())
        if pause := breaker.wait():
            return tasks.Retry(f"{channel.title}连续无应答，暂停联系", pause * self._scale)
        taken = self._take(channel, services, attempt_id)
        if not isinstance(taken, _Taken):
            return taken
        result = self._call(channel, services, taken)
        if isinstance(result, Unknown) or (isinstance(result, NotSent) and result.after is None):
            if breaker.failed():
                log.error("delivery.provider_away", channel=channel.name, code=result.code, reason=result.reason)
        else:
            breaker.succeeded()
        return results.record(services, channel, taken.tried, result, self._scale)

    def _member(self, lane: Family, services: Services, attempt_id: int) -> Channel | None:
        named = select(DELIVERY.c.unit_id, DELIVERY_ATTEMPT.c.channel).select_from(
            DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
        )
        with services.database.read() as connection:
            row = connection.execute(named.where(DELIVERY_ATTEMPT.c.id == attempt_id)).one_or_none()
            return None if row is None else lane.member(services, connection, row.unit_id, row.channel)

    def _call(self, channel: Channel, services: Services, taken: _Taken) -> Result | None:
        try:
            if taken.asking and isinstance(channel, Asking):
                found = channel.find(services, taken.message)
                # A question that could not be put says nothing about the message.
                return Unknown(found.reason, found.code) if isinstance(found, NotSent | Later | Config) else found
            return channel.send(services, taken.message)
        except Exception as error:  # noqa: BLE001 - it may have gone out; its text may quote an address
            log.error("delivery.channel_failed", channel=channel.name, error=type(error).__name__)
            return Unknown(type(error).__name__, "EXCEPTION")

    def _take(self, channel: Channel, services: Services, attempt_id: int) -> _Taken | Outcome:
        """Book a try: ``queued`` becomes ``sending`` and is committed, or what to do instead."""
        with services.database.write() as connection:
            delivery_id = connection.scalar(
                select(DELIVERY_ATTEMPT.c.delivery_id).where(DELIVERY_ATTEMPT.c.id == attempt_id)
            )
            delivery = None if delivery_id is None else hold(connection, delivery_id)
            if delivery is None:
                return tasks.Dead("没有这次发送")
            attempt = connection.execute(select(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == attempt_id)).one()
            state, moment = AttemptState(attempt.state), now()
            if not state.active:
                return tasks.Done()
            if state is AttemptState.SENDING:
                return self._interrupted(connection, channel, attempt, delivery)
            if attempt.next_at is not None and attempt.next_at > moment:
                return tasks.Retry("未到时间", (attempt.next_at - moment).total_seconds())
            told = messages.facts(services, connection, delivery.unit_id, delivery.object_kind, delivery.object_id)
            if told is None:
                return tasks.Dead("票据不存在")
            if state is not AttemptState.ASKING and (over := self._over(connection, attempt, delivery, told)):
                return over
            unsure = attempt.sent_at is not None
            asking = state is AttemptState.ASKING
            if unsure and not asking and not attempt.blind and _forgotten(channel, attempt, moment):
                tried = _try(attempt, delivery, asking, unsure)
                late = Unknown("对方已不记得我方编号", "FORGOTTEN")
                return results.write(connection, channel, tried, late, self._scale, state)
            address = services.cipher.decrypt_text("delivery_attempt.recipient", attempt_id, attempt.recipient)
            if isinstance(channel, Pacing) and (pause := channel.pace(address)):
                return tasks.Retry("收件方限速，排队中", pause * self._scale)
            booked: dict[str, Any] = {
                "state": AttemptState.SENDING.value,
                "next_at": moment + timedelta(seconds=LEASE * self._scale),
            }
            booked |= {"asked": attempt.asked + 1} if asking else {"tries": attempt.tries + 1}
            if not unsure:
                booked["sent_at"] = moment
            fresh = connection.execute(
                update(DELIVERY_ATTEMPT)
                .where(
                    DELIVERY_ATTEMPT.c.id == attempt_id,
                    DELIVERY_ATTEMPT.c.state == attempt.state,
                    DELIVERY_ATTEMPT.c.tries == attempt.tries,
                )
                .values(**booked)
                .returning(DELIVERY_ATTEMPT)
            ).one_or_none()
            if fresh is None:
                return tasks.Retry("另一进程正在发送", LEASE * self._scale)
        tried = _try(fresh, delivery, asking, unsure)
        return _Taken(tried, messages.message(services, fresh, delivery, told, address), asking)

    def _over(self, connection: Connection, attempt: Any, delivery: Any, told: messages.Facts) -> Outcome | None:
        """Whether the message is no longer to be sent, or its channel stands still."""
        gone = told.reversed and delivery.purpose != Purpose.REVERSED
        ended = delivery.state in (DeliveryState.DONE, DeliveryState.SENT, DeliveryState.STOPPED)
        if ended or gone or _overtaken(connection, attempt):
            reason = (
                "票据已冲红" if gone else "已停止" if delivery.state == DeliveryState.STOPPED else "已由其他渠道送达"
            )
            triggers.stop_attempt(connection, attempt.id, reason)
            conclude(connection, delivery)
            return tasks.Done()
        still = (CHANNEL_PAUSE.c.unit_id == delivery.unit_id) & (CHANNEL_PAUSE.c.channel == attempt.channel)
        if connection.scalar(select(CHANNEL_PAUSE.c.channel).where(still)):
            connection.execute(
                update(DELIVERY_ATTEMPT)
                .where(DELIVERY_ATTEMPT.c.id == attempt.id)
                .values(state=AttemptState.HELD.value)
            )
            return tasks.Retry("渠道已暂停", HELD * self._scale)
        return None

    def _interrupted(self, connection: Connection, channel: Channel, attempt: Any, delivery: Any) -> Outcome:
        """A try that somebody booked and has not finished: still at work, or dead between the call and the commit."""
        rest = (attempt.next_at - now()).total_seconds() if attempt.next_at else 0.0
        if rest > 0:
            return tasks.Retry("另一进程正在发送", rest)
        tried = _try(attempt, delivery, asking=attempt.asked > 0, unsure=True)
        return results.write(connection, channel, tried, Unknown("发送中断", "INTERRUPTED"), self._scale)


def _went_on(connection: Connection, row: Any, step: int, passed: list[str]) -> None:
    """The delivery's next step is ``step``; why channels were passed over is added to its reason."""
    reason = "；".join(filter(None, (row.reason, *passed)))[:300]
    connection.execute(update(DELIVERY).where(DELIVERY.c.id == row.id).values(step=step, reason=reason))


def _forgotten(channel: Channel, attempt: Any, moment: datetime) -> bool:
    """Whether a quota, a standstill or a dead worker took longer than the provider remembers our number."""
    return bool(0 < channel.remembers <= (moment - attempt.sent_at).total_seconds())


def _try(attempt: Any, delivery: Any, asking: bool, unsure: bool) -> Try:
    first_at = attempt.sent_at or attempt.created_at
    counts = (attempt.tries, attempt.asked, attempt.blind)
    return Try(attempt.id, delivery.id, delivery.unit_id, *counts, first_at, asking, unsure)


def _overtaken(connection: Connection, attempt: Any) -> bool:
    """Whether a later channel of the same delivery has its message out already."""
    out = [AttemptState.ACCEPTED.value, AttemptState.DELIVERED.value]
    later = (DELIVERY_ATTEMPT.c.delivery_id == attempt.delivery_id) & (DELIVERY_ATTEMPT.c.step > attempt.step)
    return (
        connection.scalar(select(DELIVERY_ATTEMPT.c.id).where(later, DELIVERY_ATTEMPT.c.state.in_(out)).limit(1))
        is not None
    )
