"""Every address with an id, from the URL map, asked by somebody to whom the object does not belong."""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import dataclass, field

import pytest
from flask import Flask
from sqlalchemy import insert, select, text
from werkzeug.routing import Rule

from admin.kit.security import requirement_of
from portal import audit
from portal.access.accounts import NewAccount, create
from portal.access.permissions import ROLES, Role
from portal.core.clock import now
from portal.delivery import requests as delivery_requests
from portal.delivery.push import targets
from portal.domain.actor import Actor
from portal.hospital import protected_persons
from portal.issuing.manual import master_import
from portal.models import StockAlarm
from portal.models.tables import DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP
from portal.retrieval import family
from portal.retrieval import patient_requests as patients
from portal.retrieval.family import Ground, Person
from portal.retrieval.proof.sessions import Claim
from tests.factories.batch_files import csv_file, row
from tests.support.addresses import endpoints
from tests.support.console import PASSWORD, Console, at_window
from tests.support.desk import GOOD, issue, press, start, upload
from tests.support.his import His, outpatient
from tests.support.patients import visitor
from tests.support.pictures import photo
from tests.support.vouchers import paid_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

IDS = {
    "alarm_id": "SELECT max(id) FROM stock_alarm",
    "approval_id": "SELECT max(id) FROM approval",
    "attempt_id": "SELECT max(id) FROM delivery_attempt",
    "basics/charge-items": "SELECT max(id) FROM charge_item",
    "basics/departments": "SELECT max(id) FROM department",
    "basics/points": "SELECT max(id) FROM point WHERE unit_id = 1",
    "basics/reviewers": "SELECT max(id) FROM reviewer",
    "batch_id": "SELECT max(id) FROM batch",
    "bill_id": "SELECT max(id) FROM bill WHERE serial = 'S1'",
    "company_id": "SELECT max(id) FROM company_account",
    "delivery_id": "SELECT max(id) FROM delivery",
    "device_id": "SELECT max(id) FROM kiosk_device",
    "draft_id": "SELECT max(id) FROM desk_draft",
    "import_id": "SELECT max(id) FROM master_import",
    "item_id": "SELECT max(id) FROM catalogue_item",
    "job": "SELECT max(job) FROM slip_print",
    "link_id": "SELECT max(id) FROM family_link",
    "mark_id": "SELECT max(id) FROM marked_person",
    "payer_id": "SELECT max(id) FROM known_payer",
    "printer_id": "SELECT max(id) FROM printer",
    "refusal_id": "SELECT max(id) FROM his_refusal",
    "request_id": "SELECT max(id) FROM patient_request",
    "segment_id": "SELECT max(id) FROM number_segment",
    "sheet_id": "SELECT max(id) FROM paper_bill",
    "stock/applications": "SELECT max(no) FROM stock_application",
    "stock/destructions": "SELECT max(no) FROM stock_destruction",
    "stock/numbers/code": "SELECT max(bill_code) FROM number_segment",
    "stock/numbers/number": "SELECT first FROM number_segment ORDER BY bill_code DESC LIMIT 1",
    "stock/receipts": "SELECT max(no) FROM stock_receipt",
    "stock/returns": "SELECT max(no) FROM stock_return",
    "stock/slips": "SELECT max(no) FROM stock_slip",
    "stock/voids": "SELECT max(no) FROM stock_void",
    "target_id": "SELECT min(id) FROM push_target WHERE unit_id = 1",
    "system/his-accounts": "SELECT min(id) FROM his_account",
    "system/users": "SELECT max(id) FROM staff_account WHERE unit_id = 1",
    "voucher_id": "SELECT max(id) FROM voucher",
    "document_id": "SELECT max(id) FROM voucher",
}
"""An object of the first unit for every parameter that names one; where a parameter's name tells several kinds
apart only by the address, the key is the address. An address that none of these covers fails the test."""
PUBLIC = {
    "form": "outpatient",
    "key": "reversal.large-fen",
    "kind": "departments",
    "name": "sms",
    "size": "a4",
    "table": "channel",
}
"""Parameters that name nothing that belongs to anybody."""
LAST = ("end_", "approve", "discard", "forget", "withdraw", "cancel", "refuse", "active", "roles")
"""What may take an object away is tried last by its owner."""
COUNTED = ("bill", "paper_bill", "voucher", "desk_draft", "stock_slip", "stock_application", "approval", "slip_print")


