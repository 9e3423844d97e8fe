"""A production installation: refused with anything missing or invented, and its bills say nothing of a demo."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
from asn1crypto import pem
from flask import Flask
from sqlalchemy import create_engine, insert, select

from portal.app import create_app
from portal.core.crypto.certificates import issue_certificate
from portal.core.crypto.sm2 import PrivateKey
from portal.core.required import NotReady
from portal.core.settings import Settings
from portal.demo.keys import ensure_demo_keys
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.hospital import units
from portal.ledger import bills, files
from portal.models.schema import config, migrate
from portal.models.tables import BILL, UNIT
from portal.rendering import xml
from tests.support.his import His, outpatient
from tests.support.processes.forks import ROOT

MASTER = base64.b64encode(bytes(range(7, 250, 7)) + b"\xf1\x03\x99").decode()
GIVEN = {
    "master_key": MASTER,
    "base_url": "https://bills.hospital.cn/",
    "net_url": "https://pj.hospital.cn/",
    "finance_url": "https://finance.hospital.cn/exchange",
    "finance_app_id": "KP4401000001",
    "finance_app_key": "b7Yk29xQwe81LmNz",
}
SEALS = units.Seals("4401001", "阳江第一医院电子票据专用章", "5e" * 32, "4400009", "广东省财政厅监制章", "c7" * 32)
ALWAYS = (
    "QUPIAO_MASTER_KEY",
    "QUPIAO_BASE_URL",
    "QUPIAO_FINANCE_URL",
    "QUPIAO_FINANCE_APP_ID",
    "QUPIAO_FINANCE_APP_KEY",
    "unit.key",
    "unit.crt",
)


def production(folder: Path, **changes: object) -> Settings:
    return Settings(**({"data_dir": folder} | GIVEN | changes))  # type: ignore[arg-type]


def license_unit(folder: Path, subject: str = "阳江第一医院") -> None:
    """Put a key and a certificate where the settings look for them, as a CA would issue them."""
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    authority, own = PrivateKey.generate(), PrivateKey.generate()
    der = issue_certificate(subject, own.public_der(), "广东数字证书认证中心", authority)
    (keys / "unit.key").write_bytes(own.to_pem())
    (keys / "unit.crt").write_bytes(pem.armor("CERTIFICATE", der))


def test_a_start_without_anything_is_refused_with_every_item(tmp_path: Path) -> None:
    with pytest.raises(NotReady) as refused:
        create_app(Settings(data_dir=tmp_path))
    assert len(refused.value.problems) == len(ALWAYS)
    for name, problem in zip(ALWAYS, refused.value.problems, strict=True):
        assert name in problem
        assert problem in str(refused.value)
    assert list(tmp_path.iterdir()) == [], "a refused start makes no keys and no database"


def test_the_command_is_production_and_says_what_is_missing(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUPIAO_")}
    done = subprocess.run(
        [sys.executable, "-m", "portal.cli", "run"],
        cwd=ROOT,
        env=kept | {"DATA_DIR": str(tmp_path / "none"), "QUPIAO_DEMO": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert [name for name in ALWAYS if name not in done.stderr] == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"finance_app_key": "DEMO_FINANCE_KEY"}, "QUPIAO_FINANCE_APP_KEY"),
        ({"finance_app_key": "short"}, "QUPIAO_FINANCE_APP_KEY"),
        ({"finance_app_key": "aaaaaaaaaaaaaaaaaaaa"}, "QUPIAO_FINANCE_APP_KEY"),
        ({"master_key": base64.b64encode(bytes(32)).decode()}, "QUPIAO_MASTER_KEY"),
        ({"sms_url": "https://sms.hospital.cn"}, "QUPIAO_SMS_APP_KEY"),
        ({"sms_url": "https://sms.hospital.cn", "sms_app_id": "QPDEMO"}, "QUPIAO_SMS_APP_ID"),
        ({"push_url": "https://app.hospital.cn", "push_key_id": "1"}, "QUPIAO_PUSH_KEY"),
        ({"smtp_host": "mail:25", "smtp_user": "bills"}, "QUPIAO_SMTP_PASSWORD"),
        ({"callback_secret": "demo-callbacks"}, "QUPIAO_CALLBACK_SECRET"),
        ({"wechat_appid": "wx0123456789"}, "QUPIAO_WECHAT_SECRET"),
        ({"mini_appid": "wx0123456789"}, "QUPIAO_MINI_SECRET"),
        ({"card_bureau_url": "https://bureau", "card_bureau_key": "DEMO_BUREAU_KEY"}, "QUPIAO_CARD_BUREAU_KEY"),
        ({"alipay_appid": "2021000000000001"}, "QUPIAO_ALIPAY_KEY_FILE"),
    ],
)
def test_an_invented_short_or_empty_secret_is_refused_by_name(
    tmp_path: Path, changes: dict[str, object], name: str
) -> None:
    license_unit(tmp_path)
    assert production(tmp_path).problems() == []
    problems = production(tmp_path, **changes).problems()
    assert problems and all(problem.split("：")[0] != "" for problem in problems)
    assert any(name in problem for problem in problems), problems
    for value in changes.values():
        assert not any(str(value) in problem for problem in problems if "KEY" in name), "a secret is never repeated"


def test_keys_of_the_demo_are_refused(tmp_path: Path) -> None:
    ensure_demo_keys(tmp_path)
    (problem,) = production(tmp_path).problems()
    assert "unit.crt" in problem and "演示证书" in problem


def test_a_key_and_a_certificate_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    license_unit(tmp_path)
    (tmp_path / "keys" / "unit.key").write_bytes(PrivateKey.generate().to_pem())
    (problem,) = production(tmp_path).problems()
    assert "不是一对" in problem


@pytest.fixture
def site(tmp_path: Path, database_url: str, data_dir: Path) -> Iterator[Flask]:
    """A production installation on the seeded catalogue, with keys, certificate, settings and seals of its own."""
    services = create_app(DemoSettings(data_dir=data_dir, database_url=database_url)).extensions["qupiao"].services
    units.seal(services, Actor("system:command-line"), "", SEALS)
    services.database.engine.dispose()
    license_unit(tmp_path)
    master = base64.b64encode((data_dir / "keys" / "master.key").read_bytes()).decode()
    app = create_app(production(tmp_path, database_url=database_url, master_key=master))
    yield app
    app.extensions["qupiao"].services.database.engine.dispose()


def test_a_bill_of_production_says_nothing_of_a_demo(site: Flask) -> None:
    services = site.extensions["qupiao"].services
    answer = His(site).call("invoiceEBillOutpatient", outpatient("P1"))
    assert answer.ok, answer.message
    assert answer.payload["pictureNetUrl"].startswith("https://pj.hospital.cn/b/")
    with services.database.read() as connection:
        facts = bills.by_id(connection, connection.scalar(select(BILL.c.id)) or 0)
        assert facts is not None
        signed = files.bill_xml(services, connection, facts).data.decode()
        pdf = files.bill_pdf(services, connection, site.extensions["qupiao"].faces, facts).data
        stored = bills.stored_document(services, connection, facts.bill_id).signed
    assert "演示" not in signed and "0" * 64 not in signed
    for value in (SEALS.seal_id, SEALS.seal_name, SEALS.seal_hash, SEALS.supervision_seal_id):
        assert f">{value}<" in signed
    supervised = site.extensions["qupiao"].faces.pdf(
        xml.read(stored), state="supervised", qr_text="x", xml=b"<x/>", supervised=True
    )
    for data in (pdf, supervised):
        text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)
        assert "林演安" in text and facts.number in text
        assert not any(word in text for word in ("演示", "虚构", "非真实"))
    assert SEALS.supervision_seal_name in text


def test_pages_and_papers_of_production_say_nothing_of_a_demo(site: Flask) -> None:
    client = site.test_client()
    for path in ("/", "/h/pgzx", "/h/pgzx/verify", "/console/login", "/kiosk"):
        page = client.get(path, base_url="https://bills.hospital.cn", headers={"X-Forwarded-Proto": "https"})
        assert "演示" not in page.text and "虚构" not in page.text, path


def test_seals_of_a_demo_are_refused_with_every_item(site: Flask) -> None:
    services = site.extensions["qupiao"].services
    invented = units.Seals("", "演示章", "0" * 64, "", "演示监制章", "0" * 64)
    with pytest.raises(Refusal, match="单位印章编号.*单位印章名称.*单位印章摘要.*监制章编号.*监制章名称.*监制章摘要"):
        units.seal(services, Actor("system:command-line"), "", invented)
    with services.database.write() as connection:
        connection.execute(
            insert(UNIT), {"code": "bare", "name": "乙院", "short_name": "乙", "credit_code": "1", "region_code": "4"}
        )
    with pytest.raises(NotReady) as refused:
        create_app(services.settings)
    assert len(refused.value.problems) == 6
    assert all("bare" in problem for problem in refused.value.problems)


def test_a_unit_is_registered_with_its_seals(site: Flask) -> None:
    services, actor = site.extensions["qupiao"].services, Actor("system:command-line")
    new = units.NewUnit("second", "乙院", "乙", "12440000MB2C00000X", "441700", "综合医院")
    unit_id = units.register(services, actor, new, SEALS)
    with services.database.read() as connection:
        row = units.by_code(connection, "second")
        assert (row.id, row.seal_name, row.supervision_seal_hash) == (unit_id, SEALS.seal_name, "c7" * 32)
        with pytest.raises(Refusal, match="哪一个"):
            units.by_code(connection, "")
    with pytest.raises(Refusal):
        units.register(services, actor, new, SEALS)
    with pytest.raises(Refusal, match="单位印章名称"):
        units.register(services, actor, replace(new, code="third"), replace(SEALS, seal_name=""))


def test_units_of_before_keep_the_seals_that_their_bills_carry(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    migrate(url, "0024")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO unit (id, code, name, short_name, credit_code, region_code, org_type, desk_place, desk_phone,"
            " desk_hours) VALUES (17, 'pgzx', '平冈镇中心卫生院', '平冈卫生院', 'T', '990000', '', '', '', '')"
        )
    engine.dispose()
    migrate(url)
    with engine.connect() as connection:
        row = connection.execute(select(UNIT)).one()
    assert (row.seal_id, row.seal_name, row.seal_hash) == (f"{17:032x}", "平冈卫生院演示章", "0" * 64)
    assert (row.supervision_seal_id, row.supervision_seal_name) == ("990000".zfill(32), "演示监制章")
    engine.dispose()
    from alembic import command

    command.downgrade(config(url), "0024")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT code FROM unit").scalar_one() == "pgzx"
    engine.dispose()
