"""参数: the settings of a unit, each change audited with before and after."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.groups import system
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access import parameters, queries
from portal.access.parameters import CATALOGUE
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.retrieval import parameter_changes
from portal.web.edge import see_other, services


@system.get("/parameters")
@requires(Permission.PARAMETERS_VIEW, menu="参数", order=30)
def parameters_page() -> Response:
    """Show every parameter with its value, default, meaning and last change."""
    return _page()


def _page(problem: str = "", status: int = 200) -> Response:
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        values = parameters.values(connection, unit_id)
        changed = queries.parameter_changes(connection, unit_id)
    return page(
        "system/parameters.html", status, catalogue=CATALOGUE.values(), values=values, changed=changed, problem=problem
    )


@system.post("/parameters/<string:key>")
@requires(Permission.PARAMETERS_EDIT)
def change_parameter(key: str) -> Response:
    """Set a parameter from what was typed."""
    try:
        result = parameter_changes.change(services(), current_actor(), key, request.form.get("value", ""))
    except Refusal as refusal:
        if refusal.code not in ("INPUT_INVALID", "APPROVAL_PENDING"):
            raise
        return _page(str(refusal), 422)
    if result.asked:
        say(f"“{CATALOGUE[key].title}”的这一修改会放宽控制，已提交复核；另一人同意后生效。", "warning")
        return see_other(url_for("system.parameters_page"))
    ended = f"已有的 {result.ended_links} 份监护关系随之提前到期。" if result.ended_links else ""
    say(f"“{CATALOGUE[key].title}”已保存。{ended}" if result.changed else "没有变化。")
    return see_other(url_for("system.parameters_page"))
