"""Receipts of push targets: delivered, read or failed. Genuine ones go to the inbox first."""

from __future__ import annotations

import hmac
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from portal.core import strict_json
from portal.core.services import Services
from portal.delivery.engine import receipts
from portal.delivery.engine.receipts import Receipt
from portal.delivery.inbound import inbox
from portal.delivery.inbound.inbox import Act
from portal.delivery.push.targets import keys
from portal.domain.errors import Refusal
from portal.models.tables import PUSH_TARGET
from portal.providers.push.signature import signature

SOURCE, EVENT = "push", "receipt"
STATUSES = ("delivered", "read", "failed")
FRESH = 300
"""Seconds that a receipt's timestamp may be off; its nonce is remembered for longer."""
LARGEST = 4096
_NONCE = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_STAMP = re.compile(r"[0-9]{10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signed:
    """The headers of a receipt: key id, timestamp, nonce, signature."""

    key_id: str
    stamp: str
    nonce: str
    signature: str


def receive(services: Services, path: str, signed: Signed, body: bytes) -> str:
    """Write a genuine receipt down, once; returns the number of its event. The worker does the rest.

    Raises CALLBACK_UNSIGNED (unknown key, wrong signature, wrong clock: one answer), CALLBACK_INVALID. A replay is
    answered like the first one and changes nothing.
    """
    genuine = _signers(services, path, signed, body)
    if not genuine:
        raise Refusal("CALLBACK_UNSIGNED", seconds=FRESH)
    event_id, status = _read(body)
    fields = {"event_id": event_id, "status": status, "targets": genuine}
    nonce = f"{signed.key_id}:{signed.stamp}:{signed.nonce}"
    inbox.receive(services, SOURCE, f"{signed.key_id}:{event_id}:{status}", EVENT, fields, nonce)
    return event_id


def _signers(services: Services, path: str, signed: Signed, body: bytes) -> list[list[Any]]:
    """Return unit and code of each target that has signed this; a key of the settings is that of all units."""
    fresh = _STAMP.fullmatch(signed.stamp) and abs(time.time() - int(signed.stamp)) <= FRESH
    if not fresh or not _NONCE.fullmatch(signed.nonce):
        return []
    with services.database.read() as connection:
        rows = connection.execute(select(PUSH_TARGET).where(PUSH_TARGET.c.key_id == signed.key_id)).all()
    given = signed.signature.encode()
    found = []
    for row in rows:
        wanted = (signature(key, "POST", path, signed.stamp, signed.nonce, body) for key in keys(services, row))
        if any(hmac.compare_digest(one.encode(), given) for one in wanted):
            found.append([row.unit_id, row.code])
    return found


def _read(body: bytes) -> tuple[str, str]:
    try:
        found = strict_json.decode(body)
        event_id, status = str(uuid.UUID(str(found["event_id"]))), str(found["status"])
    except (ValueError, TypeError, KeyError):
        raise Refusal("CALLBACK_INVALID") from None
    if status not in STATUSES:
        raise Refusal("CALLBACK_INVALID")
    return event_id, status


def _act(services: Services, fields: Mapping[str, Any]) -> None:
    good, read = fields["status"] != "failed", fields["status"] == "read"
    text = "" if good else "接收方没有送达"
    for unit_id, code in fields["targets"]:
        receipt = Receipt(code, good, their_ref=fields["event_id"], text=text, read=read, unit_id=unit_id)
        receipts.receive(services, receipt)


ACTS: dict[tuple[str, str], Act] = {(SOURCE, EVENT): _act}
