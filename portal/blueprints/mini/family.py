"""Family and proxies: whose bills one may see, who may see one's own, and how that begins and ends."""

from __future__ import annotations

from typing import Any

from flask import Response

from portal.blueprints.mini import shapes
from portal.blueprints.mini.bills import departments_for
from portal.blueprints.mini.context import answer, body, caller, mini, present, query, session_of
from portal.blueprints.mini.log_in import code_state
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name, normalise, normalise_name
from portal.retrieval import family
from portal.retrieval.family import Member
from portal.retrieval.proof import code_entry, identify
from portal.web.edge import limits, services


def _told(member: Member) -> dict[str, Any]:
    return {
        "id": str(member.link_id),
        "name": mask_name(member.name),
        "relation": member.relation,
        "kind": member.title,
        "until": shapes.day(member.valid_until),
    }


@mini.get("/family")
def relatives() -> Response:
    """Whose bills the person may see besides their own, and who may see theirs."""
    with services().database.read() as connection:
        session = session_of(connection, 2)
        mine = family.mine(services(), connection, session)
        watchers = family.watchers(services(), connection, session)
    return answer(
        members=[_told(one) for one in mine],
        watchers=[_told(one) for one in watchers],
        relations=list(family.RELATIONS),
    )


@mini.get("/family/<int:link_id>/bills")
def relative(link_id: int) -> Response:
    """Show a relative's bills; they are told of it."""
    wanted = query("year", "page")
    with services().database.read() as connection:
        session = session_of(connection, 2)
        member, found = family.bills(services(), connection, session, link_id)
        departments = departments_for(connection, session)
    family.looked(services(), session, member)
    return answer(**shapes.listed(found, member.name, wanted, departments))


@mini.post("/family/child")
def child() -> Response:
    """Add a guardian's child whose bills carry the same phone."""
    session = present(2)
    typed = body("Child")
    return answer(id=str(family.add_child(services(), limits(), session, typed["number"], typed["name"])))


@mini.post("/family/proxy")
def proxy() -> Response:
    """Have a consent code sent to the other person's phone, whether there is one or not."""
    session = present(2)
    typed = body("Proxy")
    if len(normalise(typed["number"])) < 5 or not normalise_name(typed["name"]):
        raise Refusal("ENTRY_INVALID", problems="请填写家人的号码和姓名，两项都需要")
    person = (typed["number"], typed["name"], typed.get("relation", ""))
    family.ask_consent(services(), limits(), session, *person)
    return code_state(session, identify.CONSENT)


@mini.post("/family/resend")
def resend_consent() -> Response:
    """重新发送: another code to the person who is asked."""
    session = present(2)
    code_entry.resend(services(), limits(), session, identify.CONSENT, caller())
    return code_state(session, identify.CONSENT)


@mini.post("/family/consent")
def consent() -> Response:
    """Take the code that the other person got."""
    session = present(2)
    return answer(id=str(family.give_consent(services(), limits(), session, body("Code")["code"])))


@mini.post("/family/<int:link_id>/revoke")
def revoke(link_id: int) -> Response:
    """Either side ends a link."""
    family.revoke(services(), present(2), link_id)
    return answer()
