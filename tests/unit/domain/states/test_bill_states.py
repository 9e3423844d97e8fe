"""States of a bill: the legal ways between them, and the reasons of a reversal."""

from __future__ import annotations

from itertools import product

import pytest

from portal.domain.states.bills import BillState, ReversalReason, may_move

LEGAL = {
    "issued": {"uploaded", "supervised", "refused", "reversed"},
    "uploaded": {"supervised", "refused", "reversed"},
    "refused": {"uploaded", "supervised", "reversed"},
    "supervised": {"reversed"},
    "reversed": set(),
}


def test_a_bill_moves_in_its_legal_ways_and_a_reversed_one_no_more() -> None:
    found = {(old.value, new.value) for old, new in product(BillState, BillState) if may_move(old, new)}
    assert found == {(old, new) for old, ways in LEGAL.items() for new in ways}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("退费", ReversalReason.REFUND),
        (" 信息错误\n", ReversalReason.MISTAKE),
        ("结账作废", ReversalReason.SETTLEMENT),
        ("病人要求", ReversalReason.OTHER),
        ("", ReversalReason.OTHER),
        ("refund", ReversalReason.OTHER),
    ],
)
def test_a_reason_in_free_words_is_one_of_the_list_or_other(text: str, reason: ReversalReason) -> None:
    assert ReversalReason.of(text) is reason
