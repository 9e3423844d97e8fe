"""Page of 常用交款人: the payers that the desk remembers, masked; each can be forgotten."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.groups import basics
from admin.kit.page import page, say
from admin.kit.reasons import gate
from admin.kit.security import current_actor, current_staff, requires
from portal.access.permissions import Permission
from portal.issuing.manual import known_payers as manual_known_payers
from portal.web.edge import see_other, services


@basics.route("/payers", methods=["GET", "POST"])
@requires(Permission.BILLS_ISSUE, menu="常用交款人", order=70)
def known_payers() -> Response:
    """List the remembered payers; a whole name or number finds one, posted so that no address holds it."""
    typed = request.form.get("find", "")[:100] if request.method == "POST" else ""
    with services().database.read() as connection:
        payers = manual_known_payers.shown(services(), connection, current_staff().unit_id, typed)
        ids = [payer.id for payer in payers] if typed else []
        marks = manual_known_payers.marks(services(), connection, current_staff().unit_id, ids)
    gate(marks, "payers")
    return page(
        "basics/payers.html", title="常用交款人", payers=payers, typed=typed, days=manual_known_payers.KEEP.days
    )


@basics.post("/payers/<int:payer_id>/forget")
@requires(Permission.BILLS_ISSUE, within="basics.known_payers")
def forget_payer(payer_id: int) -> Response:
    """Forget a payer."""
    manual_known_payers.forget(services(), current_actor(), payer_id)
    say("已删除。")
    return see_other(url_for("basics.known_payers"))
