"""The work list of the home page: what waits for this person, each with a count that opens exactly its rows.

A count is made by the list that the tile opens, with the filters of the address that the tile leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import url_for

from admin.kit.security import current_staff, may
from admin.pages.billing.bills import BILLS
from admin.pages.billing.refused_pushes import REFUSED_PUSHES
from admin.pages.delivery.log import DELIVERIES
from admin.pages.delivery.patients import REQUESTS
from admin.pages.home.approvals import APPROVALS
from admin.pages.stock import overview as stock_overview
from admin.pages.stock.applications import APPLICATIONS
from admin.pages.stock.receipts import OPENINGS, RECEIPTS
from admin.pages.stock.slips import SLIPS
from admin.pages.system.log import LOG
from admin.pages.system.tasks import TASKS
from admin.pages.system.users import USERS
from portal.access import accounts
from portal.access import stopped_tasks as stopped
from portal.access.his import refusals
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.audit import alarms
from portal.audit import queries as audit_queries
from portal.core.clock import business_day, now
from portal.core.database import Connection
from portal.delivery import queries as delivery_queries
from portal.domain.states.stock import AlarmRule
from portal.issuing.paper import kiosk
from portal.ledger import bill_lists
from portal.listing.lists import ListPage, ListQuery, Rows
from portal.retrieval import queries as patient_queries
from portal.stock import queries as stock_queries
from portal.stock.documents import lists as stock_lists

_P = Permission


@dataclass(frozen=True, slots=True)
class Tile:
    """One line of work: its count, the list that it opens, a word below; ``tone``: bad, wait or nothing."""

    title: str
    count: int
    href: str
    note: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work that is a filtered list. ``permissions``: any of them; ``without``: who has it sees another line.
    ``to_do`` is said below a count, ``none`` below nought."""

    title: str
    permissions: frozenset[Permission]
    listed: ListPage
    rows: Callable[[int], Rows]
    endpoint: str
    to_do: str
    filters: Callable[[], Mapping[str, str]] = dict
    none: str = "没有"
    tone: str = "wait"
    without: frozenset[Permission] = field(default_factory=frozenset)


def _any(*permissions: Permission) -> frozenset[Permission]:
    return frozenset(permissions)


def _with(**filters: str) -> Callable[[], Mapping[str, str]]:
    return lambda: filters


def _today() -> Mapping[str, str]:
    today = business_day(now()).isoformat()
    return {"from": today, "to": today}


def _ago(days: int) -> str:
    return (business_day(now()) - timedelta(days=days)).isoformat()


def _opened(opening: bool) -> Callable[[int], Rows]:
    return lambda unit_id: stock_lists.receipts(unit_id, opening=opening)


