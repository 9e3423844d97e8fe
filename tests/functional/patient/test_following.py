"""Binding WeChat: whether the person follows the account is looked at, and what is missing is said with its QR code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from portal.app import create_app
from portal.delivery import bindings
from portal.delivery.bindings import Subject
from portal.demo.settings import DemoSettings
from portal.ledger.persons import number_digest
from portal.retrieval.proof.sessions import Claim
from tests.support import platforms
from tests.support.his import His, outpatient
from tests.support.patients import NAME, NUMBER, visitor
from tests.support.processes.simulators import Simulators, running_simulators

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FOLLOWER, STRANGER = "oDEMO-service-follower-0001", "oDEMO-service-stranger-0003"
PAGE = "/h/pgzx/wechat"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Simulators]:
    with running_simulators(tmp_path / "simulators") as running:
        yield running


@pytest.fixture
def app(settings: DemoSettings, process: Simulators) -> Iterator[Flask]:
    made = create_app(platforms.connected(settings, process))
    yield made
    made.extensions["qupiao"].services.database.engine.dispose()


@pytest.mark.parametrize(("openid", "follows"), [(FOLLOWER, True), (STRANGER, False)])
def test_who_does_not_follow_is_told_so_and_follows_by_the_code(
    app: Flask, process: Simulators, openid: str, follows: bool
) -> None:
    services = app.extensions["qupiao"].services
    assert His(app).call("invoiceEBillOutpatient", outpatient("FOL1", idCardNo=NUMBER)).ok
    number = number_digest(services, NUMBER)
    browser = visitor(app, Claim(number.hex(), services.index.digest("name", NAME).hex()), 2)
    page = browser.get(PAGE).text
    state = page.split("state=")[1].split("#")[0].split("&")[0]
    code = process.post("/wechat/codes", {"kind": "web", "openid": openid})["code"]
    for _ in range(2):  # loading again brings the used code
        answer = browser.get(f"{PAGE}?code={code}&state={state}", follow_redirects=True)
        assert "没有绑定成功" not in answer.text
    bound = browser.get(PAGE).text
    assert ("请先关注本院服务号" in bound) is not follows and ("<svg" in bound) is not follows
    assert ("已绑定。以后开票" in bound) is follows
    bindings.set_state(services, Subject("wechat", services.settings.wechat_service.appid, "openid", openid), "active")
    assert "已绑定。以后开票" in browser.get(PAGE).text, "WeChat told that they follow now"
