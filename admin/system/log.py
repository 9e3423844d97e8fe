"""日志: who did what, when, to what; and the check that nothing was changed afterwards."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Response
from sqlalchemy import select

from admin.groups import system
from admin.lists import Column, Filter, ListPage
from admin.shell import current_actor, page, requires, services
from portal.access.permissions import Permission
from portal.audit import chain, entries
from portal.audit.chain import SEAL
from portal.audit.entries import ENTRY
from portal.core.clock import SHANGHAI, business_day, now

ACTIONS = {
    "approval": "复核",
    "audit": "日志",
    "bill": "票据",
    "list": "列表",
    "parameter": "参数",
    "party": "个人信息",
    "staff": "用户",
}
"""Words for the first part of an action's name, to choose by."""


def midnight(day: date) -> datetime:
    """The beginning of a hospital's day."""
    return datetime.combine(day, time(), SHANGHAI)


def details_text(row: Any) -> str:
    """The details in one line."""
    return json.dumps(row.details, ensure_ascii=False)[:300] if row.details else ""


LOG = ListPage(
    name="log",
    title="日志",
    order=(ENTRY.c.at, ENTRY.c.id),
    columns=(
        Column("at", "时间", "time"),
        Column("actor", "人"),
        Column("action", "动作"),
        Column("object", "对象", value=lambda row: f"{row.object_kind} {row.object_id}"),
        Column("details", "详情", "long", value=details_text),
        Column("request_id", "请求号", "number"),
        Column("seq", "链序号", "count"),
        Column(
            "digest", "链哈希", "number", value=lambda row: row.digest.hex() if row.digest else "待入链", shown=False
        ),
    ),
    filters=(
        Filter(
            "from",
            "从",
            lambda day: ENTRY.c.at >= midnight(day),
            "date",
            default=lambda: business_day(now()).isoformat(),
        ),
        Filter("to", "到", lambda day: ENTRY.c.at < midnight(day + timedelta(days=1)), "date"),
        Filter("actor", "人", lambda text: ENTRY.c.actor.contains(text, autoescape=True)),
        Filter(
            "about",
            "类别",
            lambda first: ENTRY.c.action.startswith(f"{first}."),
            "choice",
            choices=ACTIONS,
        ),
        Filter("action", "动作", lambda text: ENTRY.c.action.startswith(text, autoescape=True)),
        Filter("object", "对象编号", lambda text: ENTRY.c.object_id == text),
        Filter("request", "请求号", lambda text: ENTRY.c.request_id == text),
    ),
    empty="这段时间没有符合条件的日志。",
)


@system.get("/log")
@requires(Permission.AUDIT_VIEW, menu="日志", order=50)
def log() -> Response:
    """Every act and every reveal of personal data."""
    rows = select(ENTRY, SEAL.c.seq, SEAL.c.digest).outerjoin(SEAL, SEAL.c.entry_id == ENTRY.c.id)
    return LOG.respond(rows, "log.html")


@system.post("/log/verify")
@requires(Permission.AUDIT_VERIFY)
def verify_log() -> Response:
    """Compute the chain again; the result names every row that does not fit."""
    with services().database.read() as connection:
        report = chain.verify(services(), connection)
    actor = current_actor()
    details = {"links": report.links, "problems": len(report.problems)}
    with services().database.write() as connection:
        about = {"request_id": actor.request_id, "details": details}
        entries.record(connection, "audit.verified", "audit", "chain", actor.label, **about)
    return page("log_verified.html", report=report, at=now())
