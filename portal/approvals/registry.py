"""The registry of approval kinds, and the decision about a request: wherever it is made, the same act runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from portal.approvals import requests
from portal.approvals.kinds import ApprovalKind, Approved
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.approval import ApprovalState

NOT_THE_ACTS = ("APPROVAL_NOT_FOUND", "APPROVAL_DECIDED", "APPROVAL_OWN", "BUSY")
"""Refusals of the decision itself: the request goes on waiting. Any other one is the failure of its act."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a second person says about a request: yes or no, and why."""

    approval_id: int
    approve: bool
    opinion: str = ""


class Registry:
    """Every kind of approval of an installation, collected from the packages that have some."""

    def __init__(self, *packages: Mapping[str, ApprovalKind]) -> None:
        self._kinds: dict[str, ApprovalKind] = {}
        for kinds in packages:
            if doubles := self._kinds.keys() & kinds:
                raise ValueError(f"approval kinds registered twice: {sorted(doubles)}")
            self._kinds.update(kinds)

    @property
    def titles(self) -> dict[str, str]:
        """The words of every kind by its code."""
        return {code: kind.title for code, kind in self._kinds.items()}

    def title(self, code: str) -> str:
        """Return the words of a kind; the bare code of one that is no longer registered."""
        return self.titles.get(code, code)

    def decide(self, services: Services, actor: Actor, decision: Decision) -> str:
        """Approve (and do it) or refuse, in one transaction; returns what the act said.

        Raises APPROVAL_NOT_FOUND for another unit's request, APPROVAL_DECIDED when somebody was faster, APPROVAL_OWN
        for one's own, BUSY, and the act's own Refusal, after writing it down as the approval's failure.
        """
        try:
            return services.database.act(lambda connection: self._decide(services, connection, actor, decision))
        except Refusal as refusal:
            if refusal.code not in NOT_THE_ACTS:
                words = f"{refusal.what}：{refusal.why}"
                services.database.act(lambda connection: _fail(connection, actor, decision, words))
            raise

    def _decide(self, services: Services, connection: Connection, actor: Actor, decision: Decision) -> str:
        request = requests.lock_pending(connection, decision.approval_id, actor)
        if request.requested_by == actor.label:
            raise Refusal("APPROVAL_OWN")
        if not decision.approve:
            requests.close(connection, request, actor, requests.Ending(ApprovalState.REFUSED, decision.opinion))
            return ""
        requester = Actor(request.requested_by, request.requester, request.unit_id, actor.request_id)
        approved = Approved(request.id, request.object_id, request.payload, requester, actor, request.reason)
        outcome = self._kinds[request.kind].act(services, connection, approved)
        requests.close(connection, request, actor, requests.Ending(ApprovalState.APPROVED, decision.opinion, outcome))
        return outcome


def _fail(connection: Connection, actor: Actor, decision: Decision, words: str) -> None:
    request = requests.lock_pending(connection, decision.approval_id, actor)
    requests.close(connection, request, actor, requests.Ending(ApprovalState.FAILED, decision.opinion, words))
