"""Enumerations with words: a member is its code everywhere, and none is without its word."""

from __future__ import annotations

import pytest

from portal.domain.documents.settlement import Scene
from portal.domain.states.approval import ApprovalState
from portal.domain.states.bills import BillState
from portal.domain.states.stock import ApplicationState
from portal.domain.titled import Titled


def test_a_member_is_its_code_and_carries_its_word() -> None:
    assert ApplicationState("draft") is ApplicationState.DRAFT
    assert ApplicationState.DRAFT == "draft" and f"{ApplicationState.DRAFT}" == "draft"
    assert ApplicationState.DRAFT.title == "草稿"
    assert (
        BillState.ISSUED == "issued" and hash(BillState.ISSUED) == hash("issued") and Scene("donation").title == "捐赠"
    )
    assert {state.value: state.title for state in ApprovalState}["failed"] == "办理失败"


def test_a_member_without_a_word_is_refused() -> None:
    with pytest.raises(TypeError, match="Careless bare has no title"):

        class Careless(Titled):
            BARE = "bare"
