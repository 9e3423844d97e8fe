"""Notice slips: single, in batch, printed again; what a found slip tells; what the PDF says on both papers."""

from __future__ import annotations

import io
import re

import pypdfium2
import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.access import parameters
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.issuing.paper import notice_slips
from portal.models import AuditEntry, Bill, SlipPrint
from portal.rendering.papers.slip import Paper
from tests.support.console import Console
from tests.support.desk import GOOD, issue, press, start
from tests.support.his import DAY, His, at, outpatient
from tests.support.length import sqlite_first

pytestmark = sqlite_first

ACTOR = Actor("staff:x", "演示收费员甲", 1)


def texts(data: bytes) -> list[str]:
    """The text of every page, without blanks."""
    document = pypdfium2.PdfDocument(io.BytesIO(data))
    found = [re.sub(r"\s", "", page.get_textpage().get_text_range()) for page in document]
    document.close()
    return found


def issued(app: Flask, *serials: str) -> list[int]:
    for serial in serials:
        assert His(app).call("invoiceEBillOutpatient", outpatient(serial)).ok
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.scalars(select(Bill.id).order_by(Bill.id)))


@pytest.mark.parametrize("paper", list(Paper))
def test_a_slip_says_what_it_must_and_not_more(app: Flask, paper: Paper) -> None:
    [bill] = issued(app, "N1")
    services = app.extensions["qupiao"].services
    [text] = texts(notice_slips.job_pdf(services, 1, notice_slips.start(services, ACTOR, "bill", [bill], paper)))
    with services.database.read() as connection:
        row = connection.execute(select(Bill.bill_code, Bill.check_code)).one()
    wanted = ("电子票据告知单", "本单不是票据，不能报销", row.bill_code, row.check_code, "林**", "128.50")
    wanted += ("怎样取票", "怎样查验", "0662-0000000", "演示数据", f"{DAY}")
    assert [word for word in wanted if word not in text] == []
    for secret in ("林演安", "内科", "西药费", "补打", "000000195203150010", "10000000001"):
        assert secret not in text


def test_a_second_print_says_so_and_opening_again_is_no_print(app: Flask) -> None:
    first, second = issued(app, "N1", "N2")
    services = app.extensions["qupiao"].services
    job = notice_slips.start(services, ACTOR, "bill", [first], Paper.ROLL)
    both = notice_slips.start(services, ACTOR, "bill", [second, first], Paper.ROLL)
    pages = texts(notice_slips.job_pdf(services, 1, both))
    assert len(pages) == 2 and "补打" not in pages[0] and "补打（第2次打印）" in pages[1]
    assert "补打" not in texts(notice_slips.job_pdf(services, 1, job))[0]
    with services.database.read() as connection:
        assert notice_slips.counts(connection, "bill", [first, second]) == {first: 2, second: 1}
        audited = select(func.count()).where(AuditEntry.action == "notice.printed")
        assert connection.scalar(audited) == 3 == connection.scalar(select(func.count()).select_from(SlipPrint))
    for ids in ([], [1], [first] * 2 + list(range(200))):
        with pytest.raises(Refusal):
            notice_slips.start(services, ACTOR, "bill", ids, Paper.ROLL)
    with pytest.raises(Refusal):
        notice_slips.job_pdf(services, 1, 1)


def test_a_reversed_bill_is_marked(app: Flask) -> None:
    [bill] = issued(app, "N1")
    services = app.extensions["qupiao"].services
    job = notice_slips.start(services, ACTOR, "bill", [bill], Paper.SHEET)
    with services.database.read() as connection:
        row = connection.execute(select(Bill.bill_code, Bill.number)).one()
    red = {"billBatchCode": row.bill_code, "billNo": f"{row.number:010d}", "reason": "退费", "operator": "甲"}
    assert His(app).call("writeOffEBill", red | {"busDateTime": at("090000", 3), "placeCode": "01"}).ok
    assert "已冲红" in texts(notice_slips.job_pdf(services, 1, job))[0]


def test_the_console_prints_one_and_many(app: Flask) -> None:
    bills = issued(app, "N1", "N2", "N3")
    cashier = Console(app, "cashier")
    answer = cashier.send(f"/console/billing/bills/{bills[0]}", "打印告知单")
    pdf = cashier.get(answer.location or "")
    assert pdf.mimetype == "application/pdf" and len(texts(pdf.data)) == 1
    address = f"/console/delivery/notices?from={DAY}&to={DAY}"
    listed = cashier.get(f"{address}&printed=no").text
    assert listed.count('name="bill"') == 2, "the printed one is not offered again"
    answer = cashier.send(f"{address}&printed=", "打印所选", bill=[str(bills[1])], paper="a5", shown=[])
    assert len(texts(cashier.get(answer.location or "").data)) == 1
    assert "没有选择" in cashier.send(f"{address}&printed=", "打印所选", bill=[], shown=[]).text
    form = cashier.form(f"{address}&printed=", "打印所选")
    answer = cashier.client.post(form.action, data=form.values | {"all": "1", "shown": [str(one) for one in bills]})
    assert ["补打" in page for page in texts(cashier.get(answer.location or "").data)] == [True, True, False]
    Console(app, "auditor").get("/console/delivery/notices", 403)


def test_another_paper_from_the_same_page_is_another_print(app: Flask) -> None:
    [bill] = issued(app, "N1")
    cashier = Console(app, "cashier")
    form = cashier.form(f"/console/billing/bills/{bill}", "打印告知单")
    first, twice, other = (
        cashier.client.post(form.action, data=form.values | {"paper": paper}) for paper in ("80mm", "80mm", "a5")
    )
    assert first.location == twice.location != other.location, "a double click is one print, a choice another"
    widths = [_width(cashier.get(answer.location or "").data) for answer in (first, other)]
    assert widths == [80, 148]
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        assert notice_slips.counts(connection, "bill", [bill]) == {bill: 2}


def _width(data: bytes) -> int:
    """The width of the first page in millimetres."""
    document = pypdfium2.PdfDocument(io.BytesIO(data))
    points = document[0].get_width()
    document.close()
    return round(points / 72 * 25.4)


@pytest.mark.parametrize(
    ("value", "offered", "by_itself"), [("0", False, False), ("1", True, True), ("2", True, False)]
)
def test_after_issuing_a_slip_is_printed_never_by_itself_or_when_asked(
    app: Flask, value: str, offered: bool, by_itself: bool
) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "notice.print", value, ACTOR)
    person = Console(app, "cashier")
    path = start(person)
    press(person, path, "preview", **GOOD)
    result = person.follow(issue(person, path))
    assert ("打印告知单" in result) is offered and ("requestSubmit" in result) is by_itself
    if by_itself:
        bill = re.findall(r"/bills/([0-9]+)", result)[0]
        person.send(f"/console/billing/bills/{bill}", "打印告知单")
        again = person.get(f"{path}/result").text
        assert "requestSubmit" not in again, "coming back prints nothing again"
