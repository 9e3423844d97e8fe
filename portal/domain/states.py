"""States of a bill and the only legal ways between them.

``issued`` 已开具 (待监制) → ``uploaded`` 已上传 → ``supervised`` 已监制;
``refused`` 监制未通过: finance refused the content, a person must act.
``reversed`` 已冲红 is the end, from any of them: a patient's money is given back whether finance is there or not. The
upload of a reversed bill goes on until finance has it; whether it has been supervised is told by its supervision.
The database refuses every other move.
"""

from __future__ import annotations

from enum import StrEnum


class BillState(StrEnum):
    """Where a bill is in its life."""

    ISSUED = "issued"
    UPLOADED = "uploaded"
    SUPERVISED = "supervised"
    REFUSED = "refused"
    REVERSED = "reversed"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on screen."""
        return _TITLES[self]


_TITLES = {
    BillState.ISSUED: "已开具（待监制）",
    BillState.UPLOADED: "已上传（待监制）",
    BillState.SUPERVISED: "已监制",
    BillState.REFUSED: "监制未通过",
    BillState.REVERSED: "已冲红",
}

TRANSITIONS: frozenset[tuple[BillState, BillState]] = frozenset(
    {
        (BillState.ISSUED, BillState.UPLOADED),
        (BillState.ISSUED, BillState.SUPERVISED),
        (BillState.ISSUED, BillState.REFUSED),
        (BillState.UPLOADED, BillState.SUPERVISED),
        (BillState.UPLOADED, BillState.REFUSED),
        (BillState.REFUSED, BillState.UPLOADED),
        (BillState.REFUSED, BillState.SUPERVISED),
        *((state, BillState.REVERSED) for state in BillState if state is not BillState.REVERSED),
    }
)


def may_move(old: BillState, new: BillState) -> bool:
    """Whether a bill in ``old`` may become ``new``."""
    return (old, new) in TRANSITIONS


class PaperState(StrEnum):
    """Where a numbered sheet is: ``valid`` stands for its bill; ended ``recovered`` 已收回 or ``void`` 作废 (lost)."""

    VALID = "valid"
    RECOVERED = "recovered"
    VOID = "void"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on screen."""
        return {"valid": "有效", "recovered": "已收回作废", "void": "已作废（未收回）"}[self.value]


class ReversalReason(StrEnum):
    """冲红原因."""

    REFUND = "refund"
    UNREGISTER = "unregister"
    RETURN_CARD = "return_card"
    SETTLEMENT = "settlement"
    MISTAKE = "mistake"
    OTHER = "other"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on screen."""
        return _REASONS[self]

    @classmethod
    def of(cls, text: str) -> ReversalReason:
        """The reason that a HIS's free text names; ``OTHER`` when it is none of the list."""
        return next((reason for reason in cls if reason.title == text.strip()), cls.OTHER)


_REASONS = {
    ReversalReason.REFUND: "退费",
    ReversalReason.UNREGISTER: "退号",
    ReversalReason.RETURN_CARD: "退卡",
    ReversalReason.SETTLEMENT: "结账作废",
    ReversalReason.MISTAKE: "信息错误",
    ReversalReason.OTHER: "其他",
}
