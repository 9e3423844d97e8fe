"""What the auditor is told of unasked: acts in the log that call for a look."""

from __future__ import annotations

from datetime import timedelta

WATCHED = timedelta(days=7)
WORDS = {
    "list.bulk_exported": ("大批导出", "请核对用途"),
    "party.searched_often": ("一小时内大量查找", "请核对是否工作需要"),
    "marked.looked": ("查看特别保护人员", "请核对是否工作需要"),
    "bill.differs": ("票据数据与签名文件不一致", "数据库可能被直接改动，请立即核对并保全日志"),
    "codes.many": ("验证码短信异常多", "请查看是否有人批量触发，必要时联系短信平台"),
    "staff.code-guessing": ("有人知道密码，在试两步验证码", "请联系本人修改密码"),
    "his.wrong_signatures": ("接口签名连续错误", "请核对 HIS 的密钥；不是本院 HIS 时请查看网络来源"),
    "patient.guessing": ("患者端被大量试探", "请查看时间，必要时提醒窗口"),
}
"""Action → title, what to do."""
