"""What a place has left, in one word."""

from __future__ import annotations

import pytest

from portal.stock.balances import Holding


@pytest.mark.parametrize(
    ("left", "reserved", "low", "over", "state"),
    [
        (50, 0, 0, True, "over"),
        (0, 0, 10, False, "empty"),
        (0, 0, 0, False, "empty"),
        (0, 5, 10, False, "low"),
        (0, 5, 0, False, "good"),
        (9, 0, 10, False, "low"),
        (10, 0, 10, False, "good"),
    ],
)
def test_a_place_is_over_empty_low_or_good(left: int, reserved: int, low: int, over: bool, state: str) -> None:
    numbers = {"first": 1, "last": 9, "left": left, "reserved": reserved, "waiting": 0, "daily": 0.0, "days": None}
    place = {"place": "unit", "point_id": None, "point_code": "", "point_name": "", "kind_id": 1, "kind_name": "门诊"}
    held = Holding(**place, bill_code="99060126", **numbers, low=low, lot=0, active=True, over=over)  # type: ignore[arg-type]
    assert (held.state, held.prefix) == (state, "990601")
