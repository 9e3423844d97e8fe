"""The page of a bill tells everything about it: face, lines, channels, slips, messages, requests, approvals, log."""

from __future__ import annotations

import re

import pypdfium2
import pytest
from flask import Flask
from sqlalchemy import select

from portal.ledger import files
from portal.ledger.bills import by_id
from portal.models.tables import AUDIT_ENTRY, BILL
from portal.retrieval import patient_requests
from portal.retrieval.patient_requests import Asked
from portal.runtime import Runtime
from tests.support.console import Console, at_window
from tests.support.his import His, outpatient
from tests.support.window import Window

NAME, ID, PHONE = "林演安", "000000195203150010", "10000000001"
SECRETS = (NAME, ID, PHONE)
BILLS = "/console/billing/bills"


@pytest.fixture
def bill_id(app: Flask, his: His) -> int:
    """One bill of the demo patient, with detail lines."""
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    return only(app)


def only(app: Flask) -> int:
    """Row id of the one bill that is not red."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.execute(select(BILL.c.id).where(BILL.c.red_of_id.is_(None))).scalar_one())


def actions(app: Flask, bill_id: int) -> list[str]:
    """What the log says of a bill, in order."""
    wanted = select(AUDIT_ENTRY.c.action).where(AUDIT_ENTRY.c.object_id == str(bill_id)).order_by(AUDIT_ENTRY.c.id)
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.scalars(wanted))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_has_the_face_and_the_channels_and_no_personal_data(app: Flask, bill_id: int) -> None:
    for name in ("cashier", "keeper", "accountant", "inspector"):
        person = Console(app, name)
        page = person.get(f"{BILLS}/{bill_id}").text
        assert "缴费渠道" in page and "医保统筹" in page and "微信" in page and "诊查费" in page
        assert not any(secret in page for secret in SECRETS) and "示例药片" not in page
        picture = person.get(f"{BILLS}/{bill_id}/face.png")
        assert picture.mimetype == "image/png" and "no-store" in picture.headers["Cache-Control"]
        assert ("打开完整票面" in page) == (name in ("cashier", "accountant"))
    assert "party.revealed" not in actions(app, bill_id)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_masked_face_names_nobody(app: Flask, bill_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is read as text before it becomes a picture; the whole one names the payer."""
    drawn: list[str] = []
    runtime: Runtime = app.extensions["qupiao"]
    faces = runtime.faces

    def text(pdf: bytes, width: int) -> bytes:
        document = pypdfium2.PdfDocument(pdf)
        drawn.append("".join(page.get_textpage().get_text_bounded() for page in document))
        return b"png"

    monkeypatch.setattr(faces, "png", text)
    with runtime.services.database.read() as connection:
        facts = by_id(connection, bill_id)
        assert facts is not None
        files.masked_picture(runtime.services, connection, faces, facts, 1080)
        whole = files.bill_pdf(runtime.services, connection, faces, facts)
    text(whole.data, 0)
    masked, full = drawn
    assert "林**" in masked and NAME not in masked and ID not in masked
    assert NAME in full and "示例药片" in full and "示例药片" not in masked


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_whole_face_and_the_signed_file_need_a_reason(app: Flask, bill_id: int) -> None:
    cashier, address = Console(app, "cashier"), f"{BILLS}/{bill_id}"
    assert cashier.send(address, "查看完整信息", **{"as": "pdf"}).status_code == 422
    assert "party.revealed" not in actions(app, bill_id)
    pdf = cashier.send(address, "查看完整信息", reason="窗口打印", **{"as": "pdf"})
    assert pdf.mimetype == "application/pdf" and pdf.data.startswith(b"%PDF")
    assert pdf.headers["Content-Disposition"].startswith("inline") and "no-store" in pdf.headers["Cache-Control"]
    document = cashier.send(address, "查看完整信息", reason="窗口打印", **{"as": "xml"})
    assert document.mimetype == "application/xml" and NAME in document.text
    assert actions(app, bill_id).count("party.revealed") == 2
    keeper = Console(app, "keeper")
    token = keeper.form(address, "打印告知单").values["csrf_token"]
    refused = keeper.client.post(f"{address}/reveal", data={"csrf_token": token, "reason": "好奇", "as": "pdf"})
    assert refused.status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_detail_lines_are_shown_when_asked_for_and_that_is_in_the_log(app: Flask, bill_id: int) -> None:
    cashier = Console(app, "cashier")
    assert "查看清单明细（2 行，会留痕）" in cashier.get(f"{BILLS}/{bill_id}").text
    assert "bill.details_read" not in actions(app, bill_id)
    page = cashier.get(f"{BILLS}/{bill_id}?lines=1").text
    assert "示例药片" in page and NAME not in page
    assert actions(app, bill_id).count("bill.details_read") == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_slips_requests_and_approvals_stand_on_the_page(app: Flask, bill_id: int) -> None:
    runtime: Runtime = app.extensions["qupiao"]
    window = at_window(app)
    window.send(f"{BILLS}/{bill_id}", "打印告知单")
    content = {"wrong": "other", "right": "某种私事", "phone": ""}
    patient_requests.ask(runtime.services, runtime.limits, 1, Asked("correction", content, bill_id), "127.0.0.1")
    page = window.get(f"{BILLS}/{bill_id}").text
    assert "首次" in page and "80 毫米小票" in page
    assert "更正申请" in page and "待答复" in page and "某种私事" not in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_red_bill_is_red_everywhere(app: Flask, his: His) -> None:
    window = Window(his)
    window.red(window.issue("P1"))
    cashier = Console(app, "cashier")
    both = cashier.get(BILLS).text
    assert "红票·待监制" in both and "已冲红" in both
    assert cashier.get(f"{BILLS}?kind=red").text.count("红票·") == 1
    assert "红票·" not in cashier.get(f"{BILLS}?kind=blue").text
    [red] = re.findall(rf'href="({BILLS}/\d+)"', cashier.get(f"{BILLS}?kind=red").text)
    page = cashier.get(red).text
    assert '<span class="tag red">红票</span>' in page and "红票已开具" in page and "开具红票" in page
    assert "打印告知单" not in page and ">换开</a>" not in page
