"""Reversal and paper at the console: only the legal acts are shown, each dialog leads on."""

from __future__ import annotations

import io
import re
from typing import Any

import pypdf
import pytest
from flask import Flask
from sqlalchemy import Table, select, update

from portal.domain.actor import Actor
from portal.domain.documents.manual_input import entry
from portal.domain.documents.settlement import Scene
from portal.issuing.bills.issue import Issued
from portal.issuing.manual.drafts import ManualIssueService
from portal.models import AuditEntry, Bill, PaperBill
from tests.support import codes
from tests.support.console import Console, approve, at_window
from tests.support.his import His, outpatient
from tests.support.pictures import photo

BILL: Table = Bill.__table__
PAPER: Table = PaperBill.__table__

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def issue(app: Flask, serial: str, **changes: Any) -> int:
    """Issue a bill; its row id."""
    assert His(app).call("invoiceEBillOutpatient", outpatient(serial, **changes)).ok
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.execute(select(BILL.c.id).where(BILL.c.serial == serial)).scalar_one())


def sheets(app: Flask) -> list[Any]:
    """All sheets by number."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.execute(select(PAPER).order_by(PAPER.c.number)))


def acts(page: str) -> set[str]:
    """Which of the acts the page offers."""
    words = ("换开", "重新换开", "收回并作废纸质票", "冲红", "打印纸质票", "补打纸质票")
    return {word for word in words if f">{word}</a>" in page or f">{word}</button>" in page}


def test_exchange_jam_void_reverse(app: Flask) -> None:
    cashier, lead = at_window(app, "cashier"), at_window(app, "lead")
    bill = issue(app, "C1")
    path = f"/console/billing/bills/{bill}"
    assert acts(cashier.get(path).text) >= {"换开"}
    dialog = cashier.get(f"{path}/exchange").text
    assert "本班第一次换开" in dialog and "0000100001" in dialog
    wrong = cashier.send(f"{path}/exchange", "换开", number="1")
    assert wrong.status_code == 422 and "放错" in wrong.text
    ahead = cashier.send(f"{path}/exchange", "换开", number="100003")
    assert ahead.status_code == 422 and "共 2 张" in ahead.text
    done = cashier.send(f"{path}/exchange", "换开", number="100003", skip="y", reason="卡纸")
    page = cashier.follow(done)
    assert f"已换开，纸质票据 {codes.PAPER} 0000100003" in page
    assert {"重新换开", "打印纸质票"} <= acts(page) and "冲红" not in acts(page)
    assert "先收回纸质票据并作废" in page
    again = cashier.get(f"{path}/re-exchange").text
    assert "本班第一次换开" not in again and 'value="0000100004"' in again and "回收票号" in again
    page = cashier.follow(cashier.send(f"{path}/re-exchange", "重新换开"))
    assert "已重新换开" in page and "已收回作废" in page
    refused = lead.get(f"{path}/reverse", 409).text
    assert "该票据已换开纸质票据" in refused
    page = lead.follow(lead.send(f"{path}/void-paper", "作废纸质票", recovered="yes", reason="退费"))
    assert {"换开", "冲红"} <= acts(page)
    nothing = lead.send(f"{path}/reverse", "冲红", kind="")
    assert nothing.status_code == 422
    page = lead.follow(lead.send(f"{path}/reverse", "冲红", kind="refund", reason=""))
    assert "已冲红，红票" in page and acts(page) == set() and "退费" in page
    assert [row.state for row in sheets(app)] == ["recovered", "recovered"]


def test_printing_counts_and_says_so(app: Flask) -> None:
    cashier = at_window(app, "cashier")
    path = f"/console/billing/bills/{issue(app, 'C1')}"
    cashier.send(f"{path}/exchange", "换开", number="100001")
    first = cashier.send(path, "打印纸质票")
    text = pdf_text(cashier.client.get(first.location).data)
    assert "补打" not in text and "林演安" in text and "壹佰贰拾捌元伍角整" in text and "票据代码、号码" not in text
    second = cashier.send(path, "补打纸质票")
    assert "补打（第 2 次）" in pdf_text(cashier.client.get(second.location).data)
    assert "票据代码、号码" in pdf_text(cashier.client.get(f"{second.location}&form=1").data)
    assert sheets(app)[0].prints == 2


def pdf_text(data: bytes) -> str:
    """All text of a PDF."""
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def test_day_end_batch(app: Flask) -> None:
    cashier = at_window(app, "cashier")
    bills = [issue(app, f"D{count}") for count in range(3)]
    issue(app, "D9", busType="03")
    page = cashier.get("/console/billing/paper").text
    assert all(f'value="{bill}"' in page for bill in bills) and "林**" in page
    path = "/console/billing/paper"
    empty = cashier.send(path, "换开所选", number="100001")
    assert empty.status_code == 422 and "没有勾选" in empty.text
    done = cashier.follow(cashier.send(path, "换开所选", bill=[str(bill) for bill in bills], number="100001"))
    assert "已换开 3 张" in done
    assert [row.number for row in sheets(app)] == [100001, 100002, 100003]
    printed = cashier.send(
        "/console/billing/paper/sheets", "打印本页全部有效票", all="1", shown=[str(row.id) for row in sheets(app)]
    )
    assert len(pypdf.PdfReader(io.BytesIO(cashier.client.get(printed.location).data)).pages) == 3
    wrong = cashier.follow(cashier.send(path, "换开本页全部", all="1", number="100009"))
    assert "没有换开" in wrong


LIST = "/console/billing/paper"


def by_hand(app: Flask, kind: Scene, lines: list[dict[str, str]], **typed: str) -> int:
    """Issue a bill at the desk; its row id."""
    desk, actor = (
        ManualIssueService(app.extensions["qupiao"].services, app.extensions["qupiao"].issuing),
        Actor("staff:lead", "李某", 1),
    )
    started = desk.start(actor, kind)
    head = {"payer_kind": "1", "payer_name": "林演安", "point_code": "01", "checker": "复核员乙"}
    head |= {"business_day": started.entry.fields["business_day"]} | typed
    saved = desk.save(actor, started.id, started.version, entry(kind, head, lines, [{"channel": "cash"}]))
    made = desk.issue(actor, saved.id, saved.version)
    assert isinstance(made, Issued), made.problems
    return made.bill_id


def cells(page: str, bill: int) -> list[str]:
    """What the list shows of a bill, column by column."""
    [row] = [row for row in re.findall(r"<tr[ >].*?</tr>", page, re.DOTALL) if f'name="shown" value="{bill}"' in row]
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)][1:-1]


def test_who_was_treated_stands_in_the_list_however_the_bill_was_made(app: Flask) -> None:
    sent = issue(app, "C1")
    line = [{"code": "Y0002", "quantity": "1"}]
    typed = by_hand(app, Scene.OUTPATIENT, line, scene="outpatient", patient_no="MZ9876543", sex="女", age="35岁")
    stay = {"hospital_no": "ZY0001234", "in_date": "2026-11-01", "out_date": "2026-11-05"}
    inpatient = by_hand(app, Scene.INPATIENT, [{"code": "B0001", "quantity": "4"}], sex="男", age="3岁", **stay)
    gift = by_hand(
        app,
        Scene.DONATION,
        [{"code": "J0201", "name": "轮椅", "unit": "台", "quantity": "1", "price": "680"}],
        project="助残",
        donation_form="goods",
    )
    columns = "&".join(f"cols={key}" for key in ("sex", "age", "outpatient_no", "hospital_no"))
    page = at_window(app, "lead").get(f"{LIST}?{columns}").text
    assert cells(page, sent) == ["男", "74岁", "*****0001", ""]
    assert cells(page, typed) == ["女", "35岁", "*****6543", ""]
    assert cells(page, inpatient) == ["男", "3岁", "", "*****1234"]
    assert cells(page, gift) == ["", "", "", ""]


def test_the_lines_of_a_chosen_bill_stand_below_and_reading_them_is_logged(app: Flask) -> None:
    sent = issue(app, "C1", payChannelDetail=[{"payChannelCode": "05", "payChannelValue": 128.5}])
    bare = issue(app, "C2", listDetail=[])
    person = at_window(app, "cashier")
    page = person.get(LIST).text
    assert "示例药片" not in page and f'href="{LIST}?detail={sent}"' in page
    page = person.get(f"{LIST}?detail={sent}").text
    assert all(word in page for word in ("示例药片", "10mg*7", "54.25", "108.50", "开单科室 内科", "共 2 行"))
    assert "林演安" not in page and 'aria-current="true"' in page and " autofocus" in page
    assert "西药费" in person.get(f"{LIST}?detail={bare}").text, "a bill without a list shows its charge items"
    assert person.client.get(f"{LIST}?detail={sent}&format=xlsx").status_code == 200
    for strange in ("0", "999", "x", "99999999999999999999999"):
        person.get(f"{LIST}?detail={strange}", 404)
    with app.extensions["qupiao"].services.database.read() as connection:
        read = select(AuditEntry.object_id, AuditEntry.actor).where(AuditEntry.action == "bill.details_read")
        assert connection.execute(read).all() == [(str(bill), "staff:cashier") for bill in (sent, bare)]


def test_large_reversal_and_lost_paper_by_four_eyes(app: Flask) -> None:
    lead, supervisor = at_window(app, "lead"), Console(app, "supervisor")
    big = {"totalAmt": 6000, "fundPay": 0, "selfCashPay": 6000, "listDetail": []}
    big |= {"payChannelDetail": [{"payChannelCode": "05", "payChannelValue": 6000}]}
    big |= {"chargeDetail": [{"chargeCode": "0101", "chargeName": "诊查费", "amt": 6000}]}
    bill = issue(app, "L1", **big)
    path = f"/console/billing/bills/{bill}"
    number = "100001"
    at_window(app, "cashier").send(f"{path}/exchange", "换开", number=number)
    lost = {"recovered": "lost", "reason": "退费", "statement": "本人遗失，声明作废"}
    missing = lead.send(f"{path}/void-paper", "作废纸质票", **lost | {"statement": ""})
    assert missing.status_code == 422 and "遗失声明" in missing.text
    for data in (b"\xff\xd8\xff picture", b"%PDF-1.7 nothing", b"x" * 108):
        broken = lead.send(f"{path}/void-paper", "作废纸质票", **lost, attachment=(io.BytesIO(data), "a.jpg"))
        assert broken.status_code == 422 and "附件打不开" in broken.text
    asked = lead.send(
        f"{path}/void-paper",
        "作废纸质票",
        **lost,
        attachment=(io.BytesIO(photo()), "a.jpg"),
    )
    page = lead.follow(asked)
    assert "等待复核" in page and acts(page) <= {"打印纸质票"}
    waiting = supervisor.get("/console/home/approvals").text
    request = re.search(r'href="(/console/home/approvals/\d+)"', waiting)
    assert request and "声明作废" not in supervisor.get(request[1]).text
    shown = supervisor.send(request[1], "查看遗失声明")
    assert "本人遗失，声明作废" in shown.text
    token = supervisor.form(request[1], "同意并办理").values["csrf_token"]
    picture = supervisor.client.post(f"{request[1]}/attachment", data={"csrf_token": token})
    assert picture.mimetype == "image/jpeg" and picture.data == photo()
    approve(supervisor, "作废遗失的纸质票据")
    assert sheets(app)[0].state == "void" and sheets(app)[0].approver
    assert "提交复核" in lead.get(f"{path}/reverse").text
    page = lead.follow(lead.send(f"{path}/reverse", "提交复核", kind="refund"))
    assert "已提交复核" in page and "冲红" not in acts(page)
    approve(supervisor, "冲红票据")
    page = lead.get(path).text
    assert "已冲红" in page and "复核人" in page


def test_blank_loss(app: Flask) -> None:
    lead = at_window(app, "lead")
    page = lead.follow(
        lead.send(
            "/console/billing/paper/blanks", "报损", code=codes.PAPER, first="100001", last="100002", reason="受潮"
        )
    )
    assert "已报损 2 张" in page and "0000100003" in page
    wrong = lead.send("/console/billing/paper/blanks", "报损", code=codes.PAPER, first="5", last="3", reason="x")
    assert wrong.status_code == 422
    used = lead.send("/console/billing/paper/blanks", "报损", code=codes.PAPER, first="5", last="6", reason="x")
    assert used.status_code == 409


def test_refused_and_strange_bills(app: Flask) -> None:
    cashier = at_window(app, "cashier")
    bill = issue(app, "C1")
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).values(state="refused"))
    page = cashier.get(f"/console/billing/bills/{bill}").text
    assert "财政没有通过" in page and "换开" not in acts(page)
    assert cashier.get("/console/billing/bills/12345/exchange", 404)
