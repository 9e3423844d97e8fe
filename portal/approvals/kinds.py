"""Kinds of four-eyes approval: what a package exports as its ``APPROVALS`` for the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from portal.core.services import Services
from portal.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class Approved:
    """A request that a second person agreed to: its object, payload and reason, who asked, who agreed."""

    approval_id: int
    object_id: str
    payload: Mapping[str, Any]
    requester: Actor
    decider: Actor
    reason: str = ""


Act = Callable[[Services, Connection, Approved], str]
"""Does what was approved, on the given connection only, and says in one Chinese sentence what was done (no personal
data). A Refusal undoes everything and leaves the approval ``failed`` with its text."""


@dataclass(frozen=True, slots=True)
class ApprovalKind:
    """One kind of approval: its words on screen and what runs when it is approved."""

    title: str
    act: Act
