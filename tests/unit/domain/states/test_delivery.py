"""Delivery in plain rules: the order of channels, quiet hours, masks, what is still going on."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.clock import SHANGHAI
from portal.domain.states.delivery import AttemptState, Purpose, Step, mask_address, quiet_until, steps_of


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("sms", (Step("sms", 0),)),
        ("wechat:10 alipay:10 sms", (Step("wechat", 600), Step("alipay", 600), Step("sms", 0))),
        ("mini-1:0 mail:9999", (Step("mini-1", 0), Step("mail", 599_940))),
        ("a1 b1 c1 d1 e1 f1 g1 h1", tuple(Step(f"{letter}1") for letter in "abcdefgh")),
    ],
)
def test_an_order_is_channels_with_minutes_to_wait(text: str, steps: tuple[Step, ...]) -> None:
    assert steps_of(text) == steps


@pytest.mark.parametrize(
    "text", ["", "SMS", "sms:", "sms:12345", "sms  mail", " sms", "1sms", "a1 b1 c1 d1 e1 f1 g1 h1 i1", "sms:١"]
)
def test_an_order_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^应为渠道代码和等待分钟数，例如 wechat:10 alipay:10 sms$"):
        steps_of(text)


def test_a_channel_comes_once_in_an_order() -> None:
    with pytest.raises(ValueError, match=r"^同一渠道只能出现一次$"):
        steps_of("sms:10 mail sms")


NIGHT = "22:00-08:00"
NOON = "12:00-14:30"


def at(day: int, hour: int, minute: int = 0, second: int = 0, micro: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, second, micro, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("setting", "clock", "until"),
    [
        ("", at(1, 3), at(1, 3)),
        (NIGHT, at(1, 21, 59, 59), at(1, 21, 59, 59)),
        (NIGHT, at(1, 22), at(2, 8)),
        (NIGHT, at(31, 23, 30, 15, 7), at(31, 8) + timedelta(days=1)),
        (NIGHT, at(2, 0), at(2, 8)),
        (NIGHT, at(2, 7, 59, 59, 999999), at(2, 8)),
        (NIGHT, at(2, 8), at(2, 8)),
        (NOON, at(1, 11, 59), at(1, 11, 59)),
        (NOON, at(1, 12), at(1, 14, 30)),
        (NOON, at(1, 14, 29, 5), at(1, 14, 30)),
        (NOON, at(1, 14, 30), at(1, 14, 30)),
        (NOON, at(1, 20), at(1, 20)),
        ("09:00-09:00", at(1, 9), at(1, 9)),
        ("09:00-09:00", at(1, 8), at(1, 8)),
    ],
)
def test_quiet_hours_hold_a_message_until_they_end(setting: str, clock: datetime, until: datetime) -> None:
    assert quiet_until(setting, clock) == until


@pytest.mark.parametrize("setting", ["22:00", "24:00-08:00", "22:60-08:00", "2200-0800", "22:00-8:00", "22:00-08:00 "])
def test_quiet_hours_of_another_shape_are_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=r"^应为起止时间，例如 22:00-08:00；不限制则留空$"):
        quiet_until(setting, at(1, 3))


TIMES = st.times().map(lambda one: one.replace(second=0, microsecond=0))


@given(TIMES, TIMES, st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))
def test_a_message_waits_less_than_a_day_and_never_twice(begin: time, end: time, clock: datetime) -> None:
    setting = f"{begin:%H:%M}-{end:%H:%M}"
    until = quiet_until(setting, clock)
    assert timedelta() <= until - clock < timedelta(days=1)
    assert quiet_until(setting, until) == until


@pytest.mark.parametrize(
    ("channel", "address", "masked"),
    [
        ("sms", "13800001234", "138****1234"),
        ("code", "10000000001", "100****0001"),
        ("mail", "anna@example.cn", "a***@example.cn"),
        ("mail", "a@b@example.cn", "a***@example.cn"),
        ("mail", "@example.cn", "***@example.cn"),
        ("wechat", "oABC123456789xyz", "oAB***yz"),
        ("wechat", "1234567", "123***67"),
        ("wechat", "123456", "***"),
        ("alipay", "", "***"),
    ],
)
def test_an_address_is_shown_by_its_ends(channel: str, address: str, masked: str) -> None:
    assert mask_address(channel, address) == masked


def test_what_a_person_asked_for_is_not_held_by_quiet_hours() -> None:
    asked = {purpose for purpose in Purpose if purpose.asked_for}
    awaited = {purpose for purpose in Purpose if purpose.awaited}
    assert asked == {Purpose.REQUESTED, Purpose.READY}
    assert awaited == asked | {Purpose.FAMILY, Purpose.ANSWER, Purpose.CODE, Purpose.PHONE}


def test_a_worker_has_something_to_do_in_four_states() -> None:
    assert {state.value for state in AttemptState if state.active} == {"queued", "sending", "asking", "held"}
