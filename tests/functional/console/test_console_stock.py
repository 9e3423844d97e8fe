"""The stock's pages: every one opens and is valid; the acts are there where they are legal, and only there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.domain.states.stock import AlarmRule
from portal.models import (
    AuditEntry,
    NumberSegment,
    StockApplication,
    StockMovement,
    StockReturn,
    StockRule,
    StockSlip,
    StockVoid,
)
from portal.stock import alarms
from portal.stock.books.fates import consistent, identity
from tests.support import codes
from tests.support.console import Console, valid
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first

pytestmark = sqlite_first

BASE = "/console/stock"
PAPER = "8"
"""Kind 8: 往来 paper, of which the unit has 0000301001 to 0000302000."""


@pytest.fixture
def keeper(app: Flask) -> Iterator[Console]:
    """The bill manager; whatever was done, the books agree afterwards."""
    yield Console(app, "keeper")
    with app.extensions["qupiao"].services.database.read() as connection:
        assert identity(consistent(connection)).holds


def newest(app: Flask, column: object) -> str:
    """The number of the newest document of a sort."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return str(connection.scalar(select(column).order_by(column.desc()).limit(1)))  # type: ignore[attr-defined]


def test_every_page_opens(keeper: Console) -> None:
    pages = ("balances", "map", "openings", "applications", "receipts", "slips", "returns", "voids", "destructions")
    for path in (*pages, "emergency", "check", "rules", "applications/new", "openings/new", "slips/new"):
        keeper.get(f"{BASE}/{path}")
    for path in ("balances", *pages[2:], "check", "emergency"):
        assert keeper.get(f"{BASE}/{path}?format=xlsx").mimetype.endswith("sheet")
        keeper.get(f"{BASE}/{path}?format=print")


def test_documents_are_printed_with_places_to_sign(keeper: Console, app: Flask) -> None:
    keeper.send(f"{BASE}/slips/new", "保存草稿", point="2", kind=PAPER, count="100", first="", taker="窗口二")
    keeper.send(f"{BASE}/applications/new", "保存草稿", kind=PAPER, year="0", quantity="300", reason="补充库存")
    code = codes.this_year("990421")
    fields = {"kind": PAPER, "code": code, "first": "0000301001", "last": "0000301010", "reason": "受潮"}
    keeper.send(f"{BASE}/voids/new", "提交复核", place="unit", **fields)
    keeper.send(f"{BASE}/returns/new", "上报申退", **fields | {"first": "0000301101", "last": "0000301110"})
    documents = {
        "slips": (StockSlip.no, "分发单", "窗口二"),
        "applications": (StockApplication.no, "申领单", "补充库存"),
        "voids": (StockVoid.no, "库存作废", "受潮"),
        "returns": (StockReturn.no, "申退单", "受潮"),
    }
    for name, (column, title, word) in documents.items():
        address = f"{BASE}/{name}/{newest(app, column)}"
        assert "format=print" in keeper.get(address).text
        paper = valid(keeper.get(f"{address}?format=print").text)
        assert [one for one in (title, word, "制表：", "复核：", "签字：") if one not in paper] == [], name
        assert "<nav" not in paper and "<button" not in paper


def test_balances_and_check_are_taken_out_as_they_stand(keeper: Console, app: Flask) -> None:
    rows = rows_of(keeper.client.get(f"{BASE}/balances?format=xlsx&kind={PAPER}&place=unit").data)
    assert rows[0][:5] == ("票据种类", "票据代码", "位置", "状态", "结余份数")
    [row] = [row for row in rows if row[1] == codes.this_year("990421")]
    assert row[2:8] == ("单位库存", "正常", 1000, "0000301001", "0000302000", 0)
    assert "票据种类：" in rows[-1][0] and "位置：单位库存" in rows[-1][0]
    page = keeper.get(f"{BASE}/balances?kind={PAPER}&place=unit").text
    assert "0000301001" in page and page.count("单位库存</td>") == len(rows) - 2 and "设置预警线" in page
    assert "没有这个选项" in keeper.get(f"{BASE}/balances?kind=x").text
    rows = rows_of(keeper.client.get(f"{BASE}/check?format=xlsx").data)
    assert rows[0] == ("票据种类", "起始号", "终止号", "领入", "已用", "作废", "退回", "结存", "校验")
    for row in rows[1:-1]:
        assert row[3] == sum(row[4:8]) and row[8] == "相符"
    assert len(rows) > 3 and "单位库存" not in keeper.get(f"{BASE}/check?format=print").text
    with app.extensions["qupiao"].services.database.read() as connection:
        taken = select(AuditEntry.object_id).where(AuditEntry.action == "list.exported").order_by(AuditEntry.id)
        assert list(connection.scalars(taken)) == ["stock-balances", "stock-check", "stock-check"]


