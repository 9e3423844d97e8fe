"""Engines, the two kinds of transaction (``read()`` and ``write()``), and the one way of a business act (``act()``).

SQLite runs in WAL with ``synchronous=FULL``; a write transaction begins with ``BEGIN IMMEDIATE`` so that it never
has to be upgraded (and refused) half-way. PostgreSQL runs READ COMMITTED with bounded waits.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, Select, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal.domain.errors import Refusal

__all__ = ["Connection", "Database", "configure", "engine_options", "is_away", "lock_row", "make_engine"]

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=20000",
    "PRAGMA cache_size=-16000",
)
_TRUSTED_SECONDS = 1.0
"""A connection that was used so lately is taken to be alive."""
_NO_WRITES = ("25006",)
"""SQLSTATE ``read_only_sql_transaction``: the server was demoted, or somebody has closed it for writing."""
_IS_STANDBY = text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'")
_TRIES = 3
"""How often an act is tried that somebody else's act has overtaken."""
_PG_OPTIONS = "-c lock_timeout=15s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"


def engine_options(url: str) -> dict[str, Any]:
    """Keyword arguments of ``create_engine`` for this URL."""
    if make_url(url).get_backend_name() == "sqlite":
        return {"hide_parameters": True, "connect_args": {"timeout": 20, "check_same_thread": False}}
    return {
        "hide_parameters": True,  # an error's text must not quote what people are called
        "pool_size": 8,
        "max_overflow": 8,
        "pool_timeout": 10,
        "connect_args": {"options": _PG_OPTIONS, "connect_timeout": 5},
    }


def is_away(error: BaseException) -> bool:
    """Tell whether an error says that the database cannot be used now: away, read-only, full, no connection free."""
    if isinstance(error, OperationalError | InterfaceError | DisconnectionError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and _refuses_writes(error.orig)


def _refuses_writes(error: BaseException | None) -> bool:
    return getattr(error, "sqlstate", None) in _NO_WRITES


def _leave_a_standby(engine: Engine) -> None:
    """Drop the pool's connections once a server has become read-only: the next ones lead to the new primary."""

    @event.listens_for(engine, "handle_error")
    def _handle(context: ExceptionContext) -> None:
        if _refuses_writes(context.original_exception):
            context.is_disconnect = True


def configure(engine: Engine) -> Engine:
    """Attach our transaction habits to an engine; returns it."""
    if engine.dialect.name != "sqlite":
        _ping_the_idle(engine)
        _leave_a_standby(engine)
        return engine

    @event.listens_for(engine, "do_connect")
    def _private(*_: Any) -> None:
        _create_private(engine.url.database or "")

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("write"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        # Straight to the driver, since it cannot fail and a statement of SQLAlchemy's costs many times as much.
        cursor = connection.connection.cursor()
        cursor.execute("BEGIN")
        cursor.close()

    return engine


def _create_private(path: str) -> None:
    """Create a missing SQLite file for its own user alone, whatever started us; its journals get the same mode."""
    if path and path != ":memory:" and not Path(path).exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _ping_the_idle(engine: Engine) -> None:
    """Ask a pooled connection whether it lives, but only one that was not in use just now: a ping is a round trip."""

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _checkout(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("idle_since", time.monotonic()) < _TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # the pool drops it and tries another


def make_engine(url: str) -> Engine:
    """Return an engine of our habits outside the web application (tools, tests)."""
    return configure(create_engine(url, **engine_options(url)))


def lock_row(connection: Connection, statement: Select[Any]) -> Row[Any] | None:
    """Read the one row of a statement and hold it to the commit; None when there is no such row.

    Outside of a write transaction the lock would end at once and protect nothing, or on SQLite not exist: that is a
    mistake of ours and raises :class:`RuntimeError`.
    """
    if not connection.get_execution_options().get("write"):
        raise RuntimeError("a row is locked outside of a write transaction")
    return connection.execute(statement.with_for_update()).one_or_none()


class Turn:
    """The queue before SQLite's write lock: threads of a process, then processes, each woken when its turn comes.

    SQLite's own waiting is polling with sleeps up to 100 ms, and unfair. This queue only saves time: what excludes is
    ``BEGIN IMMEDIATE``, and the kernel takes the turn from a process that dies. ``path``: a file beside the database.
    """

    def __init__(self, path: str) -> None:
        self._threads = threading.Lock()
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, self._file)

    def __enter__(self) -> None:
        self._threads.acquire()
        fcntl.lockf(self._file, fcntl.LOCK_EX)  # by process, so that one forked later does not share it

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._threads.release()


class Database:
    """The two kinds of transaction over one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self._mine = threading.local()
        self._turn = Turn(f"{engine.url.database}-turn") if self.dialect == "sqlite" else nullcontext()
        self._writing = engine.execution_options(write=True)
        # READ COMMITTED shows each statement a state of its own, with or without a transaction around them.
        reading = {} if self.dialect == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        self._reading = engine.execution_options(**reading)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Return a connection to read from: on SQLite one consistent state, on PostgreSQL what is committed at each
        query.

        Inside of this thread's own :meth:`write` it is that one's connection, and shows what that one has written: a
        second connection would see the state of before, and wait for the pool with the first one's locks in hand.
        """
        if (writing := getattr(self._mine, "writing", None)) is not None:
            yield writing
            return
        with self._reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Return the one transaction of a business act: commits at the end, rolls back on any exception.

        A second one inside the first would be an act that survives the first one's rollback, and on SQLite would wait
        for itself for ever: it is a mistake of ours and raises :class:`RuntimeError`.
        """
        if getattr(self._mine, "writing", None) is not None:
            raise RuntimeError("a write transaction inside a write transaction")
        with self._turn, self._writing.begin() as connection:
            self._mine.writing = connection
            try:
                yield connection
            finally:
                self._mine.writing = None

    def trouble(self) -> str:
        """Say in a word or two why nothing can be written now; empty when it can."""
        try:
            with self.read() as connection:
                if self.dialect != "sqlite":
                    standby = connection.execute(_IS_STANDBY).one()
                    return "database read-only" if any(standby) else ""
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return "database away"
        file = Path(self.engine.url.database or "")
        return "" if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK) else "database read-only"

    def act(self, work: Callable[[Connection], T]) -> T:
        """Run a business act in a transaction of its own and return its result; tried again as :meth:`repeat` says."""

        def attempt() -> T:
            with self.write() as connection:
                return work(connection)

        return self.repeat(attempt)

    def repeat(self, attempt: Callable[[], T]) -> T:
        """Run an attempt that opens its own transactions; run it again when another act was quicker.

        A constraint that the database alone saw broken is named by the guards of the next try. Raises :class:`Refusal`
        BUSY when the third try fails as well, or when the database does not answer.
        """
        reason = "同时提交过多"
        for _ in range(_TRIES):
            try:
                return attempt()
            except IntegrityError:
                continue
            except SQLAlchemyError as error:
                if not is_away(error):
                    raise
                reason = "数据库正忙或暂时不可用"
                if not _refuses_writes(getattr(error, "orig", None)):
                    raise Refusal("BUSY", reason=reason) from error
                # the pool has let its connections go: the next one may lead to the new primary
        raise Refusal("BUSY", reason=reason)
