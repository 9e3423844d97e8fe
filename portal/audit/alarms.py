"""What the auditor is told of unasked: acts in the log that call for a look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, select

from portal.audit.units import readable
from portal.core.clock import now
from portal.models.tables import AUDIT_ENTRY

WATCHED = timedelta(days=7)
WORDS = {
    "list.bulk_exported": ("大批导出", "请核对用途"),
    "party.searched_often": ("一小时内大量查找", "请核对是否工作需要"),
    "marked.looked": ("查看特别保护人员", "请核对是否工作需要"),
    "bill.differs": ("票据数据与签名文件不一致", "数据库可能被直接改动，请立即核对并保全日志"),
    "codes.many": ("验证码短信异常多", "请查看是否有人批量触发，必要时联系短信平台"),
    "staff.code-guessing": ("有人知道密码，在试两步验证码", "请联系本人修改密码"),
    "patient.guessing": ("患者端被大量试探", "请查看时间，必要时提醒窗口"),
}
"""Action → title, what to do."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """How often one of the acts happened lately."""

    action: str
    title: str
    remedy: str
    count: int


def lately(connection: Connection, unit_id: int) -> list[Alarm]:
    """All of :data:`WORDS` with their counts in the last :data:`WATCHED`, as far as the unit's auditor reads them."""
    counted = select(AUDIT_ENTRY.c.action, func.count()).where(
        AUDIT_ENTRY.c.action.in_(WORDS), AUDIT_ENTRY.c.at >= now() - WATCHED
    )
    counted = counted.where(readable(unit_id))
    counts = {action: int(number) for action, number in connection.execute(counted.group_by(AUDIT_ENTRY.c.action))}
    return [Alarm(action, *words, counts.get(action, 0)) for action, words in WORDS.items()]
