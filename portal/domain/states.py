"""States of a bill and the only legal ways between them (design invariant 3).

``issued`` 已开具 (待监制) → ``uploaded`` 已上传 → ``supervised`` 已监制 → ``reversed`` 已冲红;
``refused`` 监制未通过: finance refused the content, a person must act. The database refuses every other move.
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
        (BillState.SUPERVISED, BillState.REVERSED),
    }
)


def may_move(old: BillState, new: BillState) -> bool:
    """Whether a bill in ``old`` may become ``new``."""
    return (old, new) in TRANSITIONS
