"""Acts on the accounts of officers and of those who decide, for which two persons are needed.

Whoever could alone reset the password or the second factor of such an account, or grant such a role, could be anybody.
So the security administrator asks and somebody who decides agrees (待复核), never about their own account. The one-time
password is shown to whoever decided, once, and never to whoever asked. Where nobody can decide, whoever has the server
uses ``qupiao staff``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Connection, select

from portal.access import accounts, queries
from portal.access.administration import OneTimePassword
from portal.access.permissions import GUARDED, Role
from portal.access.sign_in import second_factor
from portal.approvals import requests
from portal.approvals.kinds import ApprovalKind, Approved
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.approval import ApprovalState
from portal.models.tables import STAFF_ACCOUNT

PASSWORD, SECOND_FACTOR, ROLES = "staff.password", "staff.second-factor", "staff.roles"  # kinds
HAND_OVER_IN = timedelta(minutes=10)
"""So long after the decision the one-time password is shown."""
REASON = "安全管理员在用户页提出"


def reset_password(services: Services, actor: Actor, account_id: int) -> str | None:
    """Give an account a one-time password and return it; for a guarded account ask a second person (``None``).

    Raises PAGE_NOT_FOUND, INPUT_INVALID for one's own account, APPROVAL_PENDING.
    """

    def act(connection: Connection) -> str | None:
        facts = _account(connection, actor, account_id)
        if GUARDED.isdisjoint(facts.roles):
            return accounts.reset_password(connection, account_id, actor)
        _ask(connection, actor, PASSWORD, account_id, f"重置{_named(facts)}的密码")
        return None

    return services.database.act(act)


def take_second_factor_away(services: Services, actor: Actor, account_id: int) -> bool:
    """Remove an account's lost second factor; ``False``: a second person is asked, as for :func:`reset_password`."""

    def act(connection: Connection) -> bool:
        facts = _account(connection, actor, account_id)
        if GUARDED.isdisjoint(facts.roles):
            second_factor.take_away_on(connection, account_id, actor)
            return True
        _ask(connection, actor, SECOND_FACTOR, account_id, f"重置{_named(facts)}的两步验证")
        return False

    return services.database.act(act)


def set_roles(services: Services, actor: Actor, account_id: int, roles: Iterable[Role]) -> bool:
    """Grant exactly these roles; ``False``: a guarded role comes or goes, and a second person is asked.

    Raises as :func:`reset_password`, and INPUT_INVALID for roles that must stand apart.
    """
    chosen = accounts.checked_roles(roles)

    def act(connection: Connection) -> bool:
        facts = _account(connection, actor, account_id)
        if GUARDED.isdisjoint(set(facts.roles) ^ set(chosen)):
            accounts.set_roles(connection, account_id, chosen, actor)
            return True
        titles = "、".join(role.title for role in chosen) or "没有角色"
        payload = {"roles": [role.value for role in chosen]}
        _ask(connection, actor, ROLES, account_id, f"{_named(facts)}的角色改为：{titles}", payload)
        return False

    return services.database.act(act)


def _account(connection: Connection, actor: Actor, account_id: int) -> queries.AccountFacts:
    """Return somebody else's account, held to the commit."""
    accounts.other(connection, account_id, actor)
    return queries.staff_account(connection, actor.unit_id, account_id)


def _named(facts: queries.AccountFacts) -> str:
    titles = "、".join(role.title for role in facts.roles)
    return f" {facts.username}{f'（{titles}）' if titles else ''} "


def _ask(
    connection: Connection,
    actor: Actor,
    kind: str,
    account_id: int,
    summary: str,
    payload: dict[str, list[str]] | None = None,
) -> None:
    requests.request_on(connection, actor, requests.Request(kind, account_id, summary.strip(), REASON, payload or {}))


def _decided(connection: Connection, approved: Approved) -> int:
    """Return the account of an approved request. Raises APPROVAL_OWN when it is the decider's own."""
    account_id = int(approved.object_id)
    facts = queries.staff_account(connection, approved.requester.unit_id, account_id)
    if approved.decider.label == f"staff:{facts.username}":
        raise Refusal("APPROVAL_OWN")
    return account_id


def _reset(_services: Services, connection: Connection, approved: Approved) -> str:
    accounts.reset_password(connection, _decided(connection, approved), approved.requester)
    return "密码已重置，该账号的登录已全部退出。"


def _take_away(_services: Services, connection: Connection, approved: Approved) -> str:
    second_factor.take_away_on(connection, _decided(connection, approved), approved.requester)
    return "两步验证已重置，请本人重新登记。"


def _grant(_services: Services, connection: Connection, approved: Approved) -> str:
    account_id = _decided(connection, approved)
    accounts.set_roles(connection, account_id, map(Role, approved.payload["roles"]), approved.requester)
    if accounts.get(connection, account_id, approved.requester).must_change:
        # Whoever opened the account knows its first password: from now on that is worth more than it was.
        accounts.reset_password(connection, account_id, approved.requester)
        return "角色已授予，初始密码已换新。"
    return "角色已授予，该账号须重新登录。"


APPROVALS = {
    PASSWORD: ApprovalKind("重置管理、复核人员的密码", _reset),
    SECOND_FACTOR: ApprovalKind("重置管理、复核人员的两步验证", _take_away),
    ROLES: ApprovalKind("授予管理、复核角色", _grant),
}


def hand_over(services: Services, actor: Actor, approval_id: int) -> OneTimePassword | None:
    """Make the one-time password of an account that the actor has just agreed to reset; ``None`` when there is none to
    hand over: another kind, somebody else's decision, too late, or done before.
    """

    def act(connection: Connection) -> OneTimePassword | None:
        request = requests.by_id(connection, actor.unit_id, approval_id)
        fresh = request.decided_at is not None and request.decided_at > now() - HAND_OVER_IN
        mine = request.state == ApprovalState.APPROVED and request.decided_by == actor.label
        if request.kind not in (PASSWORD, ROLES) or not (mine and fresh):
            return None
        row = connection.execute(
            select(STAFF_ACCOUNT.c.must_change, STAFF_ACCOUNT.c.password_at, STAFF_ACCOUNT.c.username)
            .where(STAFF_ACCOUNT.c.id == int(request.object_id))
            .with_for_update()
        ).one()
        untouched = request.decided_at is not None and row.password_at <= request.decided_at
        if not (row.must_change and untouched):
            return None
        password = accounts.reset_password(connection, int(request.object_id), actor)
        return OneTimePassword(int(request.object_id), row.username, password)

    return services.database.act(act)


def waiting(connection: Connection, account_id: int) -> list[str]:
    """Return what waits for a second person about an account, in words."""
    found = (requests.of_object(connection, kind, account_id) for kind in APPROVALS)
    return [one.summary for one in found if one is not None and one.state == ApprovalState.PENDING]
