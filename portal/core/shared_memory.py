"""Redis as a memory that several processes share: asked for a moment, and left alone for a while when it is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import structlog

from portal.core.breaker import Breaker

if TYPE_CHECKING:
    import redis

log = structlog.get_logger("qupiao.redis")
T = TypeVar("T")
PATIENCE = 0.1
"""Seconds for a connection or an answer; it lies in the same network."""


class SharedMemory:
    """One Redis behind a breaker: one time-out, and nobody waits for it again for some seconds.

    False without a Redis.
    """

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self._client: redis.Redis | None = None
        self._away: tuple[type[Exception], ...] = ()
        self._breaker = Breaker(most=1, pause=5.0, longest=30.0)
        if url:
            import redis  # 0.4 s that an installation without it need not pay at each start
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            self._client = redis.Redis.from_url(
                url, socket_timeout=patience, socket_connect_timeout=patience, retry=Retry(NoBackoff(), 0)
            )
            self._away = (redis.RedisError,)

    def __bool__(self) -> bool:
        return self._client is not None

    def ask(self, work: Callable[[redis.Redis], T]) -> T | None:
        """Return what ``work`` returns; None where there is no Redis, or it is away."""
        if self._client is None or self._breaker.wait():
            return None
        try:
            found = work(self._client)
        except self._away as error:
            self._breaker.failed()
            log.warning("redis.away", error=type(error).__name__)
            return None
        self._breaker.succeeded()
        return found
