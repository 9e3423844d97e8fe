"""A whole patient's journey, then everything that it left behind is read: no identity where none may stand.

Addresses and Referers as browser and server see them, answers' headers, logs of all processes, the database's bytes,
the log chain and every message that went out. Person, child and drug are known by
words that occur nowhere else.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from portal.app import create_app
from portal.core.clock import now, stamp17
from portal.core.database import make_engine
from portal.demo.accounts import DEMO_TEMPLATES
from portal.demo.settings import DemoSettings
from portal.domain.identity import id_check_character
from portal.models import AuditEntry
from tests.browser.weapp import WeChatPhone
from tests.support import platforms, vouchers
from tests.support.his import http, outpatient
from tests.support.phone import WIDTH, last_code
from tests.support.processes.installation import Installation, running
from tests.support.processes.services import wait_for

NAME, PHONE, FILE = "钱演痕", "10000004321", "MZ7654321"
NUMBER = "00000019680707001" + id_check_character("00000019680707001")
CHILD, CHILD_NUMBER = "钱小痕", "00000020200505001" + id_check_character("00000020200505001")
IDENTITY = (NAME, NUMBER, PHONE, FILE, CHILD, CHILD_NUMBER)
MEDICAL = ("痕迹药片", "痕迹科")
INBOXES = ("sms", "mail", "wechat", "alipay", "push")
RECEIVER = {"phone", "to", "openid", "user", "patient_id", "visit_no"}
"""Where a message goes is no secret from who carries it, nor is the HIS's own number of a visit from the HIS."""