@dataclass
class Units:
    """The unit that owns everything, and another one with a person of every role."""

    app: Flask
    people: dict[str, tuple[Console, str]] = field(default_factory=dict)

    def ask(self, name: str, method: str, path: str) -> int:
        """The status of the answer to one request of somebody with a good form token."""
        if name not in self.people:
            person = Console(self.app, name)
            self.people[name] = person, person.form("/console/home", "退出").values["csrf_token"]
        person, token = self.people[name]
        answer = person.client.get(path) if method == "GET" else person.client.post(path, data={"csrf_token": token})
        assert answer.status_code < 500, (name, method, path)
        return answer.status_code

    def one(self, sql: str) -> object:
        """One value of the database."""
        with self.app.extensions["qupiao"].services.database.read() as connection:
            found = connection.execute(text(sql)).scalar()
        assert found is not None, f"the test must make one: {sql}"
        return found

    def address(self, rule: Rule) -> str:
        """The address of the first unit's object."""
        place = "/".join(rule.rule.split("/")[2:4])
        values = {}
        for name in rule.arguments:
            if name in PUBLIC:
                values[name] = PUBLIC[name]
                continue
            key = next((key for key in (name, f"{place}/{name}", place) if key in IDS), None)
            assert key, f"{rule.rule}: say in IDS which object <{name}> is"
            values[name] = self.one(IDS[key])
        built = rule.build(values)
        assert built is not None
        return str(built[1])

    def requests(self) -> list[tuple[str, str, Rule]]:
        """Method, an endpoint's permitted role, and rule of every guarded address that names an object."""
        guarded, found = set(endpoints(self.app)), []
        for rule in self.app.url_map.iter_rules():
            if rule.endpoint in guarded and set(rule.arguments) - set(PUBLIC):
                with self.app.app_context():
                    requirement = requirement_of(rule.endpoint)
                assert requirement is not None
                roles = [role for role in Role if not requirement.permissions or requirement.permissions & ROLES[role]]
                role = min(roles, key=ORDER.index)
                found += [(method, role.value, rule) for method in ("GET", "POST") if method in (rule.methods or ())]
        return found

    def counts(self) -> Counter[str]:
        """How many rows there are of what an act would make."""
        return Counter({table: int(str(self.one(f"SELECT count(*) FROM {table}"))) for table in COUNTED})


ORDER = [Role.CASHIER, Role.LEAD, Role.KEEPER, Role.SUPERVISOR, *(role for role in Role)]


@pytest.fixture
def units(app: Flask, his: His) -> Units:
    services, found = app.extensions["qupiao"].services, Units(app)
    with services.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO unit (id, code, name, short_name, credit_code, region_code, org_type, desk_place,"
                " desk_phone, desk_hours) VALUES (2, 'other', '别院', '别院', 'T2', '990000', '', '', '', '')"
            )
        )
        for role in Role:
            create(connection, 2, NewAccount(f"strange-{role.value}", "外人", PASSWORD, [role], must_change=False))
        alarm = {"unit_id": 1, "rule": "low", "subject": "x", "text": "低", "raised_at": now(), "cleared_by": ""}
        connection.execute(insert(StockAlarm), alarm)
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    assert not his.call("invoiceEBillOutpatient", outpatient("S2", payer="")).ok
    paid_in(his)
    at_desk, child = Actor("staff:desk", "甲", 1), Person("林小验", "000000202003030019", "")
    guardian = Person("王护验", "000000198005050018", "10000000088")
    family.bind_at_desk(services, at_desk, guardian, child, Ground("proxy", "子女", "户口本"))
    limits = app.extensions["qupiao"].limits
    patients.ask(services, limits, 1, patients.Asked("missing", {"person": "林演安"}, photo=photo()), "127.0.0.1")
    delivery_requests.send_bill_by_mail(
        services, limits, at_desk, int(str(found.one(IDS["bill_id"]))), "lin@example.com"
    )
    stopped_message(app)
    targets.adopt(services)
    protected_persons.mark(
        services, at_desk, protected_persons.Order("关某", ["000000199001010017"], "staff", "院办通知")
    )
    cashier, keeper = at_window(app, "cashier"), Console(app, "keeper")
    bill = f"/console/billing/bills/{found.one(IDS['bill_id'])}"
    assert cashier.send(bill, "打印告知单").status_code == 303
    assert cashier.send(f"{bill}/exchange", "换开", number="100001").status_code == 303
    path = start(cashier)
    press(cashier, path, "preview", **GOOD, remember="1")
    assert issue(cashier, path).status_code == 303
    start(cashier)
    master_import.receive(services, at_desk, "departments", "科室编码,科室名称,对外通用名\n9901,新科,".encode())
    upload(Console(app, "lead"), csv_file([row(1)], "gbk"), "一批.csv")
    paper, stock = {"kind": "8", "code": "", "reason": "停用"}, "/console/stock"
    keeper.send(f"{stock}/applications/new", "保存草稿", kind="8", quantity="500", reason="按用量补充")
    keeper.send(f"{stock}/slips/new", "保存草稿", point="2", kind="8", count="100", first="", taker="")
    keeper.send(f"{stock}/returns/new", "上报申退", **paper, first="301901", last="302000")
    keeper.send(f"{stock}/voids/new", "提交复核", **paper, place="unit", first="301001", last="301010")
    supervisor = Console(app, "supervisor")
    supervisor.send(f"/console/home/approvals/{found.one(IDS['approval_id'])}", "同意并办理", opinion="同意")
    keeper.send(f"{stock}/destructions/new", "提交复核", **paper, first="301001", last="301010", witness="丙")
    lost = {"recovered": "lost", "reason": "退费", "statement": "遗失", "attachment": (io.BytesIO(photo()), "a.jpg")}
    at_window(app, "lead").send(f"{bill}/void-paper", "作废纸质票", **lost)
    Console(app, "system").send("/console/basics/kiosks/new", "登记", name="自助机B", sheets="10")
    keeper.send("/console/basics/printers/new", "保存", name="针打", offset_x="15", offset_y="-5")
    return found


