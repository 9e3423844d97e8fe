"""The settlement desk and the invented settlements behind it."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from portal.core.clock import now
from portal.demo.settlements import PERSONS, SCENES, settlement
from portal.domain.identity import is_id_card


def total(rows: list[dict[str, str]], name: str) -> Decimal:
    """The sum of one member over rows."""
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


@pytest.mark.parametrize("scene", SCENES)
def test_sums_agree_in_every_invented_settlement(scene: str) -> None:
    rng = random.Random(scene)
    for person in PERSONS:
        _, body = settlement(scene, person, "S00000001", now(), rng)
        amount = Decimal(body["totalAmt"])
        assert total(body["chargeDetail"], "amt") == total(body["listDetail"], "amt") == amount
        assert total(body["payChannelDetail"], "payChannelValue") == amount
        parts = ("accountPay", "fundPay", "otherfundPay", "selfCashPay")
        assert sum(Decimal(body[part]) for part in parts) == amount


def test_invented_people_are_plainly_invented() -> None:
    assert len({person.id_no for person in PERSONS}) == len(PERSONS)
    for person in PERSONS:
        assert is_id_card(person.id_no) and person.id_no.startswith("000000")
        assert person.phone.startswith("1000000")
