"""Data of an earlier version: what an installation of November 2026 holds stays readable, verifiable and usable."""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from portal.access.his.accounts import load
from portal.app import create_app
from portal.audit import chain
from portal.core.clock import now
from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import verify_detached
from portal.demo.accounts import DEMO_APPID
from portal.demo.settings import DemoSettings
from portal.demo.settlements import PERSONS, settlement
from portal.his_contract import settlement as contract
from portal.models import Bill, StaffAccount
from portal.models.schema import migrate
from portal.rendering import xml
from tests.support import ledger
from tests.support.console import Console
from tests.support.his import His
from tests.support.parameters import set_parameter

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "data-2026-11"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
BILLS: list[dict[str, Any]] = EXPECTED["bills"]
ISSUED_AT = datetime(2026, 12, 2, 1, 0, tzinfo=UTC)
"""When the new bill is issued: in the year whose numbers the old data has, whenever the test runs."""


def by_serial(row: dict[str, Any]) -> str:
    """The name of a case."""
    return str(row["serial"])


@pytest.fixture
def old_dir(tmp_path: Path) -> Path:
    """The folder as the old version left it."""
    folder = tmp_path / "old"
    with tarfile.open(FOLDER / "data.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def old(old_dir: Path) -> Iterator[Flask]:
    """The application on the old data, brought to the present schema as an operator does it."""
    settings = DemoSettings(data_dir=old_dir, port=18000)
    migrate(settings.database)
    app = create_app(settings)
    services = app.extensions["qupiao"].services
    anchor = chain.anchor_path(services)  # its name follows from the folder's place
    anchor.parent.mkdir(exist_ok=True)
    shutil.move(old_dir / "audit.anchor", anchor)
    yield app
    services.database.engine.dispose()


def words(html: str) -> str:
    """A page's text without its blanks, which group numbers."""
    return re.sub(r"\s+|<[^>]*>", "", html)


TODAY = {
    "可报销": "有效",
    "已冲红": "已作废",
    "红票": "作废凭证",
    "这张票已冲红": "这张票已作废",
    "这是红票": "这张是作废凭证",
    "已换开纸质票据": "已打印成纸质票",
}
"""What pages say today for the words that were recorded."""


def missing(row: dict[str, Any], recorded: list[str], html: str) -> list[str]:
    """What was recorded and is not on a page, in the words of today; masks do not tell a name's length any more."""
    said = [re.sub(r"\*{3,}", "**", TODAY.get(one, one)) for one in recorded]
    if "已换开纸质票据" in row.get("bill_says", ()):
        said = ["已打印成纸质" if one == "有效" else one for one in said]
    return [one for one in said if one not in words(html)]


def named(browser: FlaskClient, link: str, address: str, name: str) -> Any:
    """Open a link and send the payer's name with its form; the answer."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(link).text)
    assert token
    return browser.post(address, data={"csrf_token": token[1], "name": name})


def test_the_data_are_those_that_are_described() -> None:
    """The list of links in the folder's README is that of the recorded answers."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for row in (*BILLS, *EXPECTED["vouchers"]):
        assert f"| {row['serial']} |" in readme and f"| {row['code']} {row['number']} |" in readme
        assert f"`{row['link']}`" in readme
    assert {row["scene"] for row in BILLS} >= {"registration", "inpatient", "dealing", "donation"}


def test_every_link_opens_its_bill_with_pdf_and_signed_xml(old: Flask, old_dir: Path) -> None:
    root = load_certificate(old_dir / "keys" / "ca.crt")
    set_parameter(old, "patient.slip-details", True)
    for row in BILLS:
        browser = old.test_client()
        page = browser.get(row["link"])
        assert page.status_code == 200, row["serial"]
        assert missing(row, row["link_says"], page.text) == [], row["serial"]
        opened = named(browser, row["link"], row["link"], row["payer"])
        assert opened.status_code == 303 and opened.location.endswith(f"/bills/{row['id']}"), row["serial"]
        assert missing(row, row["bill_says"], browser.get(opened.location).text) == [], row["serial"]
        document = browser.get(f"{opened.location}/einvoice.xml").data
        assert hashlib.sha256(document).hexdigest() == row["xml_sha256"], row["serial"]
        check_signatures(document, row, root)
        pdf = browser.get(f"{opened.location}/bill.pdf")
        assert pdf.status_code == 200 and pdf.mimetype == "application/pdf", row["serial"]
        assert pypdf.PdfReader(io.BytesIO(pdf.data)).attachments == {"einvoice.xml": [document]}, row["serial"]


def check_signatures(document: bytes, row: dict[str, Any], root: bytes) -> None:
    """The unit's signature, and finance's on all bills but the one it has not seen, verify as of their times."""
    parts = xml.split(document)
    verify_detached(parts.unit.value, parts.signed, [root], parts.unit.time)
    assert (parts.supervisor is None) == (row["state"] == "issued"), row["serial"]
    if parts.supervisor is not None:
        covered = xml.supervised_bytes(parts.signed, parts.unit_element)
        verify_detached(parts.supervisor.value, covered, [root], parts.supervisor.time)
    read = xml.read(parts.signed)
    assert (read.code, read.number, read.check_code) == (row["code"], row["number"], row["check_code"])


@pytest.mark.parametrize("voucher", EXPECTED["vouchers"], ids=by_serial)
def test_a_vouchers_link_opens(old: Flask, voucher: dict[str, Any]) -> None:
    browser = old.test_client()
    page = words(browser.get(voucher["link"]).text)
    assert [said for said in voucher["link_says"] if said not in page] == []
    opened = browser.get(named(browser, voucher["link"], f"{voucher['link']}/voucher", voucher["payer"]).location)
    assert opened.status_code == 200
    assert [said for said in voucher["opened_says"] if said not in words(opened.text)] == []


def test_the_his_gets_the_answers_of_then(old: Flask) -> None:
    his = His(old)
    for call in EXPECTED["answers"]:
        answer = his.call(call["method"], call["body"])
        assert (answer.result, plain(answer.message)) == (call["result"], plain(call["message"])), call
    assert len(EXPECTED["answers"]) >= 30


def plain(message: str) -> Any:
    """An answer's message; of a QR picture only that it is one, since its compressed bytes are the library's."""
    if not message.startswith("{"):
        return message
    picture = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/=]+")
    return json.loads(picture.sub("a picture", message))