def stopped_message(app: Flask) -> None:
    """A message of the first unit whose receiver has said 不是我."""
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        delivery = connection.scalar(select(DELIVERY.c.id))
        digest = b"d" * 32
        empty = dict.fromkeys(("provider", "masked", "their_ref", "result_class", "code", "message"), "")
        counts = dict.fromkeys(("step", "tries", "blind", "asked"), 0)
        row = {"id": 1, "delivery_id": delivery, "channel": "mail", "effect": digest, "recipient_digest": digest}
        connection.execute(
            insert(DELIVERY_ATTEMPT), row | empty | counts | {"our_ref": "qp1", "state": "failed", "created_at": now()}
        )
        stop = {"unit_id": 1, "channel": "mail", "recipient_digest": digest, "masked": "", "attempt_id": 1}
        connection.execute(insert(DELIVERY_STOP), stop | {"stopped_at": now()})


def test_nothing_of_another_unit_can_be_reached(units: Units) -> None:
    """404 as for what does not exist, or 403; the same requests of the owner's people find the object."""
    asked, before = units.requests(), units.counts()
    addresses = {rule.rule: units.address(rule) for _, _, rule in asked}
    leaks = []
    for method, role, rule in asked:
        status = units.ask(f"strange-{role}", method, addresses[rule.rule])
        if status not in (403, 404):
            leaks.append((method, rule.rule, role, status))
    assert leaks == []
    assert units.counts() == before
    assert len(asked) > 60
    own = sorted(asked, key=lambda one: (one[0] == "POST", one[2].endpoint.partition(".")[2].startswith(LAST)))
    missed = []
    for method, role, rule in own:
        if units.ask(role, method, addresses[rule.rule]) in (403, 404):
            missed.append((method, rule.rule, role))
    assert missed == [], "the control: what is there is found by those whose it is"


def test_an_auditor_reads_the_log_of_the_own_unit_only(units: Units) -> None:
    """Whatever the first unit's people, callers and patients did; what concerns the installation both read."""
    with units.app.extensions["qupiao"].services.database.write() as connection:
        audit.record(connection, Actor("system:limits"), "patient.guessing", ("installation", 0))
        audit.record(connection, Actor("staff:lead"), "list.bulk_exported", ("list", "bills"))
    own, other = Console(units.app, "auditor"), Console(units.app, "strange-auditor")
    page = "/console/system/log?from="
    mine, theirs = own.get(page).text, other.get(page).text
    for words in ("QPDEMO0000001", "陈某", "张某", "林某", "大批导出</td>"):
        assert words in mine and words not in theirs, words
    for words in ("患者端被大量试探</td>",):
        assert words in mine and words in theirs
    assert "外人" in theirs and "外人" not in mine
    bulk = re.compile(r"近 7 天大批导出</small><b>(\d+)</b>")
    assert [bulk.findall(person.get("/console/home").text) for person in (own, other)] == [["1"], ["0"]]
    printed = other.get(f"{page}&actor=张某&format=print").text
    rows = printed.partition("<tbody>")[2].partition("</tbody>")[0].strip()
    assert rows == '<tr><td colspan="7">没有符合条件的记录</td></tr>'
    assert units.one("SELECT count(*) FROM audit_entry WHERE unit_id IS NULL") == 0, "every entry says its unit"


def test_a_patient_reaches_no_bill_of_another(units: Units) -> None:
    index = units.app.extensions["qupiao"].services.index
    number, name = index.digest("identity", "000000194809060023").hex(), index.digest("name", "陈样英").hex()
    strangers = {
        "proved": visitor(units.app, Claim(number, name), 2),
        "typed": visitor(units.app, Claim(number, name), 1),
        "no one": units.app.test_client(),
    }
    bill, asked = units.one(IDS["bill_id"]), 0
    for rule in units.app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] != "patient" or "bill_id" not in rule.arguments:
            continue
        for method in {"GET", "POST"} & (rule.methods or set()):
            path = rule.build({"unit_code": "pgzx", "bill_id": bill})
            none = rule.build({"unit_code": "pgzx", "bill_id": 12345})
            assert path and none
            for who, client in strangers.items():
                mine, nothing = (client.open(one[1], method=method) for one in (path, none))
                assert mine.status_code == nothing.status_code, (who, rule.rule)
                assert mine.status_code in (302, 303, 400, 401, 403, 404), (who, rule.rule, mine.status_code)
                assert "128.50" not in mine.get_data(as_text=True)
                asked += 1
    assert asked >= 15
