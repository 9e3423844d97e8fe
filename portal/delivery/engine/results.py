"""Results of tries: what an attempt becomes after each of the nine outcomes. Nothing else decides about repeating."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, update

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.channel import Asking, Channel
from portal.delivery.engine.deliveries import call_next, conclude, follow, hold, insert_once
from portal.domain.actor import Actor
from portal.domain.states.delivery import (
    Accepted,
    Arrived,
    AttemptState,
    Bug,
    Config,
    Later,
    NeedUser,
    Never,
    NotSent,
    Result,
    Unknown,
)
from portal.models.tables import CHANNEL_PAUSE, DELIVERY_ATTEMPT
from portal.outbox import tasks
from portal.outbox.tasks import Outcome

log = structlog.get_logger("qupiao.delivery")

ASK_AFTER = (60.0, 300.0, 1800.0, 7200.0)
"""Seconds until a channel is asked whether a message went out, the first, second, … time; then it stays uncertain."""
BLIND_AFTER = 60.0
HELD = 60.0
PATIENCE = 600.0
"""Seconds until the next channel goes when this one stands still for its set-up."""
ACTOR = "worker:delivery"


@dataclass(frozen=True, slots=True)
class Try:
    """A booked try: the attempt, how many tries and questions there were, and whether this is a question.

    ``first_at`` is when the first try began that may have gone out; ``unsure``: an earlier try may have gone out.
    """

    attempt_id: int
    delivery_id: int
    unit_id: int
    tries: int
    asked: int
    blind: int
    first_at: datetime
    asking: bool
    unsure: bool


def record(services: Services, channel: Channel, tried: Try, result: Result | None, scale: float) -> Outcome:
    """Record a result in a transaction of its own; ``None`` answers a question: the message was never sent."""
    with services.database.write() as connection:
        return write(connection, channel, tried, result, scale)


def write(
    connection: Connection,
    channel: Channel,
    tried: Try,
    result: Result | None,
    scale: float,
    state: AttemptState = AttemptState.SENDING,
) -> Outcome:
    """Record a result and queue what follows from it; returns the outcome of the attempt's outbox task.

    ``state`` is that of the attempt. A try that is no longer the booked one (a receipt was quicker, another worker
    took over) changes nothing but the provider's number.
    """
    delivery = hold(connection, tried.delivery_id)
    if delivery is None:
        return tasks.Dead("没有这次交付")
    values, next_channel, outcome = _decide(connection, channel, tried, result, scale)
    unchanged = (
        (DELIVERY_ATTEMPT.c.id == tried.attempt_id)
        & (DELIVERY_ATTEMPT.c.tries == tried.tries)
        & (DELIVERY_ATTEMPT.c.asked == tried.asked)
    )
    changed = connection.execute(
        update(DELIVERY_ATTEMPT).where(unchanged, DELIVERY_ATTEMPT.c.state == state.value).values(**values)
    ).rowcount
    if not changed:
        if isinstance(result, Accepted | Arrived) and result.ref:
            nameless = (DELIVERY_ATTEMPT.c.id == tried.attempt_id) & (DELIVERY_ATTEMPT.c.their_ref == "")
            connection.execute(update(DELIVERY_ATTEMPT).where(nameless).values(their_ref=result.ref[:80]))
        return tasks.Done()
    if isinstance(result, Config) and delivery.step < len(delivery.policy):
        call_next(connection, delivery.id, delivery.step, now() + timedelta(seconds=PATIENCE * scale))
    if next_channel and delivery.step < len(delivery.policy):
        call_next(connection, delivery.id, delivery.step)
    else:
        conclude(connection, delivery)
    follow(connection, tried.attempt_id, failed=next_channel)
    return outcome


def _decide(
    connection: Connection, channel: Channel, tried: Try, result: Result | None, scale: float
) -> tuple[dict[str, Any], bool, Outcome]:
    """Decide the attempt's new values, whether the next channel begins now, and what the task does."""
    moment = now()
    refused = {} if tried.unsure else {"sent_at": None}  # not taken this time: nothing is out, unless from before
    match result:
        case Accepted(ref):
            until = channel.receipt_within
            values = _ended(AttemptState.ACCEPTED, "accepted", "", "", moment) | {"their_ref": ref[:80]}
            if until is not None:
                values |= {"next_at": moment + until * scale, "ended_at": None}
            return values, False, tasks.Done()
        case Arrived(ref):
            values = _ended(AttemptState.DELIVERED, "done", "", "", moment)
            return values | ({"their_ref": ref[:80]} if ref else {}), False, tasks.Done()
        case Never(reason, code):
            return _ended(AttemptState.FAILED, "never", code, reason, moment), True, tasks.Done()
        case NeedUser(reason, code):
            return _ended(AttemptState.PARKED, "user", code, reason, moment), True, tasks.Done()
        case Bug(field, code, reason):
            log.error("delivery.bug", channel=channel.name, field=field, code=code)
            text = f"字段 {field} 不被接受 {reason}".strip()
            return _ended(AttemptState.DEAD, "bug", code, text, moment), True, tasks.Done()
        case Config(reason, code):
            _pause(connection, tried.unit_id, channel, code, reason)
            values = {"state": AttemptState.HELD.value} | _why("config", code, reason)
            return values | {"next_at": None} | refused, False, tasks.Retry(reason, HELD * scale)
        case Later(at, reason, code):
            at = max(at, moment)
            values = {"state": AttemptState.QUEUED.value, "next_at": at} | _why("later", code, reason)
            return values | refused, True, tasks.Retry(reason, (at - moment).total_seconds())
        case NotSent(reason, _after, code) if tried.unsure and channel.remembers:
            return _unknown(channel, tried, moment, scale, code, reason)
        case NotSent(reason, after, code):
            values, next_channel, outcome = _again(channel, tried, moment, scale, after, ("retry", code, reason))
            return values | refused, next_channel, outcome
        case None:  # asked, and it is not there: sending again is not blind
            why = ("unknown", "NOT_FOUND", "对方没有收到，重新发送")
            values, next_channel, outcome = _again(channel, tried, moment, scale, 0.0, why)
            return values | {"sent_at": None}, next_channel, outcome
        case Unknown(reason, code):
            return _unknown(channel, tried, moment, scale, code, reason)


