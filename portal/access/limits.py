"""Limits on attempts, counted in Redis, or in the database where there is no Redis or it is away; never open."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.database import Database
from portal.models.tables import ATTEMPT_COUNT

if TYPE_CHECKING:
    import redis

log = structlog.get_logger("qupiao.limits")


class Limits:
    """Fixed windows by bucket. A bucket names what is counted and a keyed digest of whom, never personal data."""

    def __init__(self, database: Database, redis_url: str = "") -> None:
        self._database = database
        self._redis: redis.Redis | None = None
        self._away: tuple[type[Exception], ...] = ()
        if redis_url:
            import redis  # 0.4 s that an installation without it need not pay at each start

            self._redis, self._away = redis.Redis.from_url(redis_url, socket_timeout=0.5), (redis.RedisError,)

    def hit(self, bucket: str, most: int, seconds: int) -> bool:
        """Count one attempt; ``True`` while at most ``most`` fall into the present window of ``seconds``."""
        end = (int(time.time()) // seconds + 1) * seconds
        if self._redis is not None:
            try:
                key = f"qupiao:limit:{bucket}:{end}"
                both = self._redis.pipeline()
                both.incr(key)
                both.expireat(key, end + 1)
                return int(both.execute()[0]) <= most
            except self._away as error:
                log.warning("limits.redis_away", error=type(error).__name__)
        return self._hit_database(bucket, end) <= most

    def count(self, bucket: str, seconds: int) -> int:
        """How many attempts fall into the present window, without counting one."""
        end = (int(time.time()) // seconds + 1) * seconds
        counted = 0
        if self._redis is not None:
            try:
                counted = int(self._redis.get(f"qupiao:limit:{bucket}:{end}") or 0)
            except self._away as error:
                log.warning("limits.redis_away", error=type(error).__name__)
        with self._database.read() as connection:
            found = select(ATTEMPT_COUNT.c.count).where(
                ATTEMPT_COUNT.c.bucket == bucket, ATTEMPT_COUNT.c.window_end == end
            )
            return max(counted, connection.scalar(found) or 0)

    def _hit_database(self, bucket: str, end: int) -> int:
        make = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        first = make(ATTEMPT_COUNT).values(bucket=bucket, window_end=end, count=1)
        again = {"count": ATTEMPT_COUNT.c.count + 1}
        counted = first.on_conflict_do_update(index_elements=["bucket", "window_end"], set_=again)
        with self._database.write() as connection:
            return int(connection.execute(counted.returning(ATTEMPT_COUNT.c.count)).scalar_one())


def clean(connection: Connection) -> None:
    """Forget the windows that are over."""
    connection.execute(delete(ATTEMPT_COUNT).where(ATTEMPT_COUNT.c.window_end < int(time.time())))
