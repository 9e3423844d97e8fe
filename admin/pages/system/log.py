"""日志: the audit log of a unit, and the check of its hash chain."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import page
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.system import log_words
from portal import audit
from portal.access.permissions import Permission
from portal.audit import actions, chain, queries
from portal.audit.actions import OBJECTS
from portal.core.clock import business_day, now
from portal.domain.numbers import bill_number
from portal.listing import values
from portal.listing.columns import Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.web.edge import services


def _object(row: Any) -> str:
    """Return what an entry is about, a bill by its code and number."""
    name = OBJECTS.get(row.object_kind, row.object_kind)
    return f"{name} {bill_number(row.bill_code, row.bill_number) if row.bill_code else row.object_id}"


def _address(row: Any) -> str | None:
    openable = row.bill_code and may(Permission.BILLS_VIEW)
    return url_for("billing.bill", bill_id=int(row.object_id)) if openable else None


def _actions() -> dict[str, str]:
    """Every action and its word: by heading, within one by the word."""
    headings = [*dict.fromkeys(actions.GROUPS.values()), actions.OTHERS]
    return dict(sorted(actions.ACTIONS.items(), key=lambda one: (headings.index(actions.group(one[0])), one[1])))


LOG = ListPage(
    name="log",
    title="日志",
    order=queries.NEWEST,
    columns=(
        Column("at", "时间", "time"),
        Column("actor", "人", value=lambda row: row.actor_name or values.actor(row.actor)),
        Column("account", "账号", value=lambda row: row.actor.partition(":")[2], shown=False),
        Column("action", "动作", value=lambda row: actions.title(row.action)),
        Column("object", "对象", value=_object, link=_address),
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
        Filter("action", "动作", queries.of_action, "choice", choices=_actions(), group=actions.group),
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
