"""日志: the audit log of a unit, and the check of its hash chain."""

from __future__ import annotations

from flask import Response

from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import page
from admin.kit.security import current_actor, current_staff, requires
from admin.pages.system import log_words
from portal import audit
from portal.access.permissions import Permission
from portal.audit import actions, chain, queries
from portal.audit.actions import OBJECTS
from portal.core.clock import business_day, now
from portal.listing import values
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.web.edge import services

LOG = ListPage(
    name="log",
    title="日志",
    order=queries.NEWEST,
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
        Filter("from", "从", queries.since, "date", default=lambda: business_day(now()).isoformat()),
        Filter("to", "到", queries.until, "date"),
        Filter("actor", "人", queries.by_actor),
        Filter("about", "对象", queries.about_kind, "choice", choices=OBJECTS),
        Filter("action", "动作", queries.of_action, "choice", choices=actions.ACTIONS),
        Filter("object", "对象编号", queries.about_object),
        Filter("request", "请求号", queries.of_request),
    ),
    empty="这段时间没有符合条件的日志。",
)


@system.get("/log")
@requires(Permission.AUDIT_VIEW, menu="日志", order=50)
def log() -> Response:
    """List every act and every reveal of personal data of the unit."""
    return respond(LOG, queries.of_unit(current_staff().unit_id), "system/log.html")


@system.post("/log/verify")
@requires(Permission.AUDIT_VERIFY)
def verify_log() -> Response:
    """Compute the chain again and name every row that does not fit."""
    with services().database.read() as connection:
        report = chain.verify(services(), connection)
    actor = current_actor()
    details = {"links": report.links, "problems": len(report.problems)}
    audit.note(services(), actor, "audit.verified", ("audit", "chain"), details)
    return page("system/log_verified.html", report=report, at=now())
