"""States of the stock's documents, their words on screen, and the only legal ways between them."""

from __future__ import annotations

import re
from enum import StrEnum

from portal.domain.titled import Titled


class ApplicationState(Titled):
    """申领: draft → reported → reviewing (finance has it) → approved / returned → issued → received."""

    DRAFT = "draft", "草稿"
    REPORTED = "reported", "已上报"
    REVIEWING = "reviewing", "财政审核中"
    WITHDRAWING = "withdrawing", "撤销中"
    WITHDRAWN = "withdrawn", "已撤销"
    APPROVED = "approved", "已通过"
    RETURNED = "returned", "已退回"
    ISSUED = "issued", "已下发"
    RECEIVED = "received", "已入库"
    CANCELLED = "cancelled", "已删除"


class ReceiptSource(Titled):
    """Where a segment came from."""

    APPLICATION = "application", "申领"
    PUSH = "push", "财政主动下发"
    OPENING = "opening", "期初"


class ReceiptState(Titled):
    """入库: waiting → confirmed or refused."""

    WAITING = "waiting", "待确认"
    CONFIRMED = "confirmed", "已确认"
    REFUSED = "refused", "拒收"


class SlipState(Titled):
    """分发: draft → handed out → accepted; what is unused can be withdrawn from both."""

    DRAFT = "draft", "草稿"
    HANDED_OUT = "handed_out", "已下发"
    ACCEPTED = "accepted", "已接收"
    WITHDRAWN = "withdrawn", "已撤回"
    CANCELLED = "cancelled", "已删除"


class ReturnState(Titled):
    """申退: reported (the numbers are on their way) → accepted or refused (they are back)."""

    REPORTED = "reported", "已上报"
    ACCEPTED = "accepted", "财政已收"
    REFUSED = "refused", "财政退回"


class VoidState(Titled):
    """作废: waiting for a second person → done or refused."""

    WAITING = "waiting", "待复核"
    DONE = "done", "已作废"
    REFUSED = "refused", "未通过"


class VoidCategory(Titled):
    """Where voided numbers lay: in unit stock or, as blank forms, at a point."""

    STOCK = "stock", "库存作废"
    BLANK = "blank", "空白票报损"


class DestructionState(Titled):
    """销毁: waiting for a second person → done or refused."""

    WAITING = "waiting", "待复核"
    DONE = "done", "已销毁"
    REFUSED = "refused", "未通过"


class MovementKind(Titled):
    """What moved numbers from one place to another."""

    RECEIPT = "receipt", "入库"
    HAND_OUT = "hand_out", "分发"
    WITHDRAW = "withdraw", "撤回"
    RETURN = "return", "申退"
    RETURN_REFUSED = "return_refused", "申退退回"
    STOCK_VOID = "stock_void", "库存作废"
    BLANK_LOSS = "blank_loss", "空白票报损"


class RangeState(StrEnum):
    """Who may use what is left of a range: the point, nobody until the point accepts it, only emergency issue."""

    OPEN = "open"
    WAITING = "waiting"
    RESERVED = "reserved"


class AlarmRule(Titled):
    """Why the stock warns: a balance below its line, a refused segment, a difference with finance's count, a place
    without numbers of next year's code or of this year's, numbers left over of an old year."""

    LOW = "low", "低于预警线"
    SEGMENT = "segment", "财政号段未收"
    RECONCILE = "reconcile", "与财政核对不符"
    NEXT_YEAR = "next_year", "次年号码未备"
    THIS_YEAR = "this_year", "本年号码缺"
    OLD_YEAR = "old_year", "旧年号码待退"


MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", re.ASCII)
"""A day of any year as a setting: ``12-01``."""


class Fate(Titled):
    """What has become of one number of a granted segment; each has exactly one."""

    UNIT = "unit", "单位库存"
    HANDED_OUT = "handed_out", "已分发未用"
    RESERVED = "reserved", "应急预留"
    ISSUED = "issued", "已开具"
    RED = "red", "红票"
    EXCHANGED = "exchanged", "已开具并换开纸质"
    PAPER = "paper", "纸质票已用"
    VOID = "void", "作废"
    RETURNED = "returned", "已退回财政"


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
