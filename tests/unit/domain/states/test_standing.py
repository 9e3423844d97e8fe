"""What a bill is good for: one word, that every text has a sentence for."""

from __future__ import annotations

import pytest

from portal.delivery import mail_text
from portal.delivery.channels import TITLES, sms
from portal.delivery.engine.channel import PUSH
from portal.delivery.notices import CHANNELS
from portal.domain.states.bills import BillState
from portal.domain.states.standing import Condition, Standing, standing


@pytest.mark.parametrize(
    ("state", "red", "exchanged", "booked", "is_now"),
    [
        (BillState.SUPERVISED, False, False, False, Standing.VALID),
        (BillState.ISSUED, False, False, False, Standing.WAITING),
        (BillState.UPLOADED, False, False, False, Standing.WAITING),
        (BillState.REFUSED, False, False, False, Standing.REFUSED),
        (BillState.SUPERVISED, False, True, False, Standing.EXCHANGED),
        (BillState.ISSUED, False, True, False, Standing.EXCHANGED),
        (BillState.SUPERVISED, False, True, True, Standing.EXCHANGED),
        (BillState.SUPERVISED, False, False, True, Standing.BOOKED),
        (BillState.REVERSED, False, True, False, Standing.REVERSED),
        (BillState.SUPERVISED, True, False, False, Standing.RED),
    ],
)
def test_what_ends_its_use_counts_first(
    state: BillState, red: bool, exchanged: bool, booked: bool, is_now: Standing
) -> None:
    assert standing(Condition(state, red, exchanged, booked)) is is_now


def test_every_text_knows_every_standing_and_only_a_good_bill_is_said_to_be_good() -> None:
    assert set(mail_text.STANDING) == set(sms.SAID) == set(Standing)
    assert all(len(one.title) <= 5 for one in Standing), "a field of WeChat's templates holds five characters"
    assert [one for one in Standing if "可以用于报销" in mail_text.STANDING[one]] == [Standing.VALID]


def test_every_channel_has_a_name_for_patients() -> None:
    assert set(CHANNELS) == set(TITLES) | {PUSH}


@pytest.mark.parametrize(
    ("one", "spoken", "tone"),
    [
        (Standing.VALID, "有效", ""),
        (Standing.WAITING, "财政处理中", "wait"),
        (Standing.REFUSED, "医院处理中", "red"),
        (Standing.EXCHANGED, "已打印成纸质", "wait"),
        (Standing.BOOKED, "单位已报销", "wait"),
        (Standing.REVERSED, "已作废", "red"),
        (Standing.RED, "作废凭证", "red"),
    ],
)
def test_a_patient_reads_a_plain_word_in_the_colour_of_its_use(one: Standing, spoken: str, tone: str) -> None:
    assert (one.spoken, one.tone) == (spoken, tone)