ALL_DAYS = {"from": "", "to": ""}
WORK = (
    Work("今天已开", _any(_P.BILLS_VIEW), BILLS, bill_lists.of_unit, "billing.bills", "含红票", _today, tone=""),
    Work(
        "待财政监制",
        _any(_P.BILLS_VIEW),
        BILLS,
        bill_lists.of_unit,
        "billing.bills",
        "财政应答后自动完成",
        lambda: ALL_DAYS | {"state": bill_lists.WAITING},
        none="没有积压",
    ),
    Work(
        "监制未通过",
        _any(_P.BILLS_VIEW),
        BILLS,
        bill_lists.of_unit,
        "billing.bills",
        "处理原因后重新上传",
        lambda: ALL_DAYS | {"state": "refused"},
        tone="bad",
    ),
    Work(
        "被拒推送（未开票）",
        _any(_P.BILLS_VIEW),
        REFUSED_PUSHES,
        refusals.of_unit,
        "billing.refused_pushes",
        "近 30 天，请联系 HIS",
        _with(done="no"),
        tone="bad",
    ),
    Work(
        "等我复核",
        _any(_P.APPROVALS_DECIDE),
        APPROVALS,
        requests.of_unit,
        "home.approvals_list",
        "请核对后办理",
        _with(state="pending", who="others"),
    ),
    Work(
        "我提交、待复核",
        _any(_P.APPROVALS_VIEW),
        APPROVALS,
        requests.of_unit,
        "home.approvals_list",
        "等待另一人办理",
        _with(state="pending", who="mine"),
    ),
    Work(
        "我的申请没有办成",
        _any(_P.APPROVALS_VIEW),
        APPROVALS,
        requests.of_unit,
        "home.approvals_list",
        "近 7 天，请看复核意见",
        lambda: {"state": requests.UNSUCCESSFUL, "who": "mine", "decided": _ago(7)},
        tone="bad",
    ),
    Work(
        "待确认入库",
        _any(_P.STOCK_RECEIVE),
        RECEIPTS,
        _opened(False),
        "stock.receipts",
        "财政已下发",
        _with(state="waiting"),
    ),
    Work(
        "期初库存待确认",
        _any(_P.STOCK_RECEIVE),
        OPENINGS,
        _opened(True),
        "stock.openings",
        "由财务主管复核",
        _with(state="waiting"),
    ),
    Work(
        "拒收的号段",
        _any(_P.STOCK_RECEIVE),
        RECEIPTS,
        _opened(False),
        "stock.receipts",
        "近 30 天，请联系财政",
        lambda: {"state": "refused", "from": _ago(30)},
        tone="bad",
    ),
    Work(
        "退回的申领",
        _any(_P.STOCK_APPLY),
        APPLICATIONS,
        stock_lists.applications,
        "stock.applications",
        "请修改后再上报",
        _with(state="returned"),
        tone="bad",
    ),
    Work(
        "已下发、待开票点接收",
        _any(_P.STOCK_HAND_OUT),
        SLIPS,
        stock_lists.slips,
        "stock.slips",
        "请提醒窗口接收",
        _with(state="handed_out"),
    ),
    Work(
        "待我接收的号段",
        _any(_P.STOCK_ACCEPT),
        SLIPS,
        stock_lists.slips,
        "stock.slips",
        "接收后才能使用",
        _with(state="handed_out", mine="1"),
        without=_any(_P.STOCK_HAND_OUT),
    ),
    Work(
        "患者申请",
        _any(_P.DELIVERY_SEND),
        REQUESTS,
        patient_queries.patient_requests,
        "delivery.patient_requests",
        "等待答复",
        _with(state="open"),
    ),
    Work(
        "没有送达的消息",
        _any(_P.DELIVERY_SEND),
        DELIVERIES,
        delivery_queries.deliveries,
        "delivery.deliveries",
        "近 7 天，可以重发",
        lambda: {"state": delivery_queries.DEAD_LETTERS, "from": _ago(6)},
    ),
    Work(
        "停下的任务",
        _any(_P.SYSTEM_WATCH),
        TASKS,
        lambda _unit_id: stopped.stopped(),
        "system.tasks",
        "处理原因后重新办理",
        tone="bad",
    ),
    Work(
        "已锁定的用户",
        _any(_P.USERS_UNLOCK),
        USERS,
        accounts.of_unit,
        "system.users",
        "核实本人后解锁",
        _with(state="locked"),
    ),
)
"""Every kind of work that is a list, in the order of a day."""


def tiles(connection: Connection, unit_id: int) -> list[Tile]:
    """Count the work of the signed-in person, line by line."""
    allowed = current_staff().permissions
    mine = [work for work in WORK if work.permissions & allowed and not work.without & allowed]
    shown = [_tile(connection, unit_id, work) for work in mine]
    return [*shown, *_stock(connection, unit_id), *_calls(connection, unit_id), *_alarms(connection, unit_id)]


def _tile(connection: Connection, unit_id: int, work: Work) -> Tile:
    filters = work.filters()
    count = work.listed.counted(connection, work.rows(unit_id), ListQuery(filters))
    href = url_for(work.endpoint, **dict[str, Any](filters))
    return Tile(work.title, count, href, work.to_do if count else work.none, work.tone if count else "")


def _stock(connection: Connection, unit_id: int) -> list[Tile]:
    if not may(_P.STOCK_VIEW):
        return []
    short = stock_overview.short(connection, unit_id)
    standing = [each for each in stock_queries.standing_alarms(connection, unit_id) if each.rule is not AlarmRule.LOW]
    first = f"{short[0].point_name} {short[0].kind_name}".strip() if short else "库存充足"
    return [
        Tile("票号不足", len(short), url_for("stock.stock_balances", state="short"), first, "bad" if short else ""),
        Tile(
            "库存警示",
            len(standing),
            url_for("stock.stock_balances", alarms=1),
            standing[0].rule.title if standing else "没有",
            "bad" if standing else "",
        ),
    ]


def _calls(connection: Connection, unit_id: int) -> list[Tile]:
    if not (may(_P.PAPER_EXCHANGE) or may(_P.KIOSKS_EDIT)):
        return []
    calling = kiosk.calling(connection, unit_id)
    why = f"{calling[0].name}：{calling[0].calling_why}" if calling else "没有"
    return [Tile("自助机呼叫", len(calling), url_for("basics.kiosks", calling=1), why, "bad" if calling else "")]


def _alarms(connection: Connection, unit_id: int) -> list[Tile]:
    """Count what the auditor should look at, by the log that each tile opens."""
    if not may(_P.AUDIT_VIEW):
        return []
    since, found = (business_day(now()) - alarms.WATCHED).isoformat(), []
    for action, (title, remedy) in alarms.WORDS.items():
        filters = {"action": action, "from": since}
        count = LOG.counted(connection, audit_queries.of_unit(unit_id), ListQuery(filters))
        href = url_for("system.log", **dict[str, Any](filters))
        found.append(Tile(f"近 7 天{title}", count, href, remedy if count else "没有", "wait" if count else ""))
    return found
