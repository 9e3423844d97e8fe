"""Result codes of the finance contract: what each means and what the sender does next.

``0000`` ok; ``1xxx`` identity and digest; ``2xxx`` data; ``3xxx`` stock; ``4xxx`` state of the bill; ``5xxx`` system.
Only ``5xxx`` is worth sending again unchanged. The texts are what finance says; an operator reads them.
"""

from __future__ import annotations

from portal.domain.titled import Titled


class ResultCode(Titled):
    """One answer code. ``title`` is the Chinese text that goes with it."""

    OK = "0000", "成功"
    APP_UNKNOWN = "1001", "应用账号未登记"
    DIGEST_WRONG = "1002", "报文摘要不正确"
    ALGORITHM_UNKNOWN = "1003", "不支持的摘要算法"
    CLOCK_SKEW = "1004", "报文时间与财政时间相差超过 5 分钟"
    REPLAYED = "1005", "报文编号已使用过"
    ENVELOPE_MALFORMED = "1006", "报文格式不正确"
    MESSAGE_UNKNOWN = "1007", "没有这个报文编号"
    FIELD_INVALID = "2001", "数据项不符合要求"
    SIGNATURE_INVALID = "2002", "单位签名无效"
    DOCUMENT_DISAGREES = "2003", "票据内容与报文不一致"
    RELATED_UNKNOWN = "2004", "红票的原票不存在"
    NUMBER_NOT_GRANTED = "3001", "票据号码不在已发放的号段内"
    APPLICATION_UNKNOWN = "3002", "没有这张申领单"
    SEGMENT_UNKNOWN = "3003", "没有下发过这个号段"
    TOO_LATE = "3004", "财政已经办理，不能撤销"
    RANGE_NOT_YOURS = "3005", "号码不在已入库的号段内，或已退回"
    DUPLICATE_SAME = "4001", "票据已上传，内容相同"
    DUPLICATE_OTHER = "4002", "票据代码和号码已被另一内容占用"
    BILL_UNKNOWN = "4003", "没有收到过这张票据"
    SHEET_IN_FORCE = "4004", "票据已换开另一张纸质票据，尚未作废"
    SHEET_UNKNOWN = "4005", "票据没有换开这张纸质票据"
    SYSTEM = "5000", "系统错误"
    BUSY = "5001", "系统繁忙"


def worth_repeating(code: str) -> bool:
    """Whether the same message may succeed later: system trouble, or a message id or time that the next try renews."""
    return code.startswith("5") or code in (ResultCode.REPLAYED, ResultCode.CLOCK_SKEW)
