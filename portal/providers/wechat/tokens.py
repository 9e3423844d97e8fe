"""Short-lived credentials that all processes share: one fetch per expiry, however many find it expired.

In Redis where there is one, else (or while it is away) in the table ``platform_token``. Whoever holds the lock
fetches, with no database connection in hand; the others wait and take what it brought. Values are sealed in both.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.clock import now
from portal.core.crypto.field_cipher import FieldCipher, SealBroken
from portal.core.database import Database
from portal.core.shared_memory import SharedMemory
from portal.models.tables import PLATFORM_TOKEN
from portal.providers.faults import ChannelFault, FaultKind

if TYPE_CHECKING:
    import redis

log = structlog.get_logger("qupiao.tokens")

EARLY = 300
"""Seconds before its end that a token is no longer used; the platform renews as early."""
FIELD = "platform_token.value"
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Fetched:
    """A credential just fetched from the platform: its value and for how many seconds it is good."""

    value: str
    seconds: int

    @property
    def usable(self) -> int:
        """The seconds for which it may be used."""
        return max(self.seconds - EARLY, 30)


Fetch = Callable[[], Fetched]


class Tokens:
    """Credentials by name (``wechat:<appid>:token``). ``wait``: most seconds to wait for another's fetch."""

    def __init__(self, database: Database, cipher: FieldCipher, redis_url: str = "", wait: float = 20.0) -> None:
        self._database = database
        self._cipher = cipher
        self._memory = SharedMemory(redis_url, patience=2.0)
        self._wait = wait
        self._turns: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, name: str, fetch: Fetch, stale: str = "") -> str:
        """Return the credential in force; it is fetched when there is none, or when the one in force is ``stale``.

        Raises ChannelFault: what ``fetch`` raises, or RETRY when another's fetch took too long.
        """
        known = self._read(name)
        if known and known != stale:
            return known
        with self._guard:
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:  # threads of one process ask once
            shared = self._memory.ask(lambda client: self._by_redis(client, name, fetch, stale))
            return shared if shared is not None else self._by_database(name, fetch, stale)

    def forget(self, name: str) -> None:
        """Drop a credential; the next use fetches."""
        self._memory.ask(lambda client: client.delete(_key(name)))
        with self._database.write() as connection:
            connection.execute(update(PLATFORM_TOKEN).where(PLATFORM_TOKEN.c.name == name).values(value=None))

    def _read(self, name: str) -> str:
        found = self._memory.ask(lambda client: (client.get(_key(name)),))
        return self._read_database(name) if found is None else self._open(name, _bytes(found[0]))

    def _open(self, name: str, sealed: bytes | None) -> str:
        if sealed is None:
            return ""
        try:
            return self._cipher.decrypt_text(FIELD, name, sealed)
        except SealBroken:  # of an installation with another key
            return ""

    def _by_redis(self, client: redis.Redis, name: str, fetch: Fetch, stale: str) -> str:
        from redis.exceptions import LockError

        lock = client.lock(f"{_key(name)}:lock", timeout=self._wait, blocking_timeout=self._wait, sleep=_LOOK)
        if not lock.acquire():
            raise ChannelFault("platform", FaultKind.RETRY, "token_busy", "another process is fetching the token", 5.0)
        try:
            known = self._open(name, _bytes(client.get(_key(name))))
            if known and known != stale:
                return known
            fetched = fetch()
            client.set(_key(name), self._cipher.encrypt(FIELD, name, fetched.value), ex=fetched.usable)
            return fetched.value
        finally:
            try:
                lock.release()
            except LockError:  # it took longer than the lock lasts
                log.warning("tokens.lock_lost", token=name.rsplit(":", 1)[-1])

    def _read_database(self, name: str) -> str:
        found = select(PLATFORM_TOKEN.c.value).where(PLATFORM_TOKEN.c.name == name, PLATFORM_TOKEN.c.expires_at > now())
        with self._database.read() as connection:
            return self._open(name, connection.scalar(found))

    def _by_database(self, name: str, fetch: Fetch, stale: str) -> str:
        me, deadline = secrets.token_hex(8), time.monotonic() + self._wait
        pause = threading.Event()
        while True:
            known = self._read_database(name)
            if known and known != stale:
                return known
            if self._lease(name, me):
                break
            if time.monotonic() > deadline:
                raise ChannelFault(
                    "platform", FaultKind.RETRY, "token_busy", "another process is fetching the token", 5.0
                )
            pause.wait(_LOOK)
        brought: dict[str, object] = {}
        try:
            known = self._read_database(name)  # who held the lease before may have brought it just now
            if known and known != stale:
                return known
            fetched = fetch()
            until = now() + timedelta(seconds=fetched.usable)
            brought = {"value": self._cipher.encrypt(FIELD, name, fetched.value), "expires_at": until}
            return fetched.value
        finally:
            free = {"leased_by": "", "leased_until": now()}
            with self._database.write() as connection:
                connection.execute(
                    update(PLATFORM_TOKEN)
                    .where(PLATFORM_TOKEN.c.name == name, PLATFORM_TOKEN.c.leased_by == me)
                    .values(**brought, **free)
                )

    def _lease(self, name: str, me: str) -> bool:
        moment = now()
        until = moment + timedelta(seconds=self._wait)
        make = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        empty = {"name": name, "value": None, "expires_at": None, "leased_by": "", "leased_until": moment}
        free = or_(PLATFORM_TOKEN.c.leased_by == "", PLATFORM_TOKEN.c.leased_until <= moment)
        with self._database.write() as connection:
            connection.execute(make(PLATFORM_TOKEN).values(**empty).on_conflict_do_nothing(index_elements=["name"]))
            taken = (
                update(PLATFORM_TOKEN)
                .where(PLATFORM_TOKEN.c.name == name, free)
                .values(leased_by=me, leased_until=until)
            )
            return connection.execute(taken).rowcount == 1


def _bytes(found: object) -> bytes | None:
    return found if isinstance(found, bytes) else None


def _key(name: str) -> str:
    return f"qupiao:token:{name}"
