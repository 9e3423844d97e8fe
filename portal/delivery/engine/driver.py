"""The driver of deliveries: begins the next channel, sends, and records the result (docs/delivery.md).

No database connection is held while a provider is spoken to: :meth:`Engine._take` books the try and commits, the
channel is called, :func:`results.record` writes the result if the try is still the one that was booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog
from sqlalchemy import Connection, select, update

from portal.access import parameters
from portal.core.breaker import Breaker
from portal.core.clock import local, now
from portal.core.services import Services
from portal.delivery.engine import joining, messages, results
from portal.delivery.engine.channel import Asking, Channel, Family, Message, Pacing, lane_of
from portal.delivery.engine.deliveries import (
    NEXT_TOPIC,
    NewAttempt,
    book,
    call_next,
    conclude,
    hold,
    hold_of_attempt,
    is_stopped,
    joined_to,
    stop,
    stop_attempt,
    topic_of,
)
from portal.delivery.engine.results import Try
from portal.domain.states.delivery import (
    AttemptState,
    Config,
    DeliveryState,
    Later,
    NotSent,
    Purpose,
    Result,
    Unknown,
    quiet_until,
)
from portal.models.tables import CHANNEL_PAUSE, DELIVERY, DELIVERY_ATTEMPT
from portal.outbox import tasks
from portal.outbox.tasks import Handler, Outcome, Task
from portal.outbox.topics import Topic

log = structlog.get_logger("qupiao.delivery")

LEASE = 60.0
"""Seconds after which a try that no worker has finished counts as interrupted; the outbox lease is as long."""
HELD = 60.0
"""Seconds between two looks at a paused channel."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A booked try: its message, and whether to ask about it instead of sending it."""

    tried: Try
    message: Message
    asking: bool


