"""The search box of the bar: scan or type anything. It posts, so that no name or card stands in an address."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.billing.bills import bill_page, own_bill
from admin.billing.life import life_of
from admin.groups import billing
from admin.shapes import BILL_STATES
from admin.shell import current_actor, current_staff, page, requires, see_other, services
from portal.access.permissions import Permission
from portal.audit import entries
from portal.core.clock import now
from portal.issuing import finder, lists, queries

ACTED_ON = 5
"""For so many of the newest bills the next legal steps are shown at once."""


@billing.post("/search")
@requires(Permission.BILLS_VIEW, within="billing.bills")
def search() -> Response:
    """The bills that a scanned or typed text means; exactly one opens at once."""
    text = request.form.get("q", "")
    with services().database.read() as connection:
        found = finder.find(services(), connection, current_staff().unit_id, text)
    if found.personal:
        actor = current_actor()
        details = {"by": found.how, "bills": len(found.rows)}
        with services().database.write() as connection:
            entries.record(
                connection,
                "party.searched",
                "bill",
                found.rows[0].id,
                actor.label,
                request_id=actor.request_id,
                details=details,
            )
    if len(found.rows) == 1:
        return see_other(url_for("billing.bill", bill_id=found.rows[0].id))
    acts = {}
    with services().database.read() as connection:
        for row in found.rows[:ACTED_ON]:
            facts = queries.by_id(connection, row.id)
            if facts is not None:
                acts[row.id] = life_of(connection, facts).acts
    payers = {row.id: lists.masked_payer(services(), row) for row in found.rows}
    return page("found.html", rows=found.rows, payers=payers, acts=acts, states=BILL_STATES, most=finder.MOST)


@billing.post("/bills/<int:bill_id>/reveal")
@requires(Permission.PERSONS_REVEAL, within="billing.bills")
def reveal(bill_id: int) -> Response:
    """The payer's full name and phone, once, written down with the reason."""
    facts = own_bill(bill_id)
    reason = request.form.get("reason", "").strip()[:100]
    if len(reason) < 2:
        return bill_page(facts, problem="请写明查看原因（至少 2 个字）。", status=422)
    actor = current_actor()
    with services().database.write() as connection:
        details = {"reason": reason}
        entries.record(
            connection, "party.revealed", "bill", bill_id, actor.label, request_id=actor.request_id, details=details
        )
        party = queries.party(services(), connection, bill_id)
    return bill_page(facts, party=party, revealed_at=now())
