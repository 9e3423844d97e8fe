"""The self-service kiosk: its token, card or slip, print, paper counter, calls; nobody else's bills."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import pypdf
import pytest
from flask import Flask
from sqlalchemy import select, text, update
from werkzeug.test import TestResponse

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.hospital import protected_persons
from portal.issuing.paper import kiosk as device
from portal.models import Bill, KioskDevice, PaperBill, Point
from tests.support.console import Console, valid
from tests.support.his import His, outpatient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CARD = "000000195203150010"
KEEPER = Actor("staff:system", "吴某", 1)


@dataclass
class Machine:
    """A kiosk's browser."""

    app: Flask
    sheets: int = 50
    name: str = "自助机A"

    def __post_init__(self) -> None:
        self.services = self.app.extensions["qupiao"].services
        self.client = self.app.test_client()
        with self.services.database.read() as connection:
            place = connection.execute(select(Point.id).where(Point.code == "07")).scalar_one()
        self.token = device.enrol(self.services, KEEPER, self.name, place, None, self.sheets)

    def page(self, path: str = "/kiosk", status: int = 200) -> str:
        """Fetch and validate a page."""
        answer = self.client.get(path)
        assert answer.status_code == status
        return valid(answer.text)

    def post(self, path: str, **values: Any) -> Any:
        """Send a form with its token against forged requests."""
        page = self.client.get("/kiosk").text
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert csrf
        return self.client.post(path, data={"csrf_token": csrf[1], **values})

    def begin(self) -> None:
        """Staff types the token."""
        assert self.post("/kiosk/setup", token=self.token).status_code == 303

    def read(self, what: str) -> str:
        """A card or slip is read."""
        answer = self.post("/kiosk/bills", read=what)
        return valid(answer.text)

    def row(self) -> Any:
        """The device as it is kept."""
        with self.services.database.read() as connection:
            return connection.execute(select(KioskDevice.__table__).where(KioskDevice.name == self.name)).one()


def issue(app: Flask, serial: str, **changes: Any) -> dict[str, Any]:
    """A bill of just now, as its HIS knows it."""
    moment = f"{now().astimezone():%Y%m%d%H%M%S}000"
    return His(app).call("invoiceEBillOutpatient", outpatient(serial, busDateTime=moment, **changes)).payload


def chosen(page: str) -> dict[str, Any]:
    """The list's form with every bill chosen by hand; the page itself has chosen none."""
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key and "checked" not in page
    return {"key": key[1], "bill": re.findall(r'name="bill" value="(\d+)"', page)}


def test_card_list_print(app: Flask) -> None:
    machine = Machine(app)
    assert "还没有登记" in machine.page(status=401)
    wrong = machine.post("/kiosk/setup", token="guess")
    assert wrong.status_code == 401
    machine.begin()
    assert "剩余票纸 50 张" in machine.page()
    for count in range(2):
        issue(app, f"K{count}")
    issue(app, "K9", cardNo="000000194809060023", payer="陈样英", tel="")
    page = machine.read(CARD)
    form = chosen(page)
    assert len(form["bill"]) == 2 and "林**" in page and "林演安" not in page
    done = machine.post("/kiosk/print", **form)
    assert done.status_code == 303
    page = machine.page(done.location)
    assert "正在打印 2 张" in page and "剩余票纸 48 张" in page
    pdf = machine.client.get(re.search(r'<iframe[^>]+src="(/kiosk/sheets.pdf[^"]+)"', page)[1].replace("&amp;", "&"))
    file = pypdf.PdfReader(io.BytesIO(pdf.data))
    assert len(file.pages) == 2 and file.root_object["/OpenAction"] == {"/S": "/Named", "/N": "/Print"}
    assert "frame-ancestors 'self'" in pdf.headers["Content-Security-Policy"]
    assert "没有可以打印的票据" in machine.read(CARD)
    with machine.services.database.read() as connection:
        made = connection.execute(select(PaperBill.actor, PaperBill.prints)).all()
    assert [tuple(row) for row in made] == [("kiosk:07", 1)] * 2


