"""Result codes of the exchange with finance: what each means and what the sender does next (docs/exchange.md).

``0000`` ok; ``1xxx`` identity and digest; ``2xxx`` data; ``3xxx`` stock; ``4xxx`` state of the bill; ``5xxx`` system.
Only ``5xxx`` is worth sending again unchanged. The texts are what finance says; an operator reads them.
"""

from __future__ import annotations

from enum import StrEnum


class ResultCode(StrEnum):
    """One answer code. ``title`` is the Chinese text that goes with it."""

    OK = "0000"
    APP_UNKNOWN = "1001"
    DIGEST_WRONG = "1002"
    ALGORITHM_UNKNOWN = "1003"
    CLOCK_SKEW = "1004"
    REPLAYED = "1005"
    ENVELOPE_MALFORMED = "1006"
    MESSAGE_UNKNOWN = "1007"
    FIELD_INVALID = "2001"
    SIGNATURE_INVALID = "2002"
    DOCUMENT_DISAGREES = "2003"
    RELATED_UNKNOWN = "2004"
    NUMBER_NOT_GRANTED = "3001"
    APPLICATION_UNKNOWN = "3002"
    SEGMENT_UNKNOWN = "3003"
    TOO_LATE = "3004"
    RANGE_NOT_YOURS = "3005"
    DUPLICATE_SAME = "4001"
    DUPLICATE_OTHER = "4002"
    BILL_UNKNOWN = "4003"
    SHEET_IN_FORCE = "4004"
    SHEET_UNKNOWN = "4005"
    SYSTEM = "5000"
    BUSY = "5001"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The general text of the code; an answer may carry a more exact one."""
        return _TITLES[self]


_TITLES = {
    ResultCode.OK: "成功",
    ResultCode.APP_UNKNOWN: "应用账号未登记",
    ResultCode.DIGEST_WRONG: "报文摘要不正确",
    ResultCode.ALGORITHM_UNKNOWN: "不支持的摘要算法",
    ResultCode.CLOCK_SKEW: "报文时间与财政时间相差超过 5 分钟",
    ResultCode.REPLAYED: "报文编号已使用过",
    ResultCode.ENVELOPE_MALFORMED: "报文格式不正确",
    ResultCode.MESSAGE_UNKNOWN: "没有这个报文编号",
    ResultCode.FIELD_INVALID: "数据项不符合要求",
    ResultCode.SIGNATURE_INVALID: "单位签名无效",
    ResultCode.DOCUMENT_DISAGREES: "票据内容与报文不一致",
    ResultCode.RELATED_UNKNOWN: "红票的原票不存在",
    ResultCode.NUMBER_NOT_GRANTED: "票据号码不在已发放的号段内",
    ResultCode.APPLICATION_UNKNOWN: "没有这张申领单",
    ResultCode.SEGMENT_UNKNOWN: "没有下发过这个号段",
    ResultCode.TOO_LATE: "财政已经办理，不能撤销",
    ResultCode.RANGE_NOT_YOURS: "号码不在已入库的号段内，或已退回",
    ResultCode.DUPLICATE_SAME: "票据已上传，内容相同",
    ResultCode.DUPLICATE_OTHER: "票据代码和号码已被另一内容占用",
    ResultCode.BILL_UNKNOWN: "没有收到过这张票据",
    ResultCode.SHEET_IN_FORCE: "票据已换开另一张纸质票据，尚未作废",
    ResultCode.SHEET_UNKNOWN: "票据没有换开这张纸质票据",
    ResultCode.SYSTEM: "系统错误",
    ResultCode.BUSY: "系统繁忙",
}


def worth_repeating(code: str) -> bool:
    """Whether the same message may succeed later: system trouble, or a message id or time that the next try renews."""
    return code.startswith("5") or code in (ResultCode.REPLAYED, ResultCode.CLOCK_SKEW)
