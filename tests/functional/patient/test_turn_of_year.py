"""Through midnight of 31 December: a year's statement, what opens by links and codes, what is signed and sealed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from portal.access import parameters, pass_rows
from portal.core.clock import local, midnight, now, stamp17
from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import verify_detached
from portal.domain.actor import Actor
from portal.domain.numbers import NumberRun, bill_code
from portal.issuing.paper import notice_slips, slip_codes
from portal.ledger import bills, document_check
from portal.models.tables import BILL, POINT
from portal.rendering import xml
from portal.rendering.papers.slip import Paper
from portal.retrieval.proof import remembered, sessions
from portal.retrieval.proof.sessions import Claim
from portal.stock.documents import handouts, receipts
from portal.stock.documents.handouts import HandOut
from tests.support import clock
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.pages import Pages, Rules
from tests.support.patients import NAME, PERSONAL, first, identified, sent_code, visitor
from tests.support.text_messages import Inbox

pytestmark = sqlite_first
YEAR = local(now()).year
NEW_YEAR = midnight(datetime(YEAR + 1, 1, 1, tzinfo=UTC).date())
KEEPER, OTHER = Actor("staff:keeper", "甲", 1), Actor("staff:other", "乙", 1)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
def turned(app: Flask, his: His, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Three settlements around midnight: before it, before it but pushed after it, after it. It is 00:00:10 now."""
    services, code = app.extensions["qupiao"].services, bill_code("990601", YEAR + 1)
    with services.database.read() as connection:
        point_id = connection.scalars(select(POINT.c.id).where(POINT.c.code == "01")).one()
    receipts.confirm(services, OTHER, receipts.enter_opening(services, KEEPER, NumberRun(code, 1, 1000)))
    slip = handouts.draft(services, KEEPER, HandOut(point_id, code, 100))
    handouts.hand_out(services, KEEPER, slip)
    handouts.accept(services, KEEPER, slip)
    made = {}
    for serial, issued, settled in (
        ("OLD", -10 * SECOND, -SECOND),
        ("LATE", 5 * SECOND, -SECOND),
        ("NEW", 10 * SECOND, timedelta()),
    ):
        clock.move(monkeypatch, NEW_YEAR + issued)
        answer = his.call("invoiceEBillOutpatient", outpatient(serial, busDateTime=stamp17(NEW_YEAR + settled)))
        assert answer.ok, answer.message
        made[serial] = answer.payload
    return made


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A patient's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def test_a_bill_is_of_the_year_in_which_it_was_paid(
    pages: Pages, app: Flask, turned: dict[str, dict[str, str]]
) -> None:
    """By the hospital's clock, whenever it was pushed; the list opens at the new year, the old one is a tap away."""
    listed = identified(pages, app)
    assert re.findall(r"(\d{4}) 年 · (\d) 张", listed.text) == [(str(YEAR + 1), "1"), (str(YEAR), "2")]
    assert f"{YEAR + 1} 年自己付了多少" in listed.text
    assert f"{YEAR} 年自己付了多少" in pages.get(f"/h/pgzx/bills?year={YEAR}").text
    for year, count in ((YEAR, 2), (YEAR + 1, 1)):
        statement = pages.get(f"/h/pgzx/years/{year}")
        assert f"{count * 128.5:.2f}" in statement.text and f"{count * 48.5:.2f}" in statement.text
        file = pages.client.get(f"/h/pgzx/years/{year}/self-pay.pdf")
        assert file.data.startswith(b"%PDF") and f"self-pay-{year}.pdf" in file.headers["Content-Disposition"]
        bundle = pages.get(f"/h/pgzx/bundle?first={year}-01-01&last={year}-12-31")
        assert len(re.findall(r'name="bill"', bundle.text)) == count
    assert pages.client.get(f"/h/pgzx/years/{YEAR + 2}/self-pay.pdf").status_code == 422
    assert turned["LATE"]["billBatchCode"].endswith(f"{(YEAR + 1) % 100:02d}"), "its number is of the day of its issue"


