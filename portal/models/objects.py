"""Objects of the hospital's master data: Flask-SQLAlchemy's sessions inside of an act's transaction.

Units, points, catalogues, staff, HIS accounts, push targets and parameters are read and written as objects of their
models; bills, numbers and messages, of which there are many, by Core statements. Both share one connection, and so
one transaction. A work package asks for a session as it is handed the connection, and knows no web framework.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine

from portal.models.base import Base


class ObjectSession(Session):
    """A session that stays on the connection it was made for; Flask-SQLAlchemy's own always takes an engine."""

    def get_bind(
        self,
        mapper: Any | None = None,
        clause: Any | None = None,
        bind: Engine | Connection | None = None,
        **more: Any,
    ) -> Engine | Connection:
        """Return the session's connection; without one, the engine of the running application."""
        return super().get_bind(mapper, clause, self.bind if bind is None else bind, **more)


db = SQLAlchemy(model_class=Base, session_options={"class_": ObjectSession})


@contextmanager
def objects(connection: Connection) -> Iterator[Session]:
    """Open a session in the transaction of ``connection``; what was changed is written when the block ends.

    The session commits nothing: the transaction ends where it began. What was loaded stays readable after the block.
    """
    open_session = db.session.session_factory
    with open_session(bind=connection, join_transaction_mode="rollback_only", expire_on_commit=False) as session:
        yield session
        session.flush()
