"""States of the stock's documents, their words on screen, and the only legal ways between them."""

from __future__ import annotations

from enum import StrEnum


class _State(StrEnum):
    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on screen."""
        return _TITLES[type(self).__name__][self.value]


class ApplicationState(_State):
    """申领: draft → reported → reviewing (finance has it) → approved / returned → issued → received."""

    DRAFT = "draft"
    REPORTED = "reported"
    REVIEWING = "reviewing"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    APPROVED = "approved"
    RETURNED = "returned"
    ISSUED = "issued"
    RECEIVED = "received"
    CANCELLED = "cancelled"


class ReceiptState(_State):
    """入库: waiting → confirmed or refused."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class SlipState(_State):
    """分发: draft → handed out → accepted; what is unused can be withdrawn from both."""

    DRAFT = "draft"
    HANDED_OUT = "handed_out"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"


class ReturnState(_State):
    """申退: reported (the numbers are on their way) → accepted or refused (they are back)."""

    REPORTED = "reported"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class DestructionState(_State):
    """销毁: waiting for a second person → done or refused."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class Fate(StrEnum):
    """What has become of one number of a granted segment; each has exactly one."""

    UNIT = "unit"
    HANDED_OUT = "handed_out"
    RESERVED = "reserved"
    ISSUED = "issued"
    RED = "red"
    EXCHANGED = "exchanged"
    PAPER = "paper"
    VOID = "void"
    RETURNED = "returned"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on the number map."""
        return _FATES[self]


_TITLES: dict[str, dict[str, str]] = {
    "ApplicationState": {
        "draft": "草稿",
        "reported": "已上报",
        "reviewing": "财政审核中",
        "withdrawing": "撤销中",
        "withdrawn": "已撤销",
        "approved": "已通过",
        "returned": "已退回",
        "issued": "已下发",
        "received": "已入库",
        "cancelled": "已删除",
    },
    "ReceiptState": {"waiting": "待确认", "confirmed": "已确认", "refused": "拒收"},
    "SlipState": {
        "draft": "草稿",
        "handed_out": "已下发",
        "accepted": "已接收",
        "withdrawn": "已撤回",
        "cancelled": "已删除",
    },
    "ReturnState": {"reported": "已上报", "accepted": "财政已收", "refused": "财政退回"},
    "DestructionState": {"waiting": "待复核", "done": "已销毁", "refused": "未通过"},
}
_FATES = {
    Fate.UNIT: "单位库存",
    Fate.HANDED_OUT: "已分发未用",
    Fate.RESERVED: "应急预留",
    Fate.ISSUED: "已开具",
    Fate.RED: "红票",
    Fate.EXCHANGED: "已开具并换开纸质",
    Fate.PAPER: "纸质票已用",
    Fate.VOID: "作废",
    Fate.RETURNED: "已退回财政",
}

PENDING = (
    ApplicationState.REPORTED,
    ApplicationState.REVIEWING,
    ApplicationState.WITHDRAWING,
    ApplicationState.APPROVED,
)
"""An application that finance may still answer; a second one of its kind has to wait."""
EDITABLE = (ApplicationState.DRAFT, ApplicationState.RETURNED, ApplicationState.WITHDRAWN)
"""An application that may be changed and reported (again)."""
WITHDRAWABLE = (ApplicationState.REPORTED, ApplicationState.REVIEWING)
"""An application that may be withdrawn: finance has not acted."""
