"""The delivery log of the console: every message in one list, one delivery whole, dead letters, channels that stand."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from portal.delivery import requests
from portal.delivery.engine import messages
from portal.domain.states.delivery import Accepted, Config, Unknown
from portal.models.tables import AUDIT_ENTRY, CHANNEL_PAUSE, DELIVERY_STOP
from tests.support.channels import Bench, Scripted
from tests.support.console import Console
from tests.support.his import His
from tests.support.length import sqlite_first
from tests.support.processes.simulators import running_simulators

pytestmark = sqlite_first


def test_a_dead_letter_is_found_looked_at_and_sent_again(app: Flask, his: His) -> None:
    bench = Bench(app, his, "LOG1")
    channel = Scripted("sms", [Unknown("no answer"), Unknown("no answer"), Accepted("biz-9")], address="10000000001")
    delivery = bench.open("sms")
    bench.run(channel)
    assert bench.state(delivery) == "uncertain"
    desk = Console(app, "keeper")
    page = desk.get("/console/delivery/deliveries?state=letters")
    assert "结果不明" in page.text and "100****0001" in page.text and "10000000001" not in page.text
    detail = f"/console/delivery/deliveries/{delivery}"
    assert "no answer" in desk.get(detail).text and "10000000001" not in desk.get(detail).text
    assert "已重新排队 1 条" in desk.follow(desk.send(detail, "重发（可能收到两次）"))
    bench.run(channel)
    assert bench.attempts(delivery) == [("sms", "accepted", "accepted", 1, 0)]
    assert len({call.ref for call in channel.calls}) == 1, "our number stays"
    assert "重发" not in desk.get(detail).text
    token = channel.calls[0].stop_link.rsplit("/", 1)[1]
    assert requests.stop_address(bench.services, messages.attempt_of(bench.services, token) or 0)
    assert "不是我" in desk.get(detail).text
    assert "已恢复" in desk.follow(desk.send(detail, "恢复向该地址发送"))
    with bench.services.database.read() as connection:
        assert connection.execute(select(DELIVERY_STOP.c.channel)).all() == []


def test_a_channel_that_stands_says_why_and_goes_on_when_resumed(app: Flask, his: His) -> None:
    bench = Bench(app, his, "LOG2")
    channel = Scripted("sms", [Config("模板未报备", "isv.SMS_TEMPLATE_ILLEGAL"), Accepted()], address="10000000001")
    delivery = bench.open("sms")
    bench.run(channel, passes=1)
    system = Console(app, "system")
    page = system.get("/console/delivery/channels").text
    assert "已暂停" in page and "isv.SMS_TEMPLATE_ILLEGAL" in page and "渠道顺序" in page
    assert "已恢复" in system.follow(system.send("/console/delivery/channels", "已改好，恢复"))
    with bench.services.database.read() as connection:
        assert connection.execute(select(CHANNEL_PAUSE.c.channel)).all() == []
    bench.run(channel, passes=1)
    assert bench.state(delivery) == "sent"
    form = next(
        one for one in system.forms(system.get("/console/delivery/channels").text) if "delivery.order" in one.action
    )
    wrong = system.client.post(form.action, data=form.values | {"value": "sms sms:"})
    assert wrong.status_code == 422 and "wechat:10 alipay:10 sms" in wrong.text
    form = next(
        one for one in system.forms(system.get("/console/delivery/channels").text) if "delivery.order" in one.action
    )
    assert "已保存" in system.follow(system.client.post(form.action, data=form.values | {"value": "mail sms"}))


def test_a_push_target_is_set_up_tested_renamed_and_given_a_new_key(app: Flask, tmp_path: Path) -> None:
    """Every change stands in the log with before and after, and never a key."""
    system, services = Console(app, "system"), app.extensions["qupiao"].services
    pages = "/console/delivery/push-targets"
    with running_simulators(tmp_path / "simulators") as simulators:
        typed = {
            "name": "某银行 APP",
            "url": simulators.url("/push/events"),
            "party": "other",
            "events": ["bill.issued"],
        }
        assert "单独同意" in system.send(f"{pages}/new", "新增", **typed).text
        refused = system.send(
            f"{pages}/new", "新增", **typed | {"url": "http://169.254.169.254/", "consent": "第 3 条"}
        )
        assert refused.status_code == 422 and "元数据" in refused.text
        made = system.send(f"{pages}/new", "新增", **typed, consent="开通协议第 3 条")
        path = made.location or ""
        assert "显示新密钥" in system.follow(made)
        shown = system.send(path, "显示新密钥（仅一次）").text
        key = re.findall(r"<code[^>]*>([0-9a-f]{64})</code>", shown)[0]
        key_id = re.findall(r"QP[0-9a-f]{12}", shown)[0]
        assert "密钥或" not in shown and "显示新密钥" not in system.get(path).text
        assert "测试没有成功：推送地址或密钥不正确（401）" in system.follow(system.send(path, "发送测试消息"))
        simulators.post("/push/receivers", {"key_id": key_id, "key": key, "id_field": "eventNo"})
        assert "字段对照已保存" in system.follow(system.send(path, "保存字段对照", event_id="eventNo", check_code=""))
        assert "对方确认收到" in system.follow(system.send(path, "发送测试消息"))
        assert [one["event"] for one in simulators.get("/push/messages")] == ["test"]
        twice = system.send(path, "保存字段对照", amount="event")
        assert twice.status_code == 422 and "用了两次" in twice.text
        assert "新密钥待启用" in system.follow(system.send(path, "更换密钥"))
        assert "已启用新密钥" in system.follow(system.send(path, "启用新密钥"))
    assert "测试没有成功：连接不上" in system.follow(system.send(path, "发送测试消息"))
    assert "没有变化" in system.follow(system.send(path, "保存", events=["bill.issued"]))
    both = ["bill.issued", "bill.reversed"]
    assert "已保存" in system.follow(system.send(path, "保存", name="某某银行 APP", events=both))
    listed, channel_page = system.get(pages).text, system.get("/console/delivery/channels").text
    assert "某某银行 APP" in listed and "第三方" in listed and "推送：某某银行 APP" in channel_page
    with services.database.read() as connection:
        written = connection.execute(
            select(AUDIT_ENTRY.c.action, AUDIT_ENTRY.c.details).where(AUDIT_ENTRY.c.object_kind == "push_target")
        )
        told = [(row.action, row.details) for row in written.all()]
    assert [action for action, _ in told].count("push.tested") == 3 and key not in str(told)
    assert told[-1][1] == {
        "before": {"name": "某银行 APP", "events": ["bill.issued"]},
        "after": {"name": "某某银行 APP", "events": both},
    }
