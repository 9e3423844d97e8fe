"""Message ids, times and answers as data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.clock import now
from portal.providers.finance.message_log import MessageIds
from portal.providers.finance.messages import SupervisionGiven, SupervisionQueued, SupervisionRefused
from portal.providers.finance.national import bill_messages, envelope
from portal.providers.finance.national.bill_messages import read_supervision
from portal.providers.finance.national.envelope import EnvelopeError
from portal.providers.finance.result_codes import ResultCode, worth_repeating


def test_ids_never_repeat_and_read_as_times() -> None:
    """Ten thousand at once from eight threads."""
    ids = MessageIds()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.next(), range(10_000)))
    assert len(set(made)) == len(made)
    for one in made[:: len(made) // 50]:
        assert len(one) == 17
        assert abs(envelope.parse17(one) - now()) < timedelta(minutes=1)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)))
def test_times_read_back(moment: datetime) -> None:
    """Whole seconds, hospital time, back to UTC."""
    moment = moment.replace(microsecond=0)
    assert envelope.parse14(envelope.stamp14(moment)) == moment


@pytest.mark.parametrize("text", ["", "2026", "20261301000000", "２0260101000000", "2026010100000 "])
def test_wrong_times_are_refused(text: str) -> None:
    """Fourteen ASCII digits of a real moment."""
    with pytest.raises(EnvelopeError):
        envelope.parse14(text)


def test_answers_read_back() -> None:
    """The three states."""
    moment = now().replace(microsecond=0)
    fields = envelope.parse_voucher(
        envelope.build_voucher(bill_messages.accepted_fields(b"<x/>", {"SealId": "1"}, moment))
    )
    assert read_supervision(fields, "4001") == SupervisionGiven(b"<x/>", {"SealId": "1"}, moment, "4001", True)
    assert read_supervision({"State": "QUEUED"}, "0000") == SupervisionQueued("0000", False)
    refused = {"State": "REFUSED", "RefusalCode": "2001", "Opinion": "因"}
    assert read_supervision(refused, "0000") == SupervisionRefused("2001", "因")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"State": "OK"},
        {"State": "SUPERVISED"},
        {"State": "SUPERVISED", "SupervisorPartySeal": {}, "SupervisorSignature": "*", "SupervisionTime": "1"},
        {"State": "REFUSED"},
    ],
)
def test_answers_that_the_contract_does_not_have(fields: dict[str, str | dict[str, str]]) -> None:
    """Never half-read."""
    with pytest.raises(EnvelopeError):
        read_supervision(fields, "0000")


def test_every_code_has_a_text_and_a_fate() -> None:
    """System trouble, a used id and a wrong clock are tried again; data and state are not."""
    assert all(result.title for result in ResultCode)
    again = {result for result in ResultCode if worth_repeating(result)}
    assert again == {ResultCode.SYSTEM, ResultCode.BUSY, ResultCode.REPLAYED, ResultCode.CLOCK_SKEW}
