"""What has stopped can be started: a refused bill is uploaded again, any task of any lane is done again, with a log."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from admin.pages.system.tasks import SENDING, TITLES
from portal import background
from portal.access import stopped_tasks as stopped
from portal.core.clock import now
from portal.models.tables import AUDIT_ENTRY, BILL, OUTBOX_TASK
from portal.outbox import tasks
from portal.outbox.topics import Topic
from portal.runtime import Runtime
from tests.support.console import Console, at_window
from tests.support.his import His, outpatient

BILLS, TASKS = "/console/billing/bills", "/console/system/tasks"


def stop(app: Flask, topic: str, key: str, reason: str = "对方拒绝") -> None:
    """Let a task stand as one that gave up."""
    row = tasks.row(Topic(topic), key, {}, now()) | {"state": "dead", "finished_at": now(), "last_error": reason}
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(insert(OUTBOX_TASK), row | {"attempts": 7})


def states(app: Flask) -> dict[str, tuple[str, int]]:
    """Key → state and attempts of every task that was planted."""
    with app.extensions["qupiao"].services.database.read() as connection:
        wanted = select(OUTBOX_TASK.c.key, OUTBOX_TASK.c.state, OUTBOX_TASK.c.attempts)
        return {row.key: (row.state, row.attempts) for row in connection.execute(wanted) if row.key.startswith("t")}


def refused_bill(app: Flask, his: His) -> int:
    """A bill that finance has refused: its upload is a dead letter."""
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).values(state="refused"))
        dead = {"state": "dead", "finished_at": now(), "last_error": "2003 缴款人校验未通过", "attempts": 3}
        connection.execute(update(OUTBOX_TASK).where(OUTBOX_TASK.c.topic == "bill.issued/finance").values(dead))
        return int(connection.execute(select(BILL.c.id)).scalar_one())


def test_a_refused_bill_is_uploaded_again_from_its_page(app: Flask, his: His) -> None:
    bill_id = refused_bill(app, his)
    page = f"{BILLS}/{bill_id}"
    cashier = at_window(app)
    assert "上传财政已停下：2003 缴款人校验未通过" in cashier.get(page).text
    assert "重新上传" not in "".join(
        b for f in cashier.forms(Console(app, "inspector").get(page).text) for b in f.buttons
    )
    answer = cashier.send(page, "重新上传")
    assert answer.location == page
    assert "上传财政已停下" not in cashier.get(page).text
    with app.extensions["qupiao"].services.database.read() as connection:
        task = connection.execute(select(OUTBOX_TASK).where(OUTBOX_TASK.c.topic == "bill.issued/finance")).one()
        logged = connection.scalars(select(AUDIT_ENTRY.c.action).where(AUDIT_ENTRY.c.object_id == str(bill_id))).all()
    assert (task.state, task.attempts, task.finished_at) == ("pending", 0, None)
    assert "bill.sent_again" in logged
    token = cashier.form(page, "打印告知单").values["csrf_token"]
    twice = cashier.client.post(f"{page}/upload", data={"csrf_token": token})
    assert twice.status_code == 409 and "没有停下的上传" in twice.text


def test_the_system_administrator_does_chosen_tasks_again(app: Flask) -> None:
    for key in ("t1", "t2", "t3"):
        stop(app, "card.work", key)
    stop(app, "stock.poll", "t4")
    system = Console(app, "system")
    page = system.get(TASKS).text
    assert "共 4 项" in page and "放入卡包" in page and "对方拒绝" in page and "查询财政下发" in page
    with app.extensions["qupiao"].services.database.read() as connection:
        ids = dict(connection.execute(select(OUTBOX_TASK.c.key, OUTBOX_TASK.c.id)).all())  # type: ignore[arg-type]
    assert "已重新办理 1 项" in system.follow(system.send(TASKS, "重新办理所选", task=[str(ids["t1"])]))
    assert states(app) == {"t1": ("pending", 0), "t2": ("dead", 7), "t3": ("dead", 7), "t4": ("dead", 7)}
    assert "没有选择" in system.follow(system.send(TASKS, "重新办理所选"))
    every = system.send(f"{TASKS}?topic=card.work", "重新办理这一事项的全部", all="1")
    assert "已重新办理 2 项" in system.follow(every)
    assert states(app)["t4"] == ("dead", 7)
    with app.extensions["qupiao"].services.database.read() as connection:
        entries = connection.execute(select(AUDIT_ENTRY).where(AUDIT_ENTRY.c.action == "task.done_again")).all()
    assert len(entries) == 3 and {entry.actor for entry in entries} == {"staff:system"}
    assert entries[0].details["reason"] == "对方拒绝"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_may_look_may_not_act(app: Flask) -> None:
    stop(app, "card.work", "t1")
    security = Console(app, "security")
    page = security.get(TASKS).text
    assert "共 1 项" in page and "重新办理所选" not in page
    token = security.forms(page)[-1].values["csrf_token"]
    assert security.client.post(f"{TASKS}/again", data={"csrf_token": token, "task": "1"}).status_code == 403
    for name in ("cashier", "keeper", "supervisor", "auditor", "inspector"):
        Console(app, name).get(TASKS, 403)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_topic_has_its_word(app: Flask) -> None:
    runtime: Runtime = app.extensions["qupiao"]
    handled = background.handlers(runtime.services, runtime.limits)
    assert [topic for topic in handled if topic not in TITLES and not topic.startswith(SENDING)] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_stopped_tasks_are_found_by_their_index(app: Flask) -> None:
    with app.extensions["qupiao"].services.database.read() as connection:
        sql = str(stopped.stopped().compile(connection.engine, compile_kwargs={"literal_binds": True}))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
    assert "ix_outbox_task_dead" in str(plan)
