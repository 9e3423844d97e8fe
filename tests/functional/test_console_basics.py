"""基础信息 and 接口账号: what is changed there counts at once, and the log says what it was before."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.core.settings import DEMO_APPID, DEMO_KEY
from portal.models import AuditEntry, HisAccount, HisMapping
from tests.console import Console
from tests.his import Answer, His, encode, outpatient

ACCOUNTS = "/console/system/his-accounts"


def audited(app: Flask, action: str) -> list[dict[str, Any]]:
    with app.extensions["qupiao"].database.read() as connection:
        return list(connection.scalars(select(AuditEntry.details).where(AuditEntry.action == action)))


def pushed(app: Flask, serial: str, key: str = DEMO_KEY, appid: str = DEMO_APPID, **changes: Any) -> Answer:
    """One push, as if the few seconds of the caches were over."""
    app.extensions["qupiao_his_accounts"]._known.clear()
    app.extensions["qupiao_desk"].references._known.clear()
    body = json.dumps(encode(outpatient(serial, **changes), key, appid)).encode()
    return His(app).raw("invoiceEBillOutpatient", body)


def demo_account(app: Flask) -> int:
    with app.extensions["qupiao"].database.read() as connection:
        return int(connection.scalar(select(HisAccount.id).where(HisAccount.appid == DEMO_APPID)) or 0)


def test_a_his_changes_its_key_without_a_pause(app: Flask) -> None:
    person, address = Console(app, "system"), f"{ACCOUNTS}/{demo_account(app)}"
    assert "新旧密钥同时有效" in person.follow(person.send(address, "更换密钥"))
    shown = person.send(address, "显示新密钥（仅一次）").text
    key = re.search(r"[0-9a-f]{26}", shown)
    assert key and key[0] != DEMO_KEY
    assert pushed(app, "K1").ok and pushed(app, "K2", key[0]).ok, "both keys are good, without a restart"
    assert "显示新密钥" not in person.get(address).text and key[0] not in person.get(address).text
    person.follow(person.send(address, "停用旧密钥"))
    assert pushed(app, "K3").result == "E1003" and pushed(app, "K3", key[0]).ok
    with app.extensions["qupiao"].database.read() as connection:
        for row in connection.execute(select(AuditEntry.details)):
            assert key[0] not in json.dumps(row.details)
    assert [len(audited(app, f"his.key_{word}")) for word in ("renewed", "shown", "ended")] == [1, 1, 1]


def test_a_new_account_is_connected_and_mapped(app: Flask) -> None:
    person = Console(app, "system")
    refused = person.send(f"{ACCOUNTS}/new", "新增", appid=DEMO_APPID, name="重复")
    assert refused.status_code == 200 and DEMO_APPID in refused.text
    address = person.send(f"{ACCOUNTS}/new", "新增", appid="PGTJ0000001", name="体检系统").location or ""
    key = re.search(r"[0-9a-f]{26}", person.send(address, "显示新密钥（仅一次）").text)
    assert key
    assert pushed(app, "N1", key[0], "PGTJ0000001").result == "E2004", "nothing is mapped yet"
    form = person.form(f"{address}/mappings/bus_type", "保存")
    form.values |= {"sent": ["02", "x"], "ours": ["outpatient", ""]}
    answer = person.client.post(form.action or f"{address}/mappings/bus_type", data=form.values)
    assert answer.status_code == 200 and "没有选择平台编码" in answer.text and 'value="x"' in answer.text
    form.values |= {"sent": ["02", ""], "ours": ["outpatient", ""]}
    person.follow(person.client.post(form.action or f"{address}/mappings/bus_type", data=form.values))
    assert pushed(app, "N1", key[0], "PGTJ0000001").ok
    assert audited(app, "his.mapping_changed") == [{"table": "bus_type", "before": {}, "after": {"02": "outpatient"}}]


def test_checks_and_stop_of_an_account_count_and_are_logged(app: Flask) -> None:
    person, address = Console(app, "system"), f"{ACCOUNTS}/{demo_account(app)}"
    assert pushed(app, "P1", payChannelDetail=[]).ok
    person.follow(person.send(address, "保存", channels="refuse"))
    assert pushed(app, "P2", payChannelDetail=[]).result == "E2002"
    [told] = audited(app, "his.changed")
    assert told["before"]["policies"] == {} and told["after"]["policies"]["channels"] == "refuse"
    form = person.form(address, "保存")
    form.values.pop("active")
    person.client.post(address, data=form.values)
    assert pushed(app, "P3").result == "E1002"
    keeper = Console(app, "keeper")
    assert "更换密钥" not in keeper.get(address).text
    keeper.get(f"{address}/mappings/channel", 403)
    assert keeper.client.post(address, data=keeper.form(address).values).status_code == 403


@pytest.mark.parametrize("table", ["bus_type", "channel", "card_type", "place"])
def test_every_mapping_table_is_saved_as_it_stands(app: Flask, table: str) -> None:
    person, address = Console(app, "system"), f"{ACCOUNTS}/{demo_account(app)}/mappings/{table}"

    def kept() -> dict[str, str]:
        with app.extensions["qupiao"].database.read() as connection:
            rows = connection.execute(
                select(HisMapping.sent_code, HisMapping.our_code).where(HisMapping.table == table)
            )
            return {row.sent_code: row.our_code for row in rows}

    before, page = kept(), person.get(address).text
    sent = re.findall(r'name="sent" value="([^"]*)"', page)
    ours = re.findall(r'<option value="([^"]*)" selected', page)
    assert dict(zip(sent, ours, strict=False)) == before
    form = person.form(address, "保存")
    person.follow(person.client.post(address, data=form.values | {"sent": sent, "ours": [*ours, *[""] * 5]}))
    assert kept() == before and audited(app, "his.mapping_changed") == []