def test_a_slip_opens_its_bill_only(app: Flask) -> None:
    machine = Machine(app)
    machine.begin()
    bill, _ = issue(app, "K1"), issue(app, "K2")
    form = chosen(machine.read(bill["pictureUrl"]))
    assert len(form["bill"]) == 1
    with machine.services.database.read() as connection:
        other = connection.scalars(select(Bill.id).where(Bill.serial == "K2")).one()
    assert machine.post("/kiosk/print", key=form["key"], bill=[str(other)]).status_code == 404
    assert machine.post("/kiosk/print", key="forged", bill=form["bill"]).status_code == 401


def test_nothing_chosen_prints_nothing(app: Flask) -> None:
    machine = Machine(app)
    machine.begin()
    issue(app, "K1")
    form = chosen(machine.read(CARD))
    again = machine.post("/kiosk/print", key=form["key"])
    assert again.status_code == 422 and "还没有选择票据" in valid(again.text)
    assert chosen(again.text)["bill"] == form["bill"]
    with machine.services.database.read() as connection:
        assert connection.scalars(select(PaperBill.id)).all() == []


def test_persons_of_one_card_are_told_apart(app: Flask) -> None:
    machine = Machine(app)
    machine.begin()
    issue(app, "K1")
    issue(app, "K2", payer="林样英", idCardNo="000000195009090025")
    issue(app, "K3", payer="林样英", idCardNo="")
    page = machine.read(CARD)
    persons = re.findall(r"<legend>(.*?)</legend>(.*?)</fieldset>", page, re.DOTALL)
    heads = {re.sub(r"\s+", "", head): body.count('name="bill"') for head, body in persons}
    assert heads == {"第1人：林**（证件末2位25）": 2, "第2人：林**": 1}
    assert re.search(r"<small>\d{4} \d{4}-90 \d{4} \d{4}</small>", page)
    assert "样英" not in page and "演安" not in page


def test_protected_persons_are_not_there(app: Flask) -> None:
    machine = Machine(app)
    machine.begin()
    mine = issue(app, "K1", idCardNo="000000195203150010")
    issue(app, "K2", payer="林样英", idCardNo="000000195009090025")
    form = chosen(machine.read(CARD))
    order = protected_persons.Order("林演安", ["000000195203150010"], "staff", "本院职工")
    issue(app, "K3", payer="陈样英", cardNo="", idCardNo="000000195009090025")
    marked = protected_persons.Order("林样英", ["000000195009090025"], "staff", "本院职工")
    protected_persons.mark(machine.services, KEEPER, marked)
    left = chosen(machine.read(CARD))["bill"]
    assert len(left) == 1 and set(left) < set(form["bill"])
    theirs = next(bill for bill in form["bill"] if bill not in left)
    assert machine.post("/kiosk/print", key=form["key"], bill=[theirs]).status_code == 404
    protected_persons.mark(machine.services, KEEPER, order)
    nobody, card, slip = (_told(machine.read(what)) for what in ("000000299999999999", CARD, mine["pictureUrl"]))
    assert "没有可以打印的票据" in nobody and card == nobody and slip == nobody


def _told(page: str) -> str:
    """A page without what differs each time: its token against forged requests."""
    return re.sub(r'name="csrf_token" value="[^"]+"', "", page)


def test_old_bills_and_strange_reads(app: Flask) -> None:
    machine = Machine(app)
    machine.begin()
    His(app).call("invoiceEBillOutpatient", outpatient("OLD", busDateTime="20261001090000000"))
    assert "没有可以打印的票据" in machine.read(CARD)
    assert "没有读到有效的卡" in machine.read("12")
    assert "没有可以打印的票据" in machine.read("http://127.0.0.1/b/A" + "x" * 22)