def _again(
    channel: Channel, tried: Try, moment: datetime, scale: float, after: float | None, why: tuple[str, str, str]
) -> tuple[dict[str, Any], bool, Outcome]:
    """Queue the attempt again after a pause with jitter; after the last pause: a dead letter and the next channel."""
    if tried.tries > len(channel.pauses):
        text = f"多次尝试未成功：{why[2]}"
        return _ended(AttemptState.DEAD, why[0], why[1] or "EXHAUSTED", text, moment), True, tasks.Done()
    jitter = random.uniform(0.8, 1.2)  # noqa: S311 - so that what failed together does not come back together
    pause = (channel.pauses[max(tried.tries, 1) - 1] * jitter if after is None else after) * scale
    values = {"state": AttemptState.QUEUED.value, "next_at": moment + timedelta(seconds=pause)} | _why(*why)
    return values, False, tasks.Retry(why[2], pause)


def _unknown(
    channel: Channel, tried: Try, moment: datetime, scale: float, code: str, reason: str
) -> tuple[dict[str, Any], bool, Outcome]:
    """Decide after a try that may have gone out: a safe repeat, else a question, else one blind repeat."""
    why = ("unknown", code, reason)
    rest = channel.remembers - (moment - tried.first_at).total_seconds()
    if not tried.asking and rest > 0:  # the repeat must come while the provider knows our number
        pause = channel.pauses[min(max(tried.tries, 1), len(channel.pauses)) - 1]
        return _again(channel, tried, moment, scale, min(pause, rest / 2 / scale), why)
    if isinstance(channel, Asking):
        if tried.asked >= len(ASK_AFTER):
            return _ended(AttemptState.UNCERTAIN, *why, moment), True, tasks.Done()
        pause = ASK_AFTER[tried.asked] * scale
        values = {"state": AttemptState.ASKING.value, "next_at": moment + timedelta(seconds=pause)} | _why(*why)
        return values, False, tasks.Retry(reason, pause)
    if tried.blind or not channel.once_more:  # repeated once without knowing: never twice
        return _ended(AttemptState.UNCERTAIN, *why, moment), True, tasks.Done()
    pause = BLIND_AFTER * scale
    values = {"state": AttemptState.QUEUED.value, "next_at": moment + timedelta(seconds=pause), "blind": 1}
    return values | _why(*why), False, tasks.Retry(reason, pause)


def _why(result_class: str, code: str, reason: str) -> dict[str, Any]:
    return {"result_class": result_class, "code": code[:60], "message": reason[:300]}


def _ended(state: AttemptState, result_class: str, code: str, reason: str, moment: datetime) -> dict[str, Any]:
    return {"state": state.value, "next_at": None, "ended_at": moment} | _why(result_class, code, reason)


def _pause(connection: Connection, unit_id: int, channel: Channel, code: str, reason: str) -> None:
    """Pause a unit's channel until staff resume it; logged once."""
    values = {"unit_id": unit_id, "channel": channel.name, "code": code[:60], "reason": reason[:300], "since": now()}
    if insert_once(connection, CHANNEL_PAUSE, values):
        log.error("delivery.channel_stopped", channel=channel.name, code=code)
        details = {"code": code, "reason": reason}
        audit.record(connection, Actor(ACTOR), "channel.stopped", ("channel", channel.name), details)
