"""Persons under special protection: nobody looks at one without a reason that the auditor sees."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.hospital import protected_persons
from portal.hospital.protected_persons import Order
from portal.models import AuditEntry, MarkedPerson
from tests.support.console import Console, approve, at_window
from tests.support.desk import GOOD, issue, press, start
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.vouchers import paid_in

pytestmark = sqlite_first

NUMBER = "000000195203150010"
ASKS = "此人受特别保护：请先说明原因"
SECURITY = Actor("staff:security", "郑某", 1, "request-1")
OTHER = {"payer": "陈样英", "cardNo": "000000194809060023", "tel": "10000000002", "patientNo": "MZ0000002"}


def protect(app: Flask, *numbers: str) -> int:
    return protected_persons.mark(
        app.extensions["qupiao"].services, SECURITY, Order("林演安", numbers or [NUMBER], "staff", "院办通知")
    )


def log(app: Flask, action: str) -> list[Any]:
    """Who did it, to what, with which details."""
    with app.extensions["qupiao"].services.database.read() as connection:
        columns = (AuditEntry.actor, AuditEntry.object_id, AuditEntry.details)
        return list(connection.execute(select(*columns).where(AuditEntry.action == action).order_by(AuditEntry.id)))


def bill_of(app: Flask, serial: str) -> str:
    with app.extensions["qupiao"].services.database.read() as connection:
        found = connection.exec_driver_sql(f"SELECT id FROM bill WHERE serial = '{serial}'").scalar_one()
    return f"/console/billing/bills/{found}"


def give_reason(person: Console, html: str, reason: str) -> Any:
    """Answer the page that asks why."""
    [form] = [form for form in person.forms(html) if "说明并继续" in form.buttons]
    return person.client.post(form.action, data=form.values | {"reason": reason})


def search(person: Console, text: str) -> Any:
    """Type into the box of the bar."""
    [form, *_] = [form for form in person.forms(person.get("/console/home").text) if "q" in form.values]
    return person.client.post(form.action, data=form.values | {"q": text})


def test_a_look_needs_a_reason_once_and_the_auditor_is_told(app: Flask, his: His) -> None:
    for serial, changes in (("M1", {}), ("M2", OTHER)):
        assert his.call("invoiceEBillOutpatient", outpatient(serial, **changes)).ok
    mark, cashier = protect(app), at_window(app, "cashier")
    path, other = bill_of(app, "M1"), bill_of(app, "M2")
    assert "128.50 元" in cashier.get(other).text, "nobody else is hindered"
    asked = cashier.get(path, 422).text
    assert ASKS in asked and "128.50" not in asked and "林" not in asked
    for page in (f"{path}/exchange", f"/console/billing/paper?detail={path.rpartition('/')[2]}"):
        assert ASKS in cashier.get(page, 422).text
    short = give_reason(cashier, asked, "看")
    assert short.status_code == 422 and "4 至 100" in short.text and log(app, "marked.looked") == []
    shown = cashier.follow(give_reason(cashier, asked, "本人在窗口办理换开"))
    assert "128.50 元" in shown and "林**" in shown
    cashier.get(f"{path}/exchange")
    [looked] = log(app, "marked.looked")
    assert looked[:2] == ("staff:cashier", str(mark)) and looked[2]["reason"] == "本人在窗口办理换开"
    assert [row[2] for row in log(app, "marked.opened")] == [{"about": f"bill {path.rpartition('/')[2]}"}] * 2
    assert ASKS in at_window(app, "lead").get(path, 422).text, "a reason is one person's"
    auditor = Console(app, "auditor")
    assert "近 7 天查看特别保护人员</small><b>1</b>" in auditor.get("/console/home").text
    assert "本人在窗口办理换开" in auditor.get("/console/system/log?action=marked.looked").text


def test_a_forged_reason_form_opens_nothing(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("M1")).ok
    protect(app)
    cashier, lead = Console(app, "cashier"), Console(app, "lead")
    path = bill_of(app, "M1")
    [form] = [form for form in cashier.forms(cashier.get(path, 422).text) if "what" in form.values]
    mine = lead.form("/console/home", "退出").values["csrf_token"]
    for what in (form.values["what"], "x", ""):
        data = {"csrf_token": mine, "what": what, "reason": "工作需要", "path": path}
        answer = lead.client.post(form.action, data=data)
        assert "页面已过期" in answer.text
    assert log(app, "marked.looked") == []
    outside = cashier.client.post(
        form.action, data=form.values | {"reason": "工作需要", "path": "https://evil.example"}
    )
    assert outside.location == "/console/home"


@pytest.mark.parametrize("text", ["林演安", NUMBER, "10000000001", "M1"])
def test_searching_asks_too(app: Flask, his: His, text: str) -> None:
    for serial in ("M1", "M3"):
        assert his.call("invoiceEBillOutpatient", outpatient(serial)).ok
    protect(app, NUMBER, "10000000001")
    lead = Console(app, "lead")
    asked = search(lead, text)
    assert asked.status_code == 422 and ASKS in asked.text and "9906" not in asked.text
    assert give_reason(lead, asked.text, "核对医保清单").status_code in (200, 303)
    assert len(log(app, "marked.looked")) == 1
    assert search(lead, text).status_code in (200, 303), "not asked twice"


def test_a_name_that_has_no_bill_is_asked_about_all_the_same(app: Flask) -> None:
    protect(app)
    lead = Console(app, "lead")
    assert ASKS in search(lead, "林演安").text and ASKS not in search(lead, "陈样英").text


def test_a_bill_without_any_number_is_known_by_its_name(app: Flask, his: His) -> None:
    namesake = outpatient("M2", cardNo="000000194809060023", tel="10000000002")
    nameless = outpatient("M1", cardNo="-", tel="")
    for settlement in (nameless, namesake):
        assert his.call("invoiceEBillOutpatient", settlement).ok
    protect(app)
    lead = Console(app, "lead")
    assert ASKS in lead.get(bill_of(app, "M1"), 422).text
    lead.get(bill_of(app, "M2"))


def test_vouchers_paper_and_remembered_payers_are_guarded(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("M1")).ok
    paid_in(his)
    cashier = at_window(app, "cashier")
    assert cashier.send(f"{bill_of(app, 'M1')}/exchange", "换开", number="100001").status_code == 303
    desk = start(cashier)
    press(cashier, desk, "preview", **GOOD, remember="1")
    assert issue(cashier, desk).status_code == 303
    with app.extensions["qupiao"].services.database.read() as connection:
        voucher = connection.exec_driver_sql("SELECT max(id) FROM voucher").scalar_one()
        payer = connection.exec_driver_sql("SELECT max(id) FROM known_payer").scalar_one()
    sheets = cashier.get("/console/billing/paper/sheets").text
    protect(app, NUMBER, "000000196506300084")
    for page in ("", "/statement", "/refund"):
        assert ASKS in cashier.get(f"/console/billing/vouchers/{voucher}{page}", 422).text
    [form] = [form for form in cashier.forms(sheets) if "打印所选" in form.buttons]
    printed = cashier.client.post(form.action, data=form.values | {"all": "1"})
    assert printed.status_code == 422 and ASKS in printed.text
    fresh = start(cashier)
    [form] = [form for form in cashier.forms(cashier.get(fresh).text) if "keep" in form.values]
    headers = {"Referer": f"http://localhost{fresh}"}
    asked = cashier.client.post(fresh, data=form.values | {"remark": "备注甲", "pick": str(payer)}, headers=headers)
    assert asked.status_code == 422 and ASKS in asked.text and NUMBER not in asked.text
    back = cashier.follow(give_reason(cashier, asked.text, "本人在窗口开票"))
    assert "备注甲" in back, "what was typed is kept"
    [form] = [form for form in cashier.forms(back) if "keep" in form.values]
    assert NUMBER in cashier.follow(cashier.client.post(fresh, data=form.values | {"pick": str(payer)}))


def test_the_security_officer_marks_and_a_second_person_ends_it(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("M1")).ok
    officer, base = Console(app, "security"), "/console/system/marked"
    nothing = officer.send(f"{base}/new", "登记", name="林演安", numbers="", why="院办通知")
    assert nothing.status_code == 422 and "必填" in nothing.text
    typed = {"name": "林演安", "numbers": f"{NUMBER}\n1000 0000 001", "kind": "public", "why": "院办通知"}
    page = officer.follow(officer.send(f"{base}/new", "登记", **typed))
    assert "已登记" in page and "林**" in page and "公众人物" in page and NUMBER not in page and "林演安" not in page
    twice = officer.send(f"{base}/new", "登记", **typed | {"numbers": NUMBER})
    assert twice.status_code == 422 and "已经登记过" in twice.text
    lead, path = Console(app, "lead"), bill_of(app, "M1")
    assert ASKS in lead.get(path, 422).text
    [end] = re.findall(rf'href="({base}/\d+/end)"', page)
    asked = officer.follow(officer.send(end, "提交复核", reason="已经离职"))
    assert "仍受保护" in asked and "等待财务主管复核" in officer.get(end, 422).text
    assert ASKS in lead.get(path, 422).text
    supervisor = Console(app, "supervisor")
    assert "林" not in supervisor.get("/console/home/approvals").text.partition("<tbody>")[2].partition("</tbody>")[0]
    approve(supervisor, "取消特别保护")
    assert "128.50 元" in lead.get(path).text
    assert "没有登记" in officer.get(base).text and "林**" in officer.get(f"{base}?state=over").text
    assert [row[0] for row in log(app, "marked.ended")] == ["staff:supervisor"]
    assert officer.send(f"{base}/new", "登记", **typed).status_code == 303, "and may be marked again"


def test_what_is_stored_names_nobody(app: Flask) -> None:
    protect(app)
    with app.extensions["qupiao"].services.database.read() as connection:
        [content] = connection.scalars(select(MarkedPerson.content))
    assert "林演安".encode() not in content and NUMBER.encode() not in content


@pytest.mark.parametrize("numbers", [[], [""], [f"10{one:08d}" for one in range(11)]])
def test_a_mark_needs_some_numbers(app: Flask, numbers: list[str]) -> None:
    with pytest.raises(Refusal) as refused:
        protected_persons.mark(app.extensions["qupiao"].services, SECURITY, Order("林演安", numbers, "staff", ""))
    assert refused.value.code == "INPUT_INVALID"