def test_links_and_codes_of_december_open_in_january(
    pages: Pages, app: Flask, his: His, turned: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Printed links for good, a fetch code for 180 days, a mail's link for seven days and no longer."""
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        bill_id = connection.scalars(select(BILL.c.id).where(BILL.c.serial == "OLD")).one()
    clock.move(monkeypatch, NEW_YEAR - SECOND)
    notice_slips.start(services, KEEPER, notice_slips.BILLS, [bill_id], Paper.ROLL)
    mailed, until = pass_rows.for_message(services, 1, bill_id, pass_rows.MAIL_LIVES)
    assert until - (NEW_YEAR - SECOND) == pytest.approx(timedelta(days=7), abs=timedelta(minutes=1))
    link = re.sub(r"^https?://[^/]+", "", turned["OLD"]["pictureUrl"])
    for moment in (NEW_YEAR, NEW_YEAR + DAY, NEW_YEAR + 6 * DAY, NEW_YEAR + 400 * DAY):
        clock.move(monkeypatch, moment)
        fresh = Pages(app.test_client())
        assert "128.50" in fresh.get(link).text, moment
        fresh.get(f"/t/{mailed}", 200 if moment < NEW_YEAR + 7 * DAY else 404)
    clock.move(monkeypatch, NEW_YEAR + 100 * DAY)
    code = slip_codes.of_print(services, bill_id, 1)
    opened = pages.submit(pages.get("/h/pgzx"), {"number": code, "name": NAME}, action="/h/pgzx")
    assert "这次一共" in opened.text
    clock.move(monkeypatch, NEW_YEAR + 200 * DAY)
    again = Pages(app.test_client())
    notice_slips.start(services, KEEPER, notice_slips.BILLS, [bill_id], Paper.ROLL)
    late = slip_codes.of_print(services, bill_id, 2)
    clock.move(monkeypatch, NEW_YEAR + 381 * DAY)
    again.submit(again.get("/h/pgzx"), {"number": late, "name": NAME}, 422, action="/h/pgzx")


def test_a_session_and_a_code_live_through_midnight(app: Flask, his: His, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, NEW_YEAR - timedelta(minutes=2))
    assert his.call("invoiceEBillOutpatient", outpatient("OLD", busDateTime=stamp17(NEW_YEAR - 3600 * SECOND))).ok
    pages = Pages(app.test_client(), Rules(personal=PERSONAL))
    page = pages.submit(pages.get("/h/pgzx"), {"number": "000000195203150010", "name": NAME}, action="/h/pgzx")
    clock.move(monkeypatch, NEW_YEAR + timedelta(minutes=1))
    listed = pages.submit(page, {"code": sent_code(app)}, action="/code")
    assert f"{YEAR} 年" in listed.text, "the list opens at the year that has bills"
    clock.move(monkeypatch, NEW_YEAR + timedelta(minutes=14))
    pages.get(first(listed, r"/bills/\d+"))
    clock.move(monkeypatch, NEW_YEAR + timedelta(minutes=40))
    pages.get("/h/pgzx/bills", 401)


def test_a_message_of_the_last_evening_opens_its_bill_next_year(
    app: Flask, his: His, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        parameters.change(connection, "delivery.quiet", "", KEEPER)
        parameters.change(connection, "delivery.wait-supervision", "0", KEEPER)
    clock.move(monkeypatch, NEW_YEAR - timedelta(minutes=1))
    assert his.call("invoiceEBillOutpatient", outpatient("OLD", busDateTime=stamp17(NEW_YEAR - 3600 * SECOND))).ok
    [(_, _, params)] = Inbox().work(app).sent
    assert params["day"] == "12月31日"
    clock.move(monkeypatch, NEW_YEAR + 5 * DAY)
    page = Pages(app.test_client()).get(f"/b/{params['token']}")
    assert f"{YEAR}-12-31" in page.text


def test_what_was_sealed_before_midnight_is_good_after_it(
    app: Flask, turned: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signature, certificate and seal of both years; the night's comparison finds no difference."""
    services = app.extensions["qupiao"].services
    root = load_certificate(services.settings.data_dir / "keys" / "ca.crt")
    seals = set()
    with services.database.read() as connection:
        found = {row.serial: row for row in connection.execute(select(BILL.c.id, BILL.c.serial, BILL.c.issued_at))}
    assert set(found) == set(turned)
    for serial, row in found.items():
        whole = bills.document_xml(services, row.id)
        parts = xml.split(whole)
        for moment in (row.issued_at, NEW_YEAR - SECOND, NEW_YEAR, NEW_YEAR + 365 * DAY):
            assert verify_detached(parts.unit.value, parts.signed, [root], moment).serial_hex, (serial, moment)
        assert xml.read(parts.signed).issued_at == row.issued_at.replace(microsecond=0)
        seals.add(tuple(re.findall(rb"<(\w*Seal(?:Id|Name|Hash)\w*)>([^<]*)<", whole)))
    assert len(seals) == 1 and seals.pop(), "one seal in both years"
    clock.move(monkeypatch, NEW_YEAR + timedelta(hours=3))
    assert document_check.check_night(services) == 0


def test_a_phone_remembered_in_december_is_known_for_ninety_days(
    app: Flask, his: His, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = app.extensions["qupiao"].services
    clock.move(monkeypatch, NEW_YEAR - SECOND)
    client = visitor(app, Claim("00" * 32, "11" * 32), 2)
    with services.database.read() as connection:
        session = sessions.read(services, connection, client.get_cookie("qp_session").value)  # type: ignore[union-attr]
    assert session is not None
    token = remembered.remember(services, session, "手机")
    for moment, known in ((NEW_YEAR, True), (NEW_YEAR + 89 * DAY, True), (NEW_YEAR + 91 * DAY, False)):
        clock.move(monkeypatch, moment)
        with services.database.read() as connection:
            assert remembered.known(services, connection, 1, token) is known
