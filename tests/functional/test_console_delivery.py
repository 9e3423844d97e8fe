"""The delivery log of the console: every message in one list, one delivery whole, dead letters, channels that stand."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from portal.delivery import asks
from portal.delivery.ledger import PAUSE, STOP
from portal.domain.delivery import Accepted, Config, Unknown
from tests.channels import Bench, Scripted
from tests.console import Console
from tests.his import His


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
    assert asks.stop_channel(bench.services, token)
    assert "不是我" in desk.get(detail).text
    assert "已恢复" in desk.follow(desk.send(detail, "恢复向该地址发送"))
    with bench.services.database.read() as connection:
        assert connection.execute(select(STOP.c.channel)).all() == []


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
        assert connection.execute(select(PAUSE.c.channel)).all() == []
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
