"""大额退款: from the limit on, money leaves a deposit only when a second person agreed; parts do not evade it."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from portal.access import parameters
from portal.approvals import requests
from portal.domain.actor import Actor
from portal.models import VoucherMovement
from portal.models.tables import APPROVAL
from tests.support.console import Console, at_window
from tests.support.desk import voucher_page
from tests.support.his import His, at
from tests.support.length import sqlite_first
from tests.support.vouchers import paid_in, policies, settlement, taking

pytestmark = sqlite_first

LIMIT = "500.00"


def balance(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        rows = select(VoucherMovement.balance_fen).order_by(VoucherMovement.voucher_id, VoucherMovement.line)
        return int(connection.scalars(rows).all()[-1])


def limited(app: Flask) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "voucher.large-refund-fen", LIMIT, Actor("system:test", "", 1))


def decide(app: Flask) -> str:
    """The supervisor agrees with what waits; what the list says then."""
    with app.extensions["qupiao"].services.database.read() as connection:
        waiting = connection.scalar(select(APPROVAL.c.id).where(APPROVAL.c.state == "pending"))
    supervisor = Console(app, "supervisor")
    return supervisor.follow(supervisor.send(f"/console/home/approvals/{waiting}", "同意并办理"))


def test_a_large_refund_and_cancellation_wait_for_a_second_person(app: Flask) -> None:
    limited(app)
    person = at_window(app)
    address = voucher_page(person)
    assert "已退款 200.00 元" in person.follow(person.send(f"{address}/refund", "退款", amount="200", reason="多缴"))
    asked = person.follow(person.send(f"{address}/refund", "退款", amount="300", reason="多缴"))
    assert "已提交复核" in asked and "等待另一人复核" in asked and balance(app) == 80_000
    assert person.send(f"{address}/cancel", "撤销", reason="开错").status_code == 422, "one waits already"
    small = person.send(f"{address}/refund", "退款", amount="1", reason="多缴")
    assert small.status_code == 422 and "已提交过复核" in small.text and balance(app) == 80_000
    waits = person.get(address).text
    assert "/refund" not in waits and "/cancel" not in waits, "no act is offered that is then refused"
    assert "金额 300.00 元" in decide(app) and balance(app) == 50_000
    assert "已提交复核" in person.follow(person.send(f"{address}/cancel", "撤销", reason="开错"))
    assert "预交金红字凭证" in decide(app) and balance(app) == 0
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalars(select(APPROVAL.c.state)).all() == ["approved"] * 2


def test_what_was_approved_is_judged_anew(app: Flask) -> None:
    limited(app)
    person, his = at_window(app), His(app)
    made = paid_in(his)
    with app.extensions["qupiao"].services.database.read() as connection:
        address = f"/console/billing/vouchers/{connection.scalar(select(VoucherMovement.voucher_id))}"
    person.send(f"{address}/cancel", "撤销", reason="开错")
    assert his.call("invEBillHospitalized", settlement("ZY1", (made, 60))).ok
    assert "没有办成" in decide(app) and balance(app) == 94_000, "a bill holds a part meanwhile"
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(APPROVAL.c.state)) == "failed"
        assert connection.execute(requests.of_unit(1).where(requests.in_state("pending"))).all() == []


def test_a_his_is_stopped_by_its_switch_only(app: Flask) -> None:
    limited(app)
    his = His(app)
    one = paid_in(his, "YJ1")
    assert his.call("writeOffPayMentVoucher", taking(one, 600)).ok, "its own desk has approved"
    policies(app, large_reversal="refuse")
    app.extensions["qupiao"].his_accounts._known.clear()
    stopped = his.call("writeOffPayMentVoucher", taking(one, 1, at("110000", 1)))
    assert stopped.result == "E5006" and "601.00" in stopped.message
    assert his.call("cancelPayMentVoucherBalance", taking(one)).result == "E5006" and balance(app) == 40_000
    assert his.call("writeOffPayMentVoucher", taking(paid_in(his, "YJ2"), 499.99)).ok
