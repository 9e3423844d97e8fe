"""Acts of administrators on staff accounts, each in a transaction of its own (the rules are in :mod:`accounts`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from portal import audit
from portal.access import accounts
from portal.access.sign_in import second_factor, sessions
from portal.access.staff import by_username
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that is to be opened. ``valid_until`` is None for good."""

    username: str
    name: str
    point_ids: Sequence[int]
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """The new facts of an account."""

    account_id: int
    name: str
    point_ids: Sequence[int]
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class OneTimePassword:
    """A password that is handed over once."""

    account_id: int
    username: str
    password: str


def open_account(services: Services, actor: Actor, order: NewAccount) -> OneTimePassword:
    """Open an account without roles; as :func:`accounts.open_account`."""

    def act(connection: Connection) -> OneTimePassword:
        account_id, password = accounts.open_account(
            connection, order.username, order.name, order.point_ids, order.valid_until, actor
        )
        return OneTimePassword(account_id, order.username.casefold(), password)

    return services.database.act(act)


def change(services: Services, actor: Actor, order: AccountChange) -> None:
    """Change name, points and last day of an account; as :func:`accounts.change`."""
    services.database.act(
        lambda connection: accounts.change(
            connection, order.account_id, order.name, order.point_ids, order.valid_until, actor
        )
    )


def set_active(services: Services, actor: Actor, account_id: int, active: bool) -> None:
    """Disable or enable an account; as :func:`accounts.set_active`."""
    services.database.act(lambda connection: accounts.set_active(connection, account_id, active, actor))


def unlock(services: Services, actor: Actor, account_id: int) -> None:
    """Forget the wrong passwords of an account; as :func:`accounts.unlock`."""
    services.database.act(lambda connection: accounts.unlock(connection, account_id, actor))


def unlock_named(services: Services, username: str) -> None:
    """Unlock the account of a name from the command line, for whom nobody else could. Raises PAGE_NOT_FOUND."""

    def act(connection: Connection) -> None:
        account = by_username(connection, username.strip().casefold())
        if account is None:
            raise Refusal("PAGE_NOT_FOUND")
        accounts.unlock(connection, account.id, Actor("system:command-line", unit_id=account.unit_id))

    services.database.act(act)


def reset_named(services: Services, username: str, *, second_factor_too: bool) -> OneTimePassword:
    """Give the account of a name a one-time password from the command line, where nobody could decide about it.

    Raises PAGE_NOT_FOUND.
    """

    def act(connection: Connection) -> OneTimePassword:
        account = by_username(connection, username.strip().casefold())
        if account is None:
            raise Refusal("PAGE_NOT_FOUND")
        actor = Actor("system:command-line", unit_id=account.unit_id)
        if second_factor_too:
            second_factor.take_away_on(connection, account.id, actor)
        return OneTimePassword(account.id, account.username, accounts.reset_password(connection, account.id, actor))

    return services.database.act(act)


def close_sessions(services: Services, actor: Actor, account_id: int) -> int:
    """End every session of an account of the unit; returns how many there were. Raises PAGE_NOT_FOUND."""

    def act(connection: Connection) -> int:
        accounts.get(connection, account_id, actor)
        count = sessions.end_all(connection, account_id)
        audit.record(connection, actor, "staff.sessions-closed", ("staff", account_id))
        return count

    return services.database.act(act)