def test_the_log_verifies_and_grows(old: Flask) -> None:
    services = old.extensions["qupiao"].services
    with services.database.read() as connection:
        report = chain.verify(services, connection)
    assert report.sound and report.links >= 30
    assert His(old).call("getPaperBillNo", {"placeCode": "01", "pBillBatchCode": "99062126"}).ok
    Console(old, "cashier")
    assert chain.seal(services) >= 1
    with services.database.read() as connection:
        assert chain.verify(services, connection).links > report.links


def test_a_bill_is_issued_on_top(old: Flask) -> None:
    services = old.extensions["qupiao"].services
    with services.database.read() as connection:
        account = load(connection, services.cipher, DEMO_APPID)
        assert ledger.check(connection) == len(BILLS)
    assert account is not None
    method, body = settlement("outpatient", PERSONS[0], "NEW-1", ISSUED_AT - timedelta(minutes=5), random.Random(1))
    settled = contract.settlement(method, body | {"placeCode": "01"}, account)
    old.extensions["qupiao"].issuing.issue(account, settled, "test", ISSUED_AT)
    with services.database.read() as connection:
        assert ledger.check(connection) == len(BILLS) + 1
        last = connection.scalar(select(func.max(Bill.number)).where(Bill.bill_code == "99060126", Bill.point_id == 1))
    same_point = [int(row["number"]) for row in BILLS if row["number"].startswith("90000")]
    assert last == max(same_point) + 1
    assert His(old).call("getEBillByBusNo", {"busNo": "NEW-1", "busDateTime": ""}).payload["billNo"] == f"{last:010d}"


def test_staff_log_in(old: Flask) -> None:
    with old.extensions["qupiao"].services.database.write() as connection:  # passwords age, data do not
        connection.execute(update(StaffAccount).values(password_at=now()))
    for username in ("cashier", "lead", "keeper", "auditor"):
        assert "退出" in Console(old, username).get("/console/home").text


def shape(path: Path) -> dict[str, Any]:
    """What a SQLite database is made of, however its statements were written."""
    with sqlite3.connect(path) as connection:
        found: dict[str, Any] = {}
        for kind, name, statement in connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"):
            if kind != "table":
                found[name] = " ".join((statement or "").split())
                continue
            quoted = f'"{name}"'
            checks = sorted(re.findall(r"CONSTRAINT (\S+) CHECK \((.*)\)", statement))
            found[name] = (
                connection.execute(f"PRAGMA table_xinfo({quoted})").fetchall(),
                sorted(row[2:] for row in connection.execute(f"PRAGMA foreign_key_list({quoted})")),
                sorted(row[2:] for row in connection.execute(f"PRAGMA index_list({quoted})")),
                [(check, " ".join(condition.split())) for check, condition in checks],
                sorted(re.findall(r"CONSTRAINT (\S+)", statement)),
            )
    return found


def test_an_old_database_has_the_shape_of_a_new_one(old: Flask, old_dir: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.sqlite3"
    migrate(f"sqlite:///{new}")
    before, after = shape(old_dir / "qupiao.sqlite3"), shape(new)
    assert before.keys() == after.keys()
    assert [name for name in after if before[name] != after[name]] == []