@pytest.fixture(scope="module")
def installation(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("traces")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    app = create_app(DemoSettings(data_dir=folder))
    platforms.set_parameters(app, delivery_order="alipay:10 wechat:10 app:10 sms")
    app.extensions["qupiao"].services.database.engine.dispose()
    with running(folder, "", ("web", "simulators", "worker"), application="tests.support.recorded:gateway") as started:
        yield started


def settlement(serial: str, **changes: Any) -> dict[str, Any]:
    """A settlement of the person."""
    values = outpatient(
        serial, payer=NAME, cardNo=NUMBER, tel=PHONE, patientNo=FILE, patientId=FILE, patientCategory="痕迹科"
    )
    values["listDetail"][1]["name"] = "痕迹药片"
    return values | changes


def inbox(installation: Installation, name: str) -> list[dict[str, Any]]:
    """The messages that a simulator holds, newest first."""
    found: list[dict[str, Any]] = httpx.get(f"{installation.simulators}/{name}/messages", trust_env=False).json()
    return found


def journey(installation: Installation, phone: Page, mini: WeChatPhone) -> None:
    """Every way to a bill and out of it, as one person goes them."""
    base = installation.base
    his = http(base)
    first = his("invoiceEBillOutpatient", settlement("T1")).payload
    child = settlement("T2", payer=CHILD, cardNo=CHILD_NUMBER, patientNo="MZ7654322")
    assert his("invoiceEBillOutpatient", child).ok
    wait_for(lambda: inbox(installation, "push"), 60, "the push to the APP")
    notice = [
        {"noticeType": "1201", "noticeValue": "10000004322"},
        {"noticeType": "1202", "noticeValue": "qian@example.com"},
    ]
    named = {"billBatchCode": first["billBatchCode"], "billNo": first["billNo"], "noticeList": notice}
    assert his("noticeEBill", named).ok
    wait_for(lambda: inbox(installation, "mail") and inbox(installation, "sms"), 60, "the notices")

    def go(path: str) -> str:
        phone.goto(path if path.startswith("http") else base + path)
        return phone.inner_text("main")

    def send(**typed: str) -> str:
        for name, value in typed.items():
            phone.fill(f"#{name}", value)
        phone.click("main form button")
        return phone.inner_text("main")

    link = re.sub(r"^https?://[^/]+", base, first["pictureUrl"])
    go(link)
    send(name="钱演错")
    assert "这次一共" in send(name=NAME)
    phone.click("text=发到邮箱")
    send(address="qian@example.com")
    phone.click("main form button")
    phone.wait_for_load_state("networkidle")  # the picture of the face is late, and its answer may bring a cookie
    phone.context.clear_cookies()
    go("/h/pgzx")
    before = len(inbox(installation, "sms"))
    send(number=NUMBER, name=NAME)
    send(code=last_code(installation, before))
    phone.click("a.bill")
    bill = phone.url
    for path in ("details", "elsewhere", "correction", "cards", "face.png"):
        phone.goto(f"{bill}/{path}")
    for name in ("bill.pdf", "einvoice.xml"):
        assert phone.context.request.get(f"{bill}/{name}").ok
    go(f"{bill}/correction")
    send(right=NAME, phone=PHONE)
    for path in ("bundle", "years/2026", "family", "why", "bills?year=2026"):
        go(f"/h/pgzx/{path}")
    go("/h/pgzx/family")
    phone.fill("#number", CHILD_NUMBER)
    phone.fill("#name", CHILD)
    phone.click("text=是我的孩子")
    phone.click(f"text=看{CHILD}的票据")
    phone.click("a.bill")
    go("/h/pgzx/why")
    phone.fill("#person", NAME)
    phone.fill("#card", NUMBER)
    phone.click("text=交给窗口查")
    for platform, word, who in (("wechat", "微信", "演示微信用户甲"), ("alipay", "支付宝", "2088DEMO00000001")):
        go(f"/h/pgzx/{platform}")
        phone.click(f"text=绑定我的{word}")
        phone.click(f"text={who}")
        phone.wait_for_selector(f"text=不再用{word}通知我")
    assert his("invoiceEBillOutpatient", settlement("T3")).ok
    wait_for(lambda: inbox(installation, "alipay"), 60, "Alipay's message")
    send()
    assert his("invoiceEBillOutpatient", settlement("T4")).ok
    wait_for(lambda: inbox(installation, "wechat"), 60, "WeChat's message")
    deposit = his("invoicePayMentVoucher", vouchers.deposit("T5", payer=NAME, cardNo=NUMBER, tel=PHONE)).payload
    phone.context.clear_cookies()  # whoever has proved to be the person types no name
    go(re.sub(r"^https?://[^/]+", base, deposit["pictureUrl"]))
    send(name=NAME)
    red = {"billBatchCode": first["billBatchCode"], "billNo": first["billNo"], "reason": "退费", "operator": "收费员甲"}
    assert his("writeOffEBill", red | {"busDateTime": stamp17(now()), "placeCode": "01"}).ok
    go(f"{link}/not-me")
    send()
    mini.start()
    mini.type("证件号、就诊卡号或手机号", NUMBER)
    mini.type("患者姓名", NAME)
    mini.tap("发验证码到预留手机")
    mini.see("验证码已发到")


def words(message: dict[str, Any]) -> str:
    """All of a message but where it goes."""
    return repr({name: value for name, value in message.items() if name not in RECEIVER})


def test_nobody_is_named_where_nobody_may_be(
    installation: Installation,
    browser: Browser,
) -> None:
    context = browser.new_context(viewport={"width": WIDTH, "height": 740}, locale="zh-CN", java_script_enabled=False)
    sent: list[str] = []
    context.on("request", lambda request: sent.append(f"{request.url} {request.headers.get('referer', '')}"))
    mini = WeChatPhone(browser, installation, platforms.MINI_USER, DEMO_TEMPLATES["mini_subscription"])
    journey(installation, context.new_page(), mini)
    traces = {"browser": "\n".join(map(unquote, sent + mini.addresses))}
    mini.close()
    context.close()
    traces |= {log.name: log.read_text(encoding="utf-8") for log in installation.data_dir.glob("*.log")}
    traces |= {f"messages of {name}": "\n".join(map(words, inbox(installation, name))) for name in INBOXES}
    engine = make_engine(f"sqlite:///{installation.data_dir / 'qupiao.sqlite3'}")
    with engine.connect() as connection:
        traces["audit"] = "\n".join(repr(tuple(row)) for row in connection.execute(select(AuditEntry.__table__)))
    engine.dispose()
    assert {"browser", "access.log", "web.log", "worker.log", "simulators.log", "audit"} < set(traces)
    quiet = {"web.log", "worker.log", "simulators.log"}  # which speak only when something is worth it
    assert {name for name, text in traces.items() if not text} <= quiet
    assert "/h/pgzx/family" in traces["access.log"]
    found = {(place, one) for place, text in traces.items() for one in (*IDENTITY, *MEDICAL) if one in text}
    assert found == set()
    stored = b"".join(one.read_bytes() for one in installation.data_dir.glob("qupiao.sqlite3*"))
    assert [one for one in IDENTITY if one.encode() in stored] == []
    assert "痕迹科".encode() in stored, "the control: what is kept in clear is found this way"
