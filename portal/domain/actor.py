"""Who acts: handed to every service that changes something, written into its audit entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """``label`` names the actor in the audit log (``staff:chen``, ``his:<appid>``, ``kiosk:07``, ``worker:fiscal``);
    ``name`` is what stands on documents (the cashier's name); ``unit_id`` bounds what the actor may touch."""

    label: str
    name: str = ""
    unit_id: int = 0
    request_id: str = ""
