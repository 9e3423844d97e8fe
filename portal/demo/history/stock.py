"""Documents of the stock in several states: applications, hand-outs, returns, voids, destructions."""

from __future__ import annotations

from sqlalchemy import select

from portal.approvals import requests
from portal.approvals.registry import Decision
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.demo.history.people import KEEPER, SUPERVISOR
from portal.domain.actor import Actor
from portal.domain.numbers import NumberRun
from portal.fiscal.stock import CHECK_TOPIC
from portal.models import BillKind, NumberSegment, Point
from portal.outbox import tasks
from portal.runtime import Runtime
from portal.stock.documents import applications, destructions, handouts, returns, voids
from portal.stock.documents.applications import Application
from portal.stock.documents.destructions import Destruction
from portal.stock.documents.handouts import HandOut
from portal.stock.documents.returns import Return
from portal.stock.documents.voids import Void
from portal.stock.years import code_at

PAPER, OUTPATIENT, INPATIENT = "990621", "990601", "990602"


def write(runtime: Runtime) -> None:
    """Write the documents of a busy month. Finance answers those that were sent to it."""
    services = runtime.services
    _apply(services)
    _hand_out(services)
    _void(runtime)
    code = code_at(INPATIENT, now())
    last = _last(services, code)
    returns.report(services, KEEPER, Return(NumberRun(code, last - 499, last), "年底前用不完，退回财政"))
    with services.database.write() as connection:  # the nightly comparison with finance, for once now
        tasks.enqueue(connection, CHECK_TOPIC, f"{CHECK_TOPIC}:{new_id()}", {})


def _kind(services: Services, prefix: str) -> int:
    with services.database.read() as connection:
        return connection.scalars(select(BillKind.id).where(BillKind.prefix == prefix)).one()


def _point(services: Services, code: str) -> int:
    with services.database.read() as connection:
        return connection.scalars(select(Point.id).where(Point.code == code)).one()


def _last(services: Services, code: str) -> int:
    """Return the last number of a code's segment, which nobody has been handed."""
    ends = select(NumberSegment.last).where(NumberSegment.bill_code == code).order_by(NumberSegment.last)
    with services.database.read() as connection:
        return connection.scalars(ends).all()[0]


def _apply(services: Services) -> None:
    """Two go to finance, one is a draft, one was deleted."""
    for prefix, quantity, reason, act in (
        (OUTPATIENT, 20_000, "门诊票据预计月底不足", applications.report),
        (PAPER, 2_000, "机打票据库存不足", applications.report),
        (INPATIENT, 5_000, "备下季度使用", None),
        ("990501", 500, "重复填写", applications.cancel),
    ):
        order = Application(_kind(services, prefix), code_at(prefix, now()), quantity, reason)
        no = applications.draft(services, KEEPER, order)
        if act is not None:
            act(services, KEEPER, no)


def _hand_out(services: Services) -> None:
    """One waits to be accepted, one is a draft, one was withdrawn, one is reserved for the emergency point."""
    code = code_at(PAPER, now())
    for place, act in (("01", None), ("02", handouts.hand_out), ("03", _withdrawn), ("05", handouts.cancel)):
        no = handouts.draft(services, KEEPER, HandOut(_point(services, place), code, 100, taker="陈某"))
        if act is not None:
            act(services, KEEPER, no)
    handouts.reserve(services, KEEPER, HandOut(_point(services, "99"), code_at(OUTPATIENT, now()), 500))


def _withdrawn(services: Services, keeper: Actor, no: str) -> None:
    handouts.hand_out(services, keeper, no)
    handouts.withdraw(services, keeper, no)


def _void(runtime: Runtime) -> None:
    """Of each kind one is approved, one refused, one waits."""
    services, code = runtime.services, code_at(PAPER, now())
    last = _last(services, code)
    done = NumberRun(code, last - 29, last - 20)
    for run, reason, approve in (
        (done, "票据受潮，字迹不清", True),
        (NumberRun(code, last - 19, last - 15), "装订错误", False),
        (NumberRun(code, last - 9, last), "印刷缺色", None),
    ):
        _decide(runtime, voids.APPROVAL, voids.ask(services, KEEPER, Void(run, reason)), approve)
    for run, approve in (
        (NumberRun(code, done.first, done.first + 4), True),
        (NumberRun(code, done.first + 5, done.last), None),
    ):
        order = Destruction(run, "作废票据集中销毁", "林某、黄某")
        _decide(runtime, destructions.APPROVAL, destructions.ask(services, KEEPER, order), approve)


def _decide(runtime: Runtime, kind: str, no: str, approve: bool | None) -> None:
    if approve is None:
        return
    with runtime.services.database.read() as connection:
        asked = requests.of_object(connection, kind, no)
    if asked is not None:
        opinion = "" if approve else "请先核对实物再申请"
        runtime.approvals.decide(runtime.services, SUPERVISOR, Decision(asked.id, approve, opinion))