def rows_of(data: bytes) -> list[tuple[Any, ...]]:
    """The rows of a workbook."""
    return list(openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True))


def test_apply_report_withdraw(keeper: Console, app: Flask) -> None:
    page = keeper.follow(
        keeper.send(f"{BASE}/applications/new", "保存草稿", kind=PAPER, quantity="500", reason="按用量补充")
    )
    no = newest(app, StockApplication.no)
    assert "草稿" in page and "上报财政" in page and "撤销上报" not in page
    page = keeper.follow(keeper.send(f"{BASE}/applications/{no}", "保存修改", quantity="600", reason="改多一些"))
    assert "600" in page
    page = keeper.follow(keeper.send(f"{BASE}/applications/{no}", "上报财政"))
    assert "已上报" in page and "撤销上报" in page and "保存修改" not in page
    page = keeper.follow(keeper.send(f"{BASE}/applications/{no}", "撤销上报"))
    assert "已撤销" in page and "上报财政" in page
    again = keeper.client.post(
        f"{BASE}/applications/{no}/withdraw", data=keeper.form(f"{BASE}/applications/new").values
    )
    assert again.status_code == 409 and "当前不能" in again.text


def test_hand_out_accept_withdraw(keeper: Console, app: Flask) -> None:
    page = keeper.follow(
        keeper.send(f"{BASE}/slips/new", "保存草稿", point="2", kind=PAPER, count="100", first="", taker="窗口二")
    )
    no = newest(app, StockSlip.no)
    assert "下发" in page and "确认接收" not in page
    page = keeper.follow(keeper.send(f"{BASE}/slips/{no}", "下发"))
    assert "代开票点接收" in page and "确认接收" not in page and "0030 1001" in page
    page = keeper.follow(keeper.send(f"{BASE}/slips/{no}", "代开票点接收"))
    assert "已接收" in page and "代开票点接收" not in page and "撤回未用部分" in page
    page = keeper.follow(keeper.send(f"{BASE}/slips/{no}", "撤回未用部分"))
    assert "已撤回 100 份" in page and "撤回未用部分" not in page


def test_a_cashier_accepts_only_for_the_own_point(keeper: Console, app: Flask) -> None:
    for point in ("1", "2"):
        keeper.send(f"{BASE}/slips/new", "保存草稿", point=point, kind=PAPER, count="10", first="", taker="")
        keeper.send(f"{BASE}/slips/{newest(app, StockSlip.no)}", "下发")
    other = newest(app, StockSlip.no)
    own = other[:-4] + f"{int(other[-4:]) - 1:04d}"
    cashier = Console(app, "cashier")
    cashier.send("/console/home", "选定", point="1")
    assert "新增分发" not in cashier.get(f"{BASE}/slips").text
    page = cashier.get(f"{BASE}/slips/{other}").text
    assert "确认接收" not in page and "请在右上角切换到该开票点后接收" in page
    token = cashier.forms(page)[0].values["csrf_token"]
    assert cashier.client.post(f"{BASE}/slips/{other}/accept", data={"csrf_token": token}).status_code == 404
    assert "已接收" in cashier.follow(cashier.send(f"{BASE}/slips/{own}", "确认接收"))
    assert cashier.get(f"{BASE}/slips/new", status=403)


def test_too_many_says_how_many_there_are(keeper: Console, app: Flask) -> None:
    keeper.send(f"{BASE}/slips/new", "保存草稿", point="2", kind=PAPER, count="1001", first="", taker="")
    answer = keeper.send(f"{BASE}/slips/{newest(app, StockSlip.no)}", "下发")
    assert answer.status_code == 409 and "可分发 1000 份" in answer.text


def test_opening_stock_waits_for_the_supervisor(keeper: Console, app: Flask) -> None:
    page = keeper.follow(
        keeper.send(f"{BASE}/openings/new", "登记", kind=PAPER, code="", first="00 0070 0001", last="700100")
    )
    assert "由财务主管在“待复核”里同意后入库" in page and "/confirm" not in page
    refused = keeper.send(f"{BASE}/openings/new", "登记", kind=PAPER, code="", first="700050", last="700200")
    assert refused.status_code == 422 and "重叠" in refused.text and "700200" in refused.text


