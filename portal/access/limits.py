"""Counters of attempts, in Redis, or in the database where there is no Redis or it is away; never open."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.database import Database
from portal.core.shared_memory import SharedMemory
from portal.models.tables import ATTEMPT_COUNT

if TYPE_CHECKING:
    import redis


class Limits:
    """Fixed windows by bucket. A bucket names what is counted and a keyed digest of whom, never personal data."""

    def __init__(self, database: Database, redis_url: str = "") -> None:
        self._database = database
        self._memory = SharedMemory(redis_url)

    def hit(self, bucket: str, most: int, seconds: int) -> bool:
        """Count one attempt; ``True`` while at most ``most`` fall into the present window of ``seconds``."""
        return self.add(bucket, seconds) <= most

    def add(self, bucket: str, seconds: int) -> int:
        """Count one attempt; return how many fall into the present window of ``seconds``."""
        end = _end(seconds)
        key = _key(bucket, end)
        counted = self._memory.ask(lambda redis: _count(redis, key, end))
        return counted if counted is not None else self._add_in_database(bucket, end)

    def give_back(self, bucket: str, seconds: int) -> None:
        """Take one attempt out of the present window again: it was no failure."""
        end = _end(seconds)
        key = _key(bucket, end)
        left = self._memory.ask(lambda redis: redis.decr(key) if int(redis.get(key) or 0) > 0 else None)
        if left is None:
            with self._database.write() as connection:
                connection.execute(
                    update(ATTEMPT_COUNT)
                    .where(
                        ATTEMPT_COUNT.c.bucket == bucket, ATTEMPT_COUNT.c.window_end == end, ATTEMPT_COUNT.c.count > 0
                    )
                    .values(count=ATTEMPT_COUNT.c.count - 1)
                )

    def count(self, bucket: str, seconds: int) -> int:
        """How many attempts fall into the present window, without counting one."""
        end = _end(seconds)
        key = _key(bucket, end)
        counted = int(self._memory.ask(lambda redis: redis.get(key)) or 0)
        with self._database.read() as connection:
            found = select(ATTEMPT_COUNT.c.count).where(
                ATTEMPT_COUNT.c.bucket == bucket, ATTEMPT_COUNT.c.window_end == end
            )
            return max(counted, connection.scalar(found) or 0)

    def _add_in_database(self, bucket: str, end: int) -> int:
        make = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        first = make(ATTEMPT_COUNT).values(bucket=bucket, window_end=end, count=1)
        again = {"count": ATTEMPT_COUNT.c.count + 1}
        counted = first.on_conflict_do_update(index_elements=["bucket", "window_end"], set_=again)
        with self._database.write() as connection:
            return int(connection.execute(counted.returning(ATTEMPT_COUNT.c.count)).scalar_one())


def _count(memory: redis.Redis, key: str, end: int) -> int:
    both = memory.pipeline()
    both.incr(key)
    both.expireat(key, end + 1)
    return int(both.execute()[0])


def left(seconds: int) -> int:
    """Return the whole minutes until the present window of ``seconds`` is over, at least one."""
    return max(-(-(_end(seconds) - int(time.time())) // 60), 1)


def _end(seconds: int) -> int:
    return (int(time.time()) // seconds + 1) * seconds


def _key(bucket: str, end: int) -> str:
    return f"qupiao:limit:{bucket}:{end}"


def clean(connection: Connection) -> None:
    """Forget the windows that are over."""
    connection.execute(delete(ATTEMPT_COUNT).where(ATTEMPT_COUNT.c.window_end < int(time.time())))
