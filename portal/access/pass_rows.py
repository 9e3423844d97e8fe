"""The rows of passes: short-lived tokens, kept as keyed hashes; ``portal.retrieval.proof.passes`` reads them."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from portal.core.clock import now
from portal.core.services import Services
from portal.models import PatientPass

MAIL = "mail"
"""Of the link in a message: an e-mail or a push."""
MAIL_LIVES = timedelta(days=7)
"""How long the link in a mail opens the bill's first page, which asks for the payer's name."""
PUSH_LIVES = timedelta(days=30)
"""The same of the link in a push: an APP keeps its notices longer than a mailbox is read."""


def write(
    services: Services,
    connection: Connection,
    token: str,
    purpose: str,
    lives: timedelta,
    unit_id: int,
    claim: dict[str, Any],
) -> None:
    """Keep a pass that opens what ``claim`` says; one of a single bill and nobody is for that bill."""
    digest, moment, bills = services.index.digest("pass", token), now(), claim["bills"]
    values = {
        "digest": digest,
        "unit_id": unit_id,
        "purpose": purpose,
        "bill_id": bills[0] if len(bills) == 1 and not claim.get("number") else None,
        "claim": services.cipher.encrypt("patient_pass.claim", digest.hex(), json.dumps(claim)),
        "created_at": moment,
        "expires_at": moment + lives,
        "revoked_at": None,
    }
    connection.execute(insert(PatientPass), values)


def for_message(services: Services, unit_id: int, bill_id: int, lives: timedelta) -> tuple[str, datetime]:
    """Return the token of the link in a message about one bill and its end, in a transaction of its own."""
    token = secrets.token_urlsafe(24)
    with services.database.write() as connection:
        write(services, connection, token, MAIL, lives, unit_id, {"bills": [bill_id]})
    return token, now() + lives
