"""基础信息 and 接口账号: what is changed there counts at once, and the log says what it was before."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.demo.accounts import DEMO_APPID, DEMO_KEY
from portal.models import (
    AuditEntry,
    Bill,
    BillItem,
    BillKind,
    ChargeItem,
    Department,
    HisAccount,
    HisMapping,
    Point,
    StaffAccount,
)
from tests.support.console import Console
from tests.support.his import Answer, His, encode, outpatient
from tests.support.length import sqlite_first

pytestmark = sqlite_first

ACCOUNTS = "/console/system/his-accounts"


def audited(app: Flask, action: str) -> list[dict[str, Any]]:
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.scalars(select(AuditEntry.details).where(AuditEntry.action == action)))


def pushed(app: Flask, serial: str, key: str = DEMO_KEY, appid: str = DEMO_APPID, **changes: Any) -> Answer:
    """One push, as if the few seconds of the caches were over."""
    app.extensions["qupiao"].his_accounts._known.clear()
    app.extensions["qupiao"].issuing.references._known.clear()
    body = json.dumps(encode(outpatient(serial, **changes), key, appid)).encode()
    return His(app).raw("invoiceEBillOutpatient", body)


def demo_account(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.scalar(select(HisAccount.id).where(HisAccount.appid == DEMO_APPID)) or 0)


def test_a_his_changes_its_key_without_a_pause(app: Flask) -> None:
    person, address = Console(app, "system"), f"{ACCOUNTS}/{demo_account(app)}"
    assert "新旧密钥同时有效" in person.follow(person.send(address, "更换密钥"))
    shown = person.send(address, "显示新密钥（仅一次）").text
    key = re.search(r"[0-9a-f]{26}", shown)
    assert key and key[0] != DEMO_KEY
    assert pushed(app, "K0", key[0]).ok
    assert "更换以来没有用旧密钥的调用" in person.get(address).text
    assert pushed(app, "K1").ok and pushed(app, "K2", key[0]).ok, "both keys are good, without a restart"
    assert "旧密钥最近一次使用：" in person.get(address).text
    assert "显示新密钥" not in person.get(address).text and key[0] not in person.get(address).text
    person.follow(person.send(address, "停用旧密钥"))
    assert pushed(app, "K3").result == "E1003" and pushed(app, "K3", key[0]).ok
    with app.extensions["qupiao"].services.database.read() as connection:
        for row in connection.execute(select(AuditEntry.details)):
            assert key[0] not in json.dumps(row.details)
    assert [len(audited(app, f"his.key_{word}")) for word in ("renewed", "shown", "ended")] == [1, 1, 1]


def test_a_new_account_is_connected_and_mapped(app: Flask) -> None:
    person = Console(app, "system")
    refused = person.send(f"{ACCOUNTS}/new", "新增", appid=DEMO_APPID, name="重复")
    assert refused.status_code == 422 and DEMO_APPID in refused.text
    address = person.send(f"{ACCOUNTS}/new", "新增", appid="PGTJ0000001", name="体检系统").location or ""
    key = re.search(r"[0-9a-f]{26}", person.send(address, "显示新密钥（仅一次）").text)
    assert key
    assert pushed(app, "N1", key[0], "PGTJ0000001").result == "E2004", "nothing is mapped yet"
    form = person.form(f"{address}/mappings/bus_type", "保存")
    form.values |= {"sent": ["02", "x"], "ours": ["outpatient", ""]}
    answer = person.client.post(form.action or f"{address}/mappings/bus_type", data=form.values)
    assert answer.status_code == 422 and "没有选择平台编码" in answer.text and 'value="x"' in answer.text
    form.values |= {"sent": ["02", ""], "ours": ["outpatient", ""]}
    person.follow(person.client.post(form.action or f"{address}/mappings/bus_type", data=form.values))
    assert pushed(app, "N1", key[0], "PGTJ0000001").ok
    assert audited(app, "his.mapping_changed") == [{"table": "bus_type", "before": {}, "after": {"02": "outpatient"}}]


def test_mappings_of_another_account_are_shown_and_then_taken_over(app: Flask) -> None:
    person, source = Console(app, "system"), demo_account(app)
    address = person.send(f"{ACCOUNTS}/new", "新增", appid="PGTJ0000001", name="体检系统").location or ""
    form = person.form(f"{address}/mappings/bus_type", "保存")
    form.values |= {"sent": ["02", "own"], "ours": ["emergency", "checkup"]}
    person.follow(person.client.post(form.action or f"{address}/mappings/bus_type", data=form.values))
    assert "复制这些对照" not in person.get(f"{address}/copy-mappings").text, "nothing is chosen yet"
    shown = f"{address}/copy-mappings?source={source}"
    assert re.search(r"将新增 \d+ 条，修改 1 条", person.get(shown).text)
    person.follow(person.send(shown, "复制这些对照"))
    with app.extensions["qupiao"].services.database.read() as connection:
        columns = (HisMapping.table, HisMapping.sent_code, HisMapping.our_code)
        there, here = (
            {
                (table, sent): ours
                for table, sent, ours in connection.execute(select(*columns).where(HisMapping.account_id == account))
            }
            for account in (source, int(address.rsplit("/", 1)[1]))
        )
    assert here == there | {("bus_type", "own"): "checkup"}
    changed = [entry for entry in audited(app, "his.mapping_changed") if entry.get("from") == source]
    assert {entry["table"] for entry in changed} == {table for table, _ in there}
    assert {"02": "emergency"} in [entry["before"] for entry in changed]
    assert "已经一致" in person.get(shown).text


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


def test_saving_keeps_switches_that_the_page_does_not_show(app: Flask) -> None:
    """A switch that another version or a command has set is not dropped; the documented ones are all there."""
    address = f"{ACCOUNTS}/{demo_account(app)}"
    kept = {"large_reversal": "refuse", "channels": "warn", "of_another_version": "yes"}
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(HisAccount).values(policies=kept).where(HisAccount.appid == DEMO_APPID))
    person = Console(app, "system")
    person.follow(person.send(address, "保存"))
    with app.extensions["qupiao"].services.database.read() as connection:
        saved = connection.scalar(select(HisAccount.policies).where(HisAccount.appid == DEMO_APPID))
    assert saved is not None and kept.items() <= saved.items()
    guide = (Path(__file__).parents[3] / "docs/his-integration.md").read_text()
    documented = set(re.findall(r"^\| `([a-z_]+)` \| ", guide.split("## Sums")[1], re.MULTILINE))
    assert documented and documented <= saved.keys()


@pytest.mark.parametrize("table", ["bus_type", "channel", "card_type", "place", "paper"])
def test_every_mapping_table_is_saved_as_it_stands(app: Flask, table: str) -> None:
    person, address = Console(app, "system"), f"{ACCOUNTS}/{demo_account(app)}/mappings/{table}"

    def kept() -> dict[str, str]:
        with app.extensions["qupiao"].services.database.read() as connection:
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


BASICS = "/console/basics"


def row_of(app: Flask, table: Any, **wanted: Any) -> int:
    conditions = [getattr(table, name) == value for name, value in wanted.items()]
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.scalars(select(table.id).where(*conditions)).one())


def test_the_unit_is_changed_by_the_keeper_only(app: Flask) -> None:
    keeper = Console(app, "keeper")
    assert "已保存" in keeper.follow(keeper.send(f"{BASICS}/unit", "保存", desk_phone="0662-1111111"))
    [told] = audited(app, "unit.changed")
    assert told == {"before": {"desk_phone": "0662-0000000"}, "after": {"desk_phone": "0662-1111111"}}
    inspector = Console(app, "inspector")
    form = inspector.form(f"{BASICS}/unit")
    assert inspector.client.post(f"{BASICS}/unit", data=form.values | {"desk_phone": "1"}).status_code == 403
    assert len(audited(app, "unit.changed")) == 1


def test_a_point_issues_what_it_may(app: Flask) -> None:
    keeper = Console(app, "keeper")
    point = f"{BASICS}/points/{row_of(app, Point, code='01')}"
    inpatient = row_of(app, BillKind, form="inpatient")
    cashier = row_of(app, StaffAccount, username="cashier")
    keeper.follow(keeper.send(point, "保存", kinds=[str(inpatient)], staff=[str(cashier)]))
    refused = pushed(app, "B1")
    assert refused.result == "E2008" and "开票点 01" in refused.message
    keeper.follow(keeper.send(point, "保存", kinds=[], staff=[str(cashier)]))
    assert pushed(app, "B1").ok
    form = keeper.form(point, "保存")
    form.values.pop("active")
    keeper.follow(keeper.client.post(point, data=form.values))
    assert pushed(app, "B2").result == "E2003"
    assert audited(app, "point.kinds_bound")[0]["after"] == {"kinds": [inpatient]}
    assert audited(app, "point.changed") == [{"before": {"active": True}, "after": {"active": False}}]
    twice = keeper.send(f"{BASICS}/points/new", "保存", code="02", name="又一个", kind="window")
    assert twice.status_code == 422 and "02" in twice.text and "已存在" in twice.text


def test_a_mapping_has_bounds_and_a_time(app: Flask) -> None:
    keeper = Console(app, "keeper")
    address = f"{BASICS}/charge-items/{row_of(app, ChargeItem, code='0109')}"
    keeper.follow(keeper.send(address, "保存", high_fen="100", fiscal_code="0807"))
    assert pushed(app, "C1").ok
    with app.extensions["qupiao"].services.database.read() as connection:
        told = connection.scalar(select(Bill.warnings))
    assert told == ["西药费 金额 108.50 元高于上限 100.00 元"]
    wrong = keeper.send(address, "保存", low_fen="200", high_fen="100")
    assert wrong.status_code == 422 and "下限不能大于上限" in wrong.text and 'value="200"' in wrong.text
    keeper.follow(keeper.send(address, "保存", high_fen="", valid_until="2026-01-01"))
    assert pushed(app, "C2").ok
    with app.extensions["qupiao"].services.database.read() as connection:
        items = list(connection.scalars(select(BillItem.fiscal_code).where(BillItem.charge_code == "0109")))
    assert sorted(items) == ["0109", "0807"], "an expired mapping counts no longer"
    assert audited(app, "charge_item.changed")[1]["after"] == {"high_fen": None, "valid_until": "2026-01-01"}


def test_departments_and_reviewers_are_kept(app: Flask) -> None:
    keeper = Console(app, "keeper")
    keeper.follow(
        keeper.send(f"{BASICS}/departments/new", "保存", code="9901", name="皮肤科（性病）", general_name="专科")
    )
    assert "皮肤科（性病）" in keeper.get(f"{BASICS}/departments").text
    address = f"{BASICS}/departments/{row_of(app, Department, code='9901')}"
    assert "皮肤科" in keeper.get(address).text
    again = keeper.send(f"{BASICS}/departments/new", "保存", code="9901", name="x")
    assert "已存在" in again.text
    keeper.follow(keeper.send(f"{BASICS}/reviewers/new", "保存", code="02", name="复核员乙", active="y"))
    assert "复核员乙" in keeper.get(f"{BASICS}/reviewers").text
    assert [told["after"]["name"] for told in audited(app, "department.created")] == ["皮肤科（性病）"]
    keeper.get(f"{BASICS}/departments/999999", 404)


def test_what_finance_sends_is_read_only_and_faces_are_shown(app: Flask) -> None:
    keeper = Console(app, "keeper")
    assert "诊察费" in keeper.get(f"{BASICS}/income-items").text
    assert "预交金凭证" in keeper.get(f"{BASICS}/kinds").text
    assert "还有" in keeper.get(f"{BASICS}/seals").text
    assert keeper.get(f"{BASICS}/seals/inpatient/specimen.pdf").mimetype == "application/pdf"
    keeper.get(f"{BASICS}/seals/voucher/specimen.pdf", 404)
    for name in ("income-items", "kinds"):
        assert keeper.client.post(f"{BASICS}/{name}").status_code in (400, 405)


def test_who_may_only_look_cannot_type(app: Flask) -> None:
    """Fields that nothing would come of are shut, for who may change them they are open."""
    for path, looks, changes in (
        ("/console/basics/unit", "lead", "keeper"),
        ("/console/system/his-accounts/1", "keeper", "system"),
    ):
        assert "<fieldset disabled>" in Console(app, looks).get(path).text
        assert "<fieldset>" in Console(app, changes).get(path).text
