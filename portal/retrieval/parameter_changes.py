"""Changes of a unit's parameters together with their consequences for patients."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from portal.access import parameters
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.retrieval import family


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """The result of a change. ``changed``: it was not so before. ``ended_links``: guardians whose link ends earlier."""

    changed: bool
    ended_links: int = 0


def change(services: Services, actor: Actor, key: str, text: str) -> ParameterSet:
    """Set a parameter of the actor's unit from what was typed; as :func:`portal.access.parameters.change`.

    A lower age of children ends the links of their guardians so much earlier, in the same transaction.
    """

    def act(connection: Connection) -> ParameterSet:
        age = parameters.value(connection, actor.unit_id, family.CHILD_AGE)
        if not parameters.change(connection, key, text, actor):
            return ParameterSet(False)
        years = age - parameters.value(connection, actor.unit_id, family.CHILD_AGE)
        return ParameterSet(True, family.age_lowered(connection, actor.unit_id, years) if years > 0 else 0)

    return services.database.act(act)
