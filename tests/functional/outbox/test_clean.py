"""What the outbox forgets: old tasks that are done, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select, update

from portal.core.clock import now
from portal.core.ids import first_of
from portal.models.tables import OUTBOX_TASK
from portal.outbox import jobs, tasks
from portal.outbox.topics import Topic


def test_old_tasks_that_are_done_are_forgotten(app: Flask) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        for place, (state, days) in enumerate([("done", 15), ("done", 13), ("dead", 99), ("pending", 99)]):
            tasks.enqueue(connection, Topic("clean"), f"{state}-{days}", {})
            made = {"id": first_of(now() - timedelta(days=days)) + place, "state": state}
            connection.execute(update(OUTBOX_TASK).where(OUTBOX_TASK.c.key == f"{state}-{days}").values(made))
        assert jobs.clean(connection) == 1 and jobs.clean(connection) == 0
        left = select(OUTBOX_TASK.c.key).where(OUTBOX_TASK.c.topic == "clean")
        assert set(connection.scalars(left)) == {"done-13", "dead-99", "pending-99"}
