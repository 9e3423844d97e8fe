"""States of a four-eyes approval, with their words on screen."""

from __future__ import annotations

from portal.domain.titled import Titled


class ApprovalState(Titled):
    """复核: pending → approved (and done), refused, withdrawn by the requester, or failed when its act was refused."""

    PENDING = "pending", "待复核"
    APPROVED = "approved", "已同意"
    REFUSED = "refused", "已拒绝"
    WITHDRAWN = "withdrawn", "已撤回"
    FAILED = "failed", "办理失败"
