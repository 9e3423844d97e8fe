"""参数: what the unit may set, each change audited with before and after."""

from __future__ import annotations

from flask import Response, request, url_for
from sqlalchemy import Connection, select

from admin.kit.groups import system
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access import parameters
from portal.access.parameters import CATALOGUE
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.models.tables import PARAMETER
from portal.retrieval import family
from portal.web.edge import see_other, services


@system.get("/parameters")
@requires(Permission.PARAMETERS_VIEW, menu="参数", order=30)
def parameters_page() -> Response:
    """Every parameter with its value, default, meaning, and who changed it last."""
    return _page()


def _page(problem: str = "", status: int = 200) -> Response:
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        values = parameters.values(connection, unit_id)
        changed = {
            row.key: row for row in connection.execute(select(PARAMETER).where(PARAMETER.c.unit_id == unit_id)).all()
        }
    return page(
        "system/parameters.html", status, catalogue=CATALOGUE.values(), values=values, changed=changed, problem=problem
    )


@system.post("/parameters/<string:key>")
@requires(Permission.PARAMETERS_EDIT)
def change_parameter(key: str) -> Response:
    """Set one."""
    try:
        with services().database.write() as connection:
            actor = current_actor()
            age = parameters.value(connection, actor.unit_id, family.CHILD_AGE)
            changed = parameters.change(connection, key, request.form.get("value", ""), actor)
            ended = _age_followed(connection, actor.unit_id, age) if changed else 0
    except Refusal as refusal:
        if refusal.code != "INPUT_INVALID":
            raise
        return _page(str(refusal), 422)
    earlier = f"已有的 {ended} 份监护关系随之提前到期。" if ended else ""
    say(f"“{CATALOGUE[key].title}”已保存。{earlier}" if changed else "没有变化。")
    return see_other(url_for("system.parameters_page"))


def _age_followed(connection: Connection, unit_id: int, before: int) -> int:
    years = before - parameters.value(connection, unit_id, family.CHILD_AGE)
    return family.age_lowered(connection, unit_id, years) if years > 0 else 0