class Engine:
    """Delivery of one process. ``scale`` shortens every pause (tests, soaks); safe for many threads.

    ``titles`` are the words of channels that an order may name without their being set up here.
    """

    def __init__(
        self,
        channels: Iterable[Channel | Family],
        scale: float = 1.0,
        titles: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.lanes: Mapping[str, Channel | Family] = {channel.name: channel for channel in channels}
        self._titles = titles
        self._scale = scale
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def handlers(self) -> dict[Topic, Handler]:
        """Return the handler of each topic: beginning the next channel, and sending in each lane."""
        sending: dict[Topic, Handler] = {topic_of(name): partial(self._send, lane) for name, lane in self.lanes.items()}
        return {NEXT_TOPIC: self._next, **sending}

    # --- the next channel ---

    def begin(self, services: Services, connection: Connection, delivery_id: int) -> None:
        """Queue the first message of a new delivery in the caller's transaction, without waiting for a task."""
        delivery = hold(connection, delivery_id)
        if delivery is not None:
            self._begin(services, connection, delivery)

    def _next(self, services: Services, task: Task) -> Outcome:
        """Begin the step of ``task.payload`` unless the delivery has gone on or come to its end."""
        with services.database.write() as connection:
            delivery = hold(connection, int(task.payload["delivery"]))
            if delivery is None or delivery.state != DeliveryState.OPEN or delivery.step > int(task.payload["step"]):
                return tasks.Done()
            if conclude(connection, delivery) is not DeliveryState.OPEN and delivery.step < len(delivery.policy):
                return tasks.Done()
            self._begin(services, connection, delivery)
        return tasks.Done()

    def _begin(self, services: Services, connection: Connection, delivery: Any) -> None:
        """Queue a message on the first channel, from the delivery's step on, that can take one."""
        facts = messages.facts(services, connection, messages.target_of(delivery))
        if facts is None or _obsolete(facts, delivery):
            stop(connection, delivery, facts.ended if facts else "票据不存在")
            return
        settings = parameters.values(connection, delivery.unit_id)
        skipped: list[str] = []
        for step in range(delivery.step, len(delivery.policy)):
            name, wait = delivery.policy[step]
            channel = self._channel(services, connection, delivery.unit_id, name)
            obstacle = _queue(services, connection, delivery, step, channel, settings)
            if not obstacle:
                _advance(connection, delivery, step + 1, skipped)
                conclude(connection, hold(connection, delivery.id))  # what it joined may have gone out already
                if wait and step + 1 < len(delivery.policy):
                    call_next(connection, delivery.id, step + 1, now() + timedelta(seconds=wait * self._scale))
                return
            skipped.append(f"{channel.title if channel else self._titles.get(name, name)}：{obstacle}")
        _advance(connection, delivery, len(delivery.policy), skipped)
        conclude(connection, hold(connection, delivery.id))

    def _channel(self, services: Services, connection: Connection, unit_id: int, name: str) -> Channel | None:
        lane = self.lanes.get(lane_of(name))
        return lane.member(services, connection, unit_id, name) if isinstance(lane, Family) else lane

    # --- one message ---

    def _send(self, lane: Channel | Family, services: Services, task: Task) -> Outcome:
        """Send the attempt of ``task.payload`` once, or ask once whether the last try went out."""
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
                answer = channel.find(services, taken.message)
                # A question that could not be put says nothing about the message.
                return Unknown(answer.reason, answer.code) if isinstance(answer, NotSent | Later | Config) else answer
            return channel.send(services, taken.message)
        except Exception as error:  # noqa: BLE001 - it may have gone out; its text may quote an address
            log.error("delivery.channel_failed", channel=channel.name, error=type(error).__name__)
            return Unknown(type(error).__name__, "EXCEPTION")

    def _take(self, channel: Channel, services: Services, attempt_id: int) -> _Taken | Outcome:
        """Book a try and commit it; or return what becomes of the task when nothing is to be sent now."""
        with services.database.write() as connection:
            delivery = hold_of_attempt(connection, attempt_id)
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
            facts = messages.facts(services, connection, messages.target_of(delivery))
            if facts is None:
                return tasks.Dead("票据不存在")
            asking, unsure = state is AttemptState.ASKING, attempt.sent_at is not None
            if not asking and (outcome := self._withheld(connection, attempt, delivery, facts)):
                return outcome
            if unsure and not asking and not attempt.blind and _forgotten(channel, attempt, moment):
                late = Unknown("对方已不记得我方编号", "FORGOTTEN")
                tried = _try(attempt, delivery, asking, unsure)
                return results.write(connection, channel, tried, late, self._scale, state)
            address = services.cipher.decrypt_text("delivery_attempt.recipient", attempt_id, attempt.recipient)
            if isinstance(channel, Pacing) and (pause := channel.pace(address)):
                return tasks.Retry("收件方限速，排队中", pause * self._scale)
            booked = book(connection, attempt, moment + timedelta(seconds=LEASE * self._scale))
            if booked is None:
                return tasks.Retry("另一进程正在发送", LEASE * self._scale)
            joined = len(joined_to(connection, attempt_id))
        tried = _try(booked, delivery, asking, unsure)
        message = messages.message(services, booked, delivery, facts, address)
        return _Taken(tried, replace(message, joined=joined), asking)

    def _withheld(self, connection: Connection, attempt: Any, delivery: Any, facts: messages.Facts) -> Outcome | None:
        """Stop an attempt that is no longer to be sent, hold it while its channel is paused; ``None``: send it."""
        obsolete = _obsolete(facts, delivery)
        ended = delivery.state in (DeliveryState.DONE, DeliveryState.SENT, DeliveryState.STOPPED)
        if ended or obsolete or _overtaken(connection, attempt):
            stopped = "已停止" if delivery.state == DeliveryState.STOPPED else "已由其他渠道送达"
            stop_attempt(connection, attempt.id, facts.ended if obsolete else stopped)
            conclude(connection, delivery)
            return tasks.Done()
        paused = (CHANNEL_PAUSE.c.unit_id == delivery.unit_id) & (CHANNEL_PAUSE.c.channel == attempt.channel)
        if connection.scalar(select(CHANNEL_PAUSE.c.channel).where(paused)):
            connection.execute(
                update(DELIVERY_ATTEMPT)
                .where(DELIVERY_ATTEMPT.c.id == attempt.id)
                .values(state=AttemptState.HELD.value)
            )
            return tasks.Retry("渠道已暂停", HELD * self._scale)
        return None

    def _interrupted(self, connection: Connection, channel: Channel, attempt: Any, delivery: Any) -> Outcome:
        """Decide about a try that was booked and not recorded: its worker is at work, or died before the commit."""
        rest = (attempt.next_at - now()).total_seconds() if attempt.next_at else 0.0
        if rest > 0:
            return tasks.Retry("另一进程正在发送", rest)
        tried = _try(attempt, delivery, asking=attempt.asked > 0, unsure=True)
        return results.write(connection, channel, tried, Unknown("发送中断", "INTERRUPTED"), self._scale)


def _obsolete(facts: messages.Facts, delivery: Any) -> bool:
    """Say whether there is nothing more to send about the object; that it was reversed is told, and who asked for it
    gets it as it is now."""
    purpose = Purpose(delivery.purpose)
    about_bill = delivery.object_kind == "bill"
    return bool(facts.ended) and not (purpose is Purpose.REVERSED or (about_bill and purpose.asked_for))


def _queue(
    services: Services,
    connection: Connection,
    delivery: Any,
    step: int,
    channel: Channel | None,
    settings: Mapping[str, Any],
) -> str:
    """Queue the message of a step on its channel; returns the obstacle when there is one, else ``""``."""
    if channel is None:
        return "未接入"
    if not settings.get(channel.setting, True):
        return "未启用"
    purpose = Purpose(delivery.purpose)
    if delivery.recipient is not None:
        address = services.cipher.decrypt_text("delivery.recipient", delivery.id, delivery.recipient)
    else:
        address = channel.recipient(services, connection, messages.target_of(delivery))
    if not address:
        return "没有收件信息"
    if is_stopped(services, connection, delivery.unit_id, channel.name, address):
        return "收件人已停收"
    moment = now()
    due_at = moment
    if channel.disturbs and not purpose.awaited:
        due_at = quiet_until(settings["delivery.quiet"], local(moment))
    attempt = NewAttempt(delivery, step, channel, address, moment, due_at)
    new = joining.add(services, connection, attempt, settings.get("delivery.join-minutes", 0))
    return "" if new else "同一内容已发往同一收件人"


def _advance(connection: Connection, delivery: Any, step: int, skipped: list[str]) -> None:
    """Set the delivery's next step, and add to its reason why channels were skipped."""
    reason = "；".join(filter(None, (delivery.reason, *skipped)))[:300]
    connection.execute(update(DELIVERY).where(DELIVERY.c.id == delivery.id).values(step=step, reason=reason))


def _forgotten(channel: Channel, attempt: Any, moment: datetime) -> bool:
    """Say whether a quota, a pause or a dead worker took longer than the provider remembers our number."""
    return bool(0 < channel.remembers <= (moment - attempt.sent_at).total_seconds())


def _try(attempt: Any, delivery: Any, asking: bool, unsure: bool) -> Try:
    first_at = attempt.sent_at or attempt.created_at
    counts = (attempt.tries, attempt.asked, attempt.blind)
    return Try(attempt.id, delivery.id, delivery.unit_id, *counts, first_at, asking, unsure)


def _overtaken(connection: Connection, attempt: Any) -> bool:
    """Say whether a later channel of the same delivery has sent its message already."""
    out = [AttemptState.ACCEPTED.value, AttemptState.DELIVERED.value]
    later = (DELIVERY_ATTEMPT.c.delivery_id == attempt.delivery_id) & (DELIVERY_ATTEMPT.c.step > attempt.step)
    return (
        connection.scalar(select(DELIVERY_ATTEMPT.c.id).where(later, DELIVERY_ATTEMPT.c.state.in_(out)).limit(1))
        is not None
    )
