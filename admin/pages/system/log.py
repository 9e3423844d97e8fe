"""日志: who did what, when, to what; and the check that nothing was changed afterwards."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Response
from sqlalchemy import select

from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import page
from admin.kit.security import current_actor, current_staff, requires
from admin.pages.system import log_words
from portal import audit
from portal.access.permissions import Permission
from portal.audit import actions, chain, units
from portal.audit.actions import OBJECTS
from portal.core.clock import SHANGHAI, business_day, now
from portal.listing import values
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.models.tables import AUDIT_ENTRY, AUDIT_SEAL
from portal.web.edge import services


def midnight(day: date) -> datetime:
    """The beginning of a hospital's day."""
    return datetime.combine(day, time(), SHANGHAI)


LOG = ListPage(
    name="log",
    title="日志",
    order=(AUDIT_ENTRY.c.at, AUDIT_ENTRY.c.id),
    columns=(
        Column("at", "时间", "time"),
        Column("actor", "人", value=lambda row: values.actor(row.actor)),
        Column("action", "动作", value=lambda row: actions.title(row.action)),
        Column("object", "对象", value=lambda row: f"{OBJECTS.get(row.object_kind, row.object_kind)} {row.object_id}"),
        Column("details", "详情", "long", value=lambda row: log_words.text(row.details or {})[:400]),
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
            lambda day: AUDIT_ENTRY.c.at >= midnight(day),
            "date",
            default=lambda: business_day(now()).isoformat(),
        ),
        Filter("to", "到", lambda day: AUDIT_ENTRY.c.at < midnight(day + timedelta(days=1)), "date"),
        Filter("actor", "人", lambda text: AUDIT_ENTRY.c.actor.contains(text, autoescape=True)),
        Filter("about", "对象", lambda kind: AUDIT_ENTRY.c.object_kind == kind, "choice", choices=OBJECTS),
        Filter("action", "动作", lambda action: AUDIT_ENTRY.c.action == action, "choice", choices=actions.ACTIONS),
        Filter("object", "对象编号", lambda text: AUDIT_ENTRY.c.object_id == text),
        Filter("request", "请求号", lambda text: AUDIT_ENTRY.c.request_id == text),
    ),
    empty="这段时间没有符合条件的日志。",
)


@system.get("/log")
@requires(Permission.AUDIT_VIEW, menu="日志", order=50)
def log() -> Response:
    """Every act and every reveal of personal data of the unit."""
    rows = select(AUDIT_ENTRY, AUDIT_SEAL.c.seq, AUDIT_SEAL.c.digest).outerjoin(
        AUDIT_SEAL, AUDIT_SEAL.c.entry_id == AUDIT_ENTRY.c.id
    )
    rows = rows.where(units.readable(current_staff().unit_id))
    return respond(LOG, rows, "system/log.html")


@system.post("/log/verify")
@requires(Permission.AUDIT_VERIFY)
def verify_log() -> Response:
    """Compute the chain again; the result names every row that does not fit."""
    with services().database.read() as connection:
        report = chain.verify(services(), connection)
    actor = current_actor()
    details = {"links": report.links, "problems": len(report.problems)}
    audit.note(services(), actor, "audit.verified", ("audit", "chain"), details)
    return page("system/log_verified.html", report=report, at=now())