def test_paper_runs_out_and_staff_come(app: Flask) -> None:
    machine = Machine(app, sheets=1)
    machine.begin()
    for count in range(2):
        issue(app, f"K{count}")
    form = chosen(machine.read(CARD))
    refused = machine.post("/kiosk/print", **form)
    assert refused.status_code == 409 and "票纸不够" in refused.text
    assert machine.row().calling_why == "票纸不足"
    assert "票纸不足" in Console(app, "cashier").get("/console/home").text
    assert machine.post("/kiosk/print", key=form["key"], bill=form["bill"][:1]).status_code == 303
    assert "票纸已用完" in machine.page() and machine.row().sheets == 0
    keeper = Console(app, "keeper")
    assert "呼叫中：票纸不足" in keeper.get("/console/basics/kiosks").text
    path = f"/console/basics/kiosks/{machine.row().id}/load"
    assert "正常" in keeper.follow(keeper.send(path, "登记", sheets="500"))
    assert machine.row().calling is None
    assert machine.post("/kiosk/call").status_code == 303
    assert "已呼叫工作人员（患者呼叫）" in machine.page()


def test_only_its_own_prints_and_only_while_active(app: Flask) -> None:
    machine = Machine(app)
    machine.begin()
    issue(app, "K1")
    done = machine.post("/kiosk/print", **chosen(machine.read(CARD)))
    with machine.services.database.write() as connection:
        connection.execute(update(KioskDevice).values(active=False))
    assert machine.client.get(done.location).status_code == 401
    with machine.services.database.write() as connection:
        connection.execute(update(KioskDevice).values(active=True))
    stranger = Machine(app, name="另一台").client
    assert stranger.get(done.location.replace("done", "sheets.pdf")).status_code == 401


def test_devices_are_enrolled_at_the_console(app: Flask) -> None:
    services, list_page = app.extensions["qupiao"].services, "/console/basics/kiosks"
    system, keeper = Console(app, "system"), Console(app, "keeper")

    def token(answer: TestResponse) -> str:
        shown = re.search(r"<code>([^<]+)</code>", answer.text)
        assert shown
        return shown[1]

    first = token(system.send(f"{list_page}/new", "登记", name="自助机B", sheets="10"))
    twice = system.send(f"{list_page}/new", "登记", name="自助机B", sheets="10")
    assert twice.status_code == 422 and "自助机B" in twice.text, "what was typed stays"
    there = device.by_token(services, first)
    assert there is not None and there.name == "自助机B" and "自助机B" in system.get(list_page).text
    second = token(system.send(f"{list_page}/{there.id}/renew", "更换口令"))
    assert device.by_token(services, first) is None and device.by_token(services, second) == there
    for says, works in (("已停用", False), ("已启用", True)):
        form = next(form for form in system.forms(system.get(list_page).text) if f"/{there.id}/switch" in form.action)
        assert says in system.follow(system.client.post(form.action, data=form.values))
        assert (device.by_token(services, second) is not None) is works
    with services.database.read() as connection:
        acts = connection.scalars(
            text("SELECT action FROM audit_entry WHERE object_kind = 'kiosk' AND object_id = :id ORDER BY id"),
            {"id": str(there.id)},
        ).all()
    assert list(acts) == ["kiosk.enrolled", "kiosk.renewed", "kiosk.switched", "kiosk.switched"]
    for person in (keeper, Console(app, "cashier"), Console(app, "security")):
        for path in ("new", f"{there.id}/renew"):
            assert person.client.get(f"{list_page}/{path}").status_code == 403
    page = keeper.follow(keeper.send("/console/basics/printers/new", "保存", name="针打", offset_x="15", offset_y="-5"))
    assert "测试页" in page
    assert "1.5" in keeper.get("/console/basics/printers").text
    pdf = keeper.client.get(re.search(r'href="([^"]+test.pdf)"', page)[1])
    printed = pypdf.PdfReader(io.BytesIO(pdf.data)).pages[0].extract_text()
    assert "右移 1.5 毫米" in printed and "下移 -0.5 毫米" in printed
