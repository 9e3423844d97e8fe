"""The log as auditors read it: names of persons, bills by their numbers, Chinese words, actions under headings."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from admin.pages.system import log_words
from portal.audit import actions
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first


@sqlite_first
def test_the_log_names_persons_and_bills(app: Flask) -> None:
    issued = His(app).call("invoiceEBillOutpatient", outpatient("L1")).payload
    assert Console(app, "cashier").get("/console/billing/bills?format=xlsx").mimetype.endswith("sheet")
    log = Console(app, "auditor").get("/console/system/log").text
    code, number = issued["billBatchCode"], issued["billNo"]
    written = f"票据 {code[:4]} {code[4:]}-{number[:2]} {number[2:6]} {number[6:]}"
    assert written in log and ">陈某</td>" in log and ">cashier</td>" not in log
    assert "形式：Excel" in log


@sqlite_first
def test_actions_stand_under_headings_in_order(app: Flask) -> None:
    log = Console(app, "auditor").get("/console/system/log").text
    select = re.search(r'<select id="f-action".*?</select>', log, re.DOTALL)
    assert select
    headings = re.findall(r'<optgroup label="([^"]+)">(.*?)</optgroup>', select[0], re.DOTALL)
    assert [heading for heading, _ in headings] == [*dict.fromkeys(actions.GROUPS.values()), actions.OTHERS]
    for _, body in headings:
        words = re.findall(r">([^<]+)</option>", body)
        assert words == sorted(words)
    assert select[0].count("<option") == len(actions.ACTIONS) + 1


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"about": "search"}, "查看的对象：票据查找"),
        ({"by": "name", "bills": 3}, "查找方式：姓名；张数：3"),
        ({"kind": "public"}, "类别：公众人物"),
        ({"form": "xlsx", "rows": 12}, "形式：Excel；行数：12"),
    ],
)
def test_details_are_chinese(details: dict[str, object], words: str) -> None:
    assert log_words.text(details) == words
