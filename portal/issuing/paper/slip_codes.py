"""取票码 on a printed slip: with the payer's name it opens that one bill, once.

The code of a print is computed from bill and print, so that opening the print again shows the same; the table holds
only its keyed hash.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, insert

from portal.core.clock import now
from portal.core.services import Services
from portal.domain.identity import normalise
from portal.models.tables import SLIP_CODE

LIVES = timedelta(days=180)
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CHARACTERS = 8


def of_print(services: Services, bill_id: int, line: int) -> str:
    """Compute the code of print number ``line`` of a bill's slip: ``QP`` and 39 bits of a keyed hash."""
    value = int.from_bytes(services.index.digest("slip-code-value", f"{bill_id}:{line}"))
    code = ""
    for _ in range(_CHARACTERS):
        value, place = divmod(value, len(_LETTERS))
        code += _LETTERS[place]
    return f"QP{code}"


def digest(services: Services, typed: str) -> bytes:
    """Compute the keyed hash under which a typed code is found."""
    return services.index.digest("slip-code", normalise(typed))


def write(services: Services, connection: Connection, bill_id: int, line: int) -> None:
    """Make the code of a print valid, in the caller's transaction."""
    row = {
        "digest": digest(services, of_print(services, bill_id, line)),
        "bill_id": bill_id,
        "expires_at": now() + LIVES,
        "used_at": None,
    }
    connection.execute(insert(SLIP_CODE), row)
