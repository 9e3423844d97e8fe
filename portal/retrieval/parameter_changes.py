"""Changes of a unit's parameters together with their consequences for patients, and those that need a second person."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from portal.access import parameters
from portal.access.parameters import CATALOGUE
from portal.approvals import requests
from portal.approvals.kinds import ApprovalKind, Approved
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.retrieval import family

APPROVAL = "parameter.weaker"


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """The result of a change. ``changed``: it was not so before. ``ended_links``: guardians whose link ends earlier.
    ``asked``: it weakens a guard, so nothing was changed and a second person was asked."""

    changed: bool
    ended_links: int = 0
    asked: bool = False


def change(services: Services, actor: Actor, key: str, text: str) -> ParameterSet:
    """Set a parameter of the actor's unit from what was typed; as :func:`portal.access.parameters.change`.

    What weakens a guard waits for a second person: one alone could switch four eyes off. Raises APPROVAL_PENDING when
    a change of the same parameter waits already.
    """

    def act(connection: Connection) -> ParameterSet:
        after, before = parameters.parsed(key, text), parameters.value(connection, actor.unit_id, key)
        parameter = CATALOGUE[key]
        if not parameter.weakens(before, after):
            return change_on(connection, actor, key, text)
        summary = f"参数“{parameter.title}”由 {parameter.shown(before)} 改为 {parameter.shown(after)}"
        order = requests.Request(APPROVAL, key, summary, f"放宽控制：{parameter.meaning}", {"key": key, "text": text})
        requests.request_on(connection, actor, order)
        return ParameterSet(changed=False, asked=True)

    return services.database.act(act)


def change_on(connection: Connection, actor: Actor, key: str, text: str) -> ParameterSet:
    """Set a parameter in the caller's transaction, whoever has agreed.

    A lower age of children ends the links of their guardians so much earlier, in the same transaction.
    """
    age = parameters.value(connection, actor.unit_id, family.CHILD_AGE)
    if not parameters.change(connection, key, text, actor):
        return ParameterSet(False)
    years = age - parameters.value(connection, actor.unit_id, family.CHILD_AGE)
    return ParameterSet(True, family.age_lowered(connection, actor.unit_id, years) if years > 0 else 0)


def _change(_services: Services, connection: Connection, approved: Approved) -> str:
    key, text = str(approved.payload["key"]), str(approved.payload["text"])
    change_on(connection, approved.requester, key, text)
    return f"“{CATALOGUE[key].title}”已修改，几秒后生效。"


APPROVALS = {APPROVAL: ApprovalKind("放宽控制的参数", _change)}
"""The kind of four-eyes approval of parameters, for the registry."""
