"""Four eyes: the requester cannot decide, act and decision are one transaction, and exactly one decision counts."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from portal.approvals import requests
from portal.approvals.kinds import ApprovalKind, Approved
from portal.approvals.registry import Decision, Registry
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from tests.support.console import Console

CASHIER = Actor("staff:cashier", "陈某", 1)
SUPERVISOR = Actor("staff:supervisor", "林某", 1)


def done(services: Services, connection: Connection, approved: Approved) -> str:
    """An act that leaves a trace in the same transaction."""
    assert (approved.requester.label, approved.decider.label) == (CASHIER.label, SUPERVISOR.label)
    connection.execute(text("UPDATE unit SET desk_place = desk_place || '+'"))
    return f"已办理 {approved.payload['figure']}。"


def stopped(services: Services, connection: Connection, approved: Approved) -> str:
    """An act that changes something and then finds that it must not."""
    connection.execute(text("UPDATE unit SET desk_place = 'changed'"))
    raise Refusal("STATE_ILLEGAL", state="已冲红", next="请查看红票")


KINDS = Registry({"test.done": ApprovalKind("演示事项", done), "test.stopped": ApprovalKind("会失败的事项", stopped)})


@pytest.fixture
def kinds(app: Flask) -> Registry:
    """Two kinds of the test's own instead of the registered ones."""
    app.extensions["qupiao"].approvals = KINDS
    return KINDS


def ask(app: Flask, kind: str = "test.done", object_id: int = 7, actor: Actor = CASHIER) -> int:
    """One request."""
    with app.extensions["qupiao"].services.database.write() as connection:
        order = requests.Request(kind, object_id, "演示内容", "演示原因", {"figure": 5})
        return requests.request_on(connection, actor, order)


def fact(app: Flask, what: str) -> Any:
    """One value from the database."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return connection.execute(text(what)).scalar()


def test_approval_and_act_are_one_transaction(app: Flask, kinds: Registry) -> None:
    services, approval_id = app.extensions["qupiao"].services, ask(app)
    with pytest.raises(Refusal) as own:
        kinds.decide(services, CASHIER, Decision(approval_id, True))
    assert own.value.code == "APPROVAL_OWN"
    assert kinds.decide(services, SUPERVISOR, Decision(approval_id, True, "同意")) == "已办理 5。"
    assert fact(app, "SELECT desk_place FROM unit") == "1号收费窗口+"
    with pytest.raises(Refusal) as again:
        kinds.decide(services, SUPERVISOR, Decision(approval_id, True, "同意"))
    assert again.value.code == "APPROVAL_DECIDED"
    with services.database.read() as connection:
        row = requests.by_id(connection, 1, approval_id)
        actions = connection.scalars(text("SELECT action FROM audit_entry WHERE object_kind = 'approval' ORDER BY id"))
        assert list(actions) == ["approval.requested", "approval.approved"]
    assert (row.state, row.decider, row.outcome) == ("approved", "林某", "已办理 5。")


def test_an_act_that_must_not_is_undone_and_named(app: Flask, kinds: Registry) -> None:
    services, approval_id = app.extensions["qupiao"].services, ask(app, "test.stopped")
    with pytest.raises(Refusal) as refused:
        kinds.decide(services, SUPERVISOR, Decision(approval_id, True))
    assert refused.value.code == "STATE_ILLEGAL"
    assert fact(app, "SELECT desk_place FROM unit") == "1号收费窗口"
    with services.database.read() as connection:
        row = requests.by_id(connection, 1, approval_id)
    assert row.state == "failed" and "已冲红" in row.outcome
    assert ask(app, "test.stopped") != approval_id, "after a failure it may be asked for again"


def test_a_kind_is_registered_once() -> None:
    kind = {"test.done": ApprovalKind("演示事项", done)}
    assert Registry(kind).title("test.done") == "演示事项" and Registry(kind).title("test.gone") == "test.gone"
    with pytest.raises(ValueError, match="test.done"):
        Registry(kind, kind)


def test_one_object_waits_once_and_other_units_see_nothing(app: Flask, kinds: Registry) -> None:
    services, approval_id = app.extensions["qupiao"].services, ask(app)
    with pytest.raises(Refusal) as twice:
        ask(app)
    assert twice.value.code == "APPROVAL_PENDING"
    stranger = Actor("staff:supervisor", "外人", 2)
    for act in (
        lambda: kinds.decide(services, stranger, Decision(approval_id, True)),
        lambda: requests.withdraw(services, SUPERVISOR, approval_id),
    ):
        with pytest.raises(Refusal) as hidden:
            act()
        assert hidden.value.code == "APPROVAL_NOT_FOUND"
    requests.withdraw(services, CASHIER, approval_id)
    assert ask(app) != approval_id


def race(app: Flask, kinds: Registry, approval_id: int, people: int) -> list[str]:
    """Many supervisors decide at once; returns how each one fared."""
    services, barrier, fared = app.extensions["qupiao"].services, threading.Barrier(people), []

    def decide() -> None:
        barrier.wait()
        try:
            kinds.decide(services, SUPERVISOR, Decision(approval_id, True))
            fared.append("won")
        except Refusal as refusal:
            fared.append(refusal.code)

    threads = [threading.Thread(target=decide) for _ in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return fared


def test_of_simultaneous_decisions_exactly_one_counts(app: Flask, kinds: Registry) -> None:
    for number in range(5):
        fared = race(app, kinds, ask(app, object_id=number), 4)
        assert sorted(fared) == ["APPROVAL_DECIDED"] * 3 + ["won"]
    assert fact(app, "SELECT desk_place FROM unit") == "1号收费窗口+++++"


def test_without_the_check_of_the_state_the_race_is_lost(
    app: Flask, kinds: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: the test above can fail."""
    unguarded = lambda connection, approval_id, actor: requests.by_id(connection, 1, approval_id)  # noqa: E731
    monkeypatch.setattr(requests, "lock_pending", unguarded)
    assert race(app, kinds, ask(app), 4).count("won") > 1


def test_the_pages_lead_through_it(app: Flask, kinds: Registry) -> None:
    approval_id = ask(app)
    address = f"/console/home/approvals/{approval_id}"
    cashier, supervisor = Console(app, "cashier"), Console(app, "supervisor")
    assert "撤回申请" in cashier.get(address).text and "同意并办理" not in cashier.get(address).text
    assert "演示内容" in supervisor.get("/console/home/approvals").text
    agreed = supervisor.send(address, "同意并办理")
    assert agreed.status_code == 303
    assert "已同意。已办理 5。" in supervisor.follow(agreed)
    form = supervisor.form(f"/console/home/approvals/{ask(app)}", "拒绝")
    other = re.sub(r"approve$", "refuse", form.action)
    assert "请写明意见" in supervisor.client.post(other, data=form.values).text
    assert "已拒绝" in supervisor.follow(supervisor.client.post(other, data=form.values | {"opinion": "材料不全"}))
    assert cashier.client.post(other, data=form.values | {"opinion": "x"}).status_code == 400
