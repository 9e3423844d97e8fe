"""首页: work that waits, approvals, the own account."""