def test_voids_and_destructions_take_two(keeper: Console, app: Flask) -> None:
    fields = {"kind": PAPER, "code": "", "place": "unit", "first": "301001", "last": "301010", "reason": "印制错误"}
    page = keeper.follow(keeper.send(f"{BASE}/voids/new", "提交复核", **fields))
    assert "待复核" in page and "等待复核" in page
    no = newest(app, StockVoid.no)
    supervisor = Console(app, "supervisor")
    approve_newest(supervisor)
    assert "已作废" in keeper.get(f"{BASE}/voids/{no}").text
    fields = {"kind": PAPER, "code": "", "first": "301001", "last": "301010", "reason": "到期", "witness": "丙"}
    page = keeper.follow(keeper.send(f"{BASE}/destructions/new", "提交复核", **fields))
    assert "待复核" in page
    approve_newest(supervisor)
    assert "已销毁" in keeper.get(f"{BASE}/destructions").text
    again = keeper.send(f"{BASE}/destructions/new", "提交复核", **fields)
    assert "不能销毁" in again.text and "到期" in again.text


def approve_newest(supervisor: Console) -> None:
    """Agree to the newest request, on its page."""
    page = supervisor.get("/console/home/approvals").text
    path = page.split('href="/console/home/approvals/')[1].split('"')[0]
    answer = supervisor.send(f"/console/home/approvals/{path}", "同意并办理", opinion="同意")
    assert answer.status_code == 303, answer.text


def test_return_and_rules(keeper: Console, app: Flask) -> None:
    fields = {"kind": PAPER, "code": "", "first": "301901", "last": "302000", "reason": "停用"}
    assert "已上报" in keeper.follow(keeper.send(f"{BASE}/returns/new", "上报申退", **fields))
    assert "不在单位库存" in keeper.send(f"{BASE}/returns/new", "上报申退", **fields).text
    page = keeper.follow(keeper.send(f"{BASE}/rules", "保存", place="1", kind=PAPER, low="50", lot="100"))
    assert "已保存" in page
    with app.extensions["qupiao"].services.database.read() as connection:
        rule = select(StockRule.low, StockRule.lot).where(StockRule.place == "1", StockRule.kind_id == int(PAPER))
        assert connection.execute(rule).one() == (50, 100)
    assert "下限" in keeper.send(f"{BASE}/rules", "保存", place="unit", kind=PAPER, low="50", lot="100").text


def test_the_map_leads_to_the_bill(keeper: Console, app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("M1")).ok
    page = keeper.get(f"{BASE}/map").text
    assert "已开具" in page and "应急预留" in page and "单位库存" in page
    with app.extensions["qupiao"].services.database.read() as connection:
        segment = connection.scalar(select(NumberSegment.id).where(NumberSegment.bill_code == codes.OUTPATIENT))
    zoomed = keeper.get(f"{BASE}/map/{segment}?low=9000000001&high=9000000005").text
    assert f"/console/stock/numbers/{codes.OUTPATIENT}/9000000001" in zoomed and "已分发未用" in zoomed
    answer = keeper.get(f"{BASE}/numbers/{codes.OUTPATIENT}/9000000001", status=303)
    assert answer.location.startswith("/console/billing/bills/")
    assert "已分发未用" in keeper.get(f"{BASE}/numbers/{codes.OUTPATIENT}/9000000002").text
    assert keeper.get(f"{BASE}/numbers?code={codes.OUTPATIENT}&number=90+0000+0002", status=303).location.endswith(
        "/9000000002"
    )
    keeper.get(f"{BASE}/numbers/{codes.OUTPATIENT}/1", status=404)
    keeper.get(f"{BASE}/map/9999", status=404)


def test_the_check_says_that_the_books_agree(keeper: Console) -> None:
    assert "账实相符" in keeper.get(f"{BASE}/check").text
    assert "已发出核对" in keeper.follow(keeper.send(f"{BASE}/check", "现在与财政核对"))


def test_an_alarm_is_dealt_with_once(keeper: Console, app: Flask) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        alarms.raise_alarm(connection, 1, AlarmRule.SEGMENT, "RK1", "号段已拒收（试）")
    assert "号段已拒收（试）" in keeper.get(f"{BASE}/balances").text
    assert "号段已拒收（试）" not in keeper.follow(keeper.send(f"{BASE}/balances", "已处理"))
    with app.extensions["qupiao"].services.database.read() as connection:
        assert alarms.standing(connection, 1, AlarmRule.SEGMENT) == set()


def test_a_double_click_hands_out_once(keeper: Console, app: Flask) -> None:
    keeper.send(f"{BASE}/slips/new", "保存草稿", point="7", kind=PAPER, count="10", first="", taker="")
    no = newest(app, StockSlip.no)
    form = keeper.form(f"{BASE}/slips/{no}", "下发")
    first, second = (keeper.client.post(form.action, data=form.values) for _ in range(2))
    assert first.status_code == second.status_code == 303 and first.location == second.location
    with app.extensions["qupiao"].services.database.read() as connection:
        moved = select(func.count()).where(StockMovement.slip == no)
        assert connection.scalar(moved) == 1
