"""States of a bill and its paper sheets, and the only legal ways between the states of a bill.

``issued`` 已开具 (待监制) → ``uploaded`` 已上传 → ``supervised`` 已监制;
``refused`` 监制未通过: finance refused the content, a person must act.
``reversed`` 已冲红 is the end, from any of them: a patient's money is given back whether finance is there or not. The
upload of a reversed bill goes on until finance has it; its supervision tells whether it has been supervised.
The database refuses every other move.
"""

from __future__ import annotations

from portal.domain.titled import Titled


class BillState(Titled):
    """Where a bill is in its life."""

    ISSUED = "issued", "已开具（待监制）"
    UPLOADED = "uploaded", "已上传（待监制）"
    SUPERVISED = "supervised", "已监制"
    REFUSED = "refused", "监制未通过"
    REVERSED = "reversed", "已冲红"


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
    """Return whether a bill in state ``old`` may become ``new``."""
    return (old, new) in TRANSITIONS


class PaperState(Titled):
    """State of a numbered paper sheet: ``valid`` stands for its bill; ``recovered`` and ``void`` (lost) are ends."""

    VALID = "valid", "有效"
    RECOVERED = "recovered", "已收回作废"
    VOID = "void", "已作废（未收回）"


class ReversalReason(Titled):
    """冲红原因."""

    REFUND = "refund", "退费"
    UNREGISTER = "unregister", "退号"
    RETURN_CARD = "return_card", "退卡"
    SETTLEMENT = "settlement", "结账作废"
    MISTAKE = "mistake", "信息错误"
    OTHER = "other", "其他"

    @classmethod
    def of(cls, text: str) -> ReversalReason:
        """Return the reason that the free text of a HIS names; ``OTHER`` when it names none of the list."""
        return next((reason for reason in cls if reason.title == text.strip()), cls.OTHER)
