"""The two SMS clouds: signatures as published, classes of answers, receipts, no second message after a lost answer."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal.delivery.channels.sms import CloudSms, Sms, channel_of
from portal.demo.settings import DemoSettings
from portal.domain.states import delivery
from portal.providers import sms
from portal.providers.sms.aliyun import acs3, aliyun_class, encoded
from portal.providers.sms.tencent import tc3, tencent_class
from tests.support.channels import Bench
from tests.support.his import His
from tests.support.processes.simulators import Simulators, running_simulators

TEMPLATES = {"code": "SMS_code", "bill": "SMS_bill", "reversed": "SMS_reversed"}


def test_signatures_are_those_of_the_published_examples() -> None:
    """Aliyun's example of the V3 signature, and Tencent's of TC3-HMAC-SHA256, from their documentation."""
    query = encoded({"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"})
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    wanted = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    assert acs3("YourAccessKeySecret", query, headers) == wanted
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    signed = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
    wanted = "2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"
    assert tc3("Gu5t9xGARNpq86cd98joQYCN3*******", "cvm", signed, body, 1551113065) == wanted


@pytest.mark.parametrize(
    ("judge", "code", "kind"),
    [
        (aliyun_class, "isv.BUSINESS_LIMIT_CONTROL", delivery.Later),
        (aliyun_class, "isv.MOBILE_NUMBER_ILLEGAL", delivery.Never),
        (aliyun_class, "isv.AMOUNT_NOT_ENOUGH", delivery.Config),
        (aliyun_class, "isv.PARAM_LENGTH_LIMIT", delivery.Bug),
        (aliyun_class, "isp.SYSTEM_ERROR", delivery.Unknown),
        (tencent_class, "LimitExceeded.PhoneNumberOneHourLimit", delivery.Later),
        (tencent_class, "FailedOperation.PhoneNumberInBlacklist", delivery.Never),
        (tencent_class, "AuthFailure.SignatureFailure", delivery.Config),
        (tencent_class, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate", delivery.Bug),
        (tencent_class, "InternalError.Timeout", delivery.Unknown),
    ],
)
def test_codes_mean_what_the_reference_says(judge: Any, code: str, kind: type) -> None:
    assert isinstance(judge(code), kind)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_text_says_how_to_say_not_me_where_the_template_was_approved_with_it(
    app: Flask, his: His, tmp_path: Path
) -> None:
    """Names after a code choose the parameters; a template that was approved before has none more than it had."""
    named = TEMPLATES | {"bill": "SMS_bill hospital stop"}
    wrong = TEMPLATES | {"bill": "SMS_bill name"}
    with running_simulators(tmp_path / "simulators") as simulators:
        for number, provider in enumerate(("aliyun", "tencent")):
            for templates, shown in ((named, True), (TEMPLATES, False)):
                phone = f"1000000{number}{shown:03d}"
                bench = Bench(app, his, f"STOP-{provider}-{shown}", tel=phone)
                asked = bench.open("sms")
                bench.run(CloudSms(settings_of(simulators, provider, sms_templates=templates)), passes=1)
                assert bench.attempts(asked)[0][1] == "accepted"
                sent = next(one for one in simulators.get("/sms/messages") if one["phone"] == phone)
                assert ("/n/" in sent["text"]) is shown and ("stop" in sent["params"]) is shown
        bench = Bench(app, his, "STOP-own", tel="10000000991")
        bench.open("sms")
        bench.run(Sms(DemoSettings(sms_url=simulators.url("/sms/send"))), passes=1)
        sent = next(one for one in simulators.get("/sms/messages") if one["phone"] == "10000000991")
        page = app.test_client().get(f"/n/{sent['params']['stop']}")
        assert page.status_code == 200 and "不是" in page.text, "the link in the text opens the page"
        bench = Bench(app, his, "STOP-wrong", tel="10000000992")
        asked = bench.open("sms")
        bench.run(CloudSms(settings_of(simulators, "aliyun", sms_templates=wrong)), passes=1)
        assert bench.attempts(asked)[0][1:3] == ("held", "config")


def settings_of(simulators: Simulators, provider: str, **more: Any) -> DemoSettings:
    """DemoSettings that speak to one of the simulated clouds."""
    url = simulators.url(f"/smscloud/{provider}/")
    values = {"sms_provider": provider, "sms_url": url, "sms_templates": TEMPLATES, "sms_sign": "演示医院"}
    return DemoSettings(**(values | more))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lost_answer_is_asked_about_and_never_sent_twice(app: Flask, his: His, tmp_path: Path) -> None:
    with running_simulators(tmp_path / "simulators") as simulators:
        for provider, fate in (("aliyun", "delivered"), ("tencent", "uncertain")):
            channel = CloudSms(settings_of(simulators, provider))
            bench = Bench(app, his, f"CLOUD-{provider}", tel=f"1000000{len(provider):04d}")
            simulators.faults("sms", answer_lost={"count": 1})
            lost = bench.open("sms")
            bench.run(channel)
            assert bench.attempts(lost)[0][1] == fate
            assert len(simulators.get("/sms/messages")) == 1 + (provider == "tencent")
            simulators.faults("sms")
        good = Bench(app, his, "CLOUD-good", tel="10000000779")
        asked = good.open("sms")
        good.run(channel, passes=1)
        assert good.attempts(asked)[0][1] == "accepted"
        push = [{"report_status": "SUCCESS", "sid": simulators.get("/sms/messages")[0]["biz_id"], "mobile": "x"}]
        client = app.test_client()
        assert client.post("/callbacks/sms/tencent/wrong", json=push).status_code == 404
        assert client.post("/callbacks/sms/tencent/demo-callbacks", json={"no": 1}).status_code == 400
        for _ in range(2):
            answer = client.post("/callbacks/sms/tencent/demo-callbacks", json=push)
            assert answer.get_json() == {"result": 0, "errmsg": "OK"}
        assert good.attempts(asked)[0][1] == "delivered" and good.state(asked) == "done"
        for provider in ("aliyun", "tencent"):
            wrong = sms.client(settings_of(simulators, provider, sms_app_key="another"))
            assert isinstance(wrong.send("10000000001", "bill", {"hospital": "甲"}, "r1"), delivery.Config)
            none = sms.client(settings_of(simulators, provider, sms_templates={}))
            assert isinstance(none.send("10000000001", "bill", {"hospital": "甲"}, "r1"), delivery.Config)


PLUG_IN = '''
"""An invented provider: its requests, answers and receipts."""

from portal.domain.states.delivery import Accepted, Config
from portal.providers.sms import SmsProvider
from portal.providers.sms.receipts import SmsReceipt


class Pigeons:
    remembers = True
    sent = []

    def send(self, phone, template, params, out_id):
        if not phone.startswith("1"):
            return Config("只飞国内")
        self.sent.append((phone, template, out_id))
        return Accepted(f"pigeon-{out_id}")


def read_receipts(body):
    return [SmsReceipt("", row["pigeon"], row["home"], "", "") for row in body["pigeons"]]


PROVIDER = SmsProvider("pigeons", lambda settings: Pigeons(), read_receipts, {"coo": True})
'''


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_further_provider_is_one_module_and_a_line(
    app: Flask, his: His, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages go over it, and its receipts come in at its own address in its own form."""
    (tmp_path / "pigeons.py").write_text(PLUG_IN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    pigeons: Any = import_module("pigeons")
    monkeypatch.setitem(sms.PROVIDERS, "pigeons", pigeons.PROVIDER)
    settings = DemoSettings(sms_provider="pigeons", sms_url="http://127.0.0.1:1/")
    bench = Bench(app, his, "PIGEON", tel="10000000981")
    asked = bench.open("sms")
    channel = channel_of(settings, sms.client(settings))
    assert type(channel) is Sms and channel.provider == "pigeons"
    bench.run(channel, passes=1)
    [(phone, template, ref)] = pigeons.Pigeons.sent
    assert (phone, template, bench.attempts(asked)[0][1]) == ("10000000981", "bill", "accepted")
    client = app.test_client()
    answer = client.post(
        "/callbacks/sms/pigeons/demo-callbacks", json={"pigeons": [{"pigeon": f"pigeon-{ref}", "home": True}]}
    )
    assert answer.get_json() == {"coo": True}
    assert bench.attempts(asked)[0][1] == "delivered"
    assert client.post("/callbacks/sms/pigeons/demo-callbacks", json=[]).status_code == 400
    with pytest.raises(ValueError, match="QUPIAO_SMS_PROVIDER.*gateway, aliyun, tencent"):
        sms.client(DemoSettings(sms_provider="nobody"))
