"""A second look at a large amount: it is said in words, and the same form says that it was meant."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request

from admin.kit.security import current_staff
from portal.access import parameters
from portal.domain.errors import Refusal
from portal.domain.money import commas, words
from portal.web.edge import services

FIELD = "seen_fen"


@dataclass(frozen=True, slots=True)
class SecondLook:
    """An amount in fen that must be looked at again, as figures and words."""

    fen: int

    @property
    def told(self) -> str:
        """The amount as people read it."""
        return f"{commas(self.fen)} 元（{words(self.fen)}）"


def due(fen: int, limit: str) -> SecondLook | None:
    """Return the look that an amount needs by the parameter ``limit``; None for a usual amount."""
    with services().database.read() as connection:
        least = int(parameters.value(connection, current_staff().unit_id, limit))
    return SecondLook(fen) if fen >= least else None


def look_twice(fen: int, limit: str) -> None:
    """Let an amount pass that is usual, or of which the form says that exactly it was seen. Raises SECOND_LOOK.

    The form that is shown again then has ``ui.second_look()``, which asks.
    """
    look = due(fen, limit)
    if look is not None and request.form.get(FIELD) != str(fen):
        g.second_look = look
        raise Refusal("SECOND_LOOK", amount=look.told)
