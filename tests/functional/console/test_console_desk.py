"""The desk's screens: every page valid, what was typed stays, one bill a draft, batches from upload to failure file."""

from __future__ import annotations

import io
import re

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from portal.core import spreadsheet
from portal.issuing.manual import batch, batch_file
from portal.models import AuditEntry, Bill, DeskDraft, StaffSession
from portal.outbox.worker import Worker
from tests.factories.batch_files import bad_row, csv_file, row, xlsx
from tests.support import ledger
from tests.support.console import Console
from tests.support.desk import BATCHES, DESK, GOOD, issue, press, start, upload
from tests.support.length import sqlite_first

pytestmark = sqlite_first


@pytest.fixture
def cashier(app: Flask) -> Console:
    return Console(app, "cashier")


def bills(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return ledger.check(connection)


def test_from_kind_to_result(cashier: Console, app: Flask) -> None:
    path = start(cashier)
    fresh = cashier.get(path).text
    assert "需要更正" not in fresh, "nothing is wrong before anything was typed"
    answer = press(cashier, path, "preview", **GOOD)
    assert answer.location == f"{path}/preview"
    preview = cashier.follow(answer)
    assert "贰拾伍元整" in preview and "data:image/png;base64," in preview
    assert bills(app) == 0
    result = cashier.follow(issue(cashier, path))
    assert "已开具" in result and 'class="qr"' in result and "打印告知单" in result
    assert bills(app) == 1
    assert cashier.get(path, 303).location == f"{path}/result"
    assert cashier.get(f"{path}/preview", 303).location == f"{path}/result"
    assert "没有草稿" in cashier.get(DESK).text
    again = start(cashier)
    assert "复核员乙" in cashier.get(again).text, "the checker is proposed again"


@pytest.mark.parametrize("kind", ["outpatient", "inpatient", "dealing", "donation"])
def test_every_form_says_what_is_missing_and_keeps_what_was_typed(cashier: Console, app: Flask, kind: str) -> None:
    path = start(cashier, kind)
    text = cashier.follow(press(cashier, path, "compute", payer_name="<b>林</b>", remark="备注甲"))
    assert "需要更正" in text and "&lt;b&gt;林&lt;/b&gt;" in text and "备注甲" in text
    assert 'aria-invalid="true"' in text and "没有收费项目" in text
    assert cashier.follow(press(cashier, path, "preview")).count("需要更正") == 1
    assert bills(app) == 0


def test_two_windows_do_not_overwrite_each_other(cashier: Console) -> None:
    path = start(cashier)
    form = next(form for form in cashier.forms(cashier.get(path).text) if "keep" in form.values)
    assert press(cashier, path, "compute", remark="一号窗口").status_code == 303
    late = cashier.client.post(path, data=form.values | {"remark": "二号窗口", "compute": "1"})
    assert late.status_code == 409 and "二号窗口" in late.text and "另一个窗口" in late.text
    assert "一号窗口" in cashier.get(path).text
    again = next(form for form in cashier.forms(late.text) if "keep" in form.values)
    assert cashier.client.post(path, data=again.values | {"compute": "1"}).status_code == 303
    assert "二号窗口" in cashier.get(path).text


def test_a_form_sent_after_the_session_is_there_after_log_in(cashier: Console, app: Flask) -> None:
    path = start(cashier)
    form = next(form for form in cashier.forms(cashier.get(path).text) if "keep" in form.values)
    database = app.extensions["qupiao"].services.database
    with database.write() as connection:
        connection.execute(delete(StaffSession))
    answer = cashier.client.post(path, data=form.values | {"remark": "写了很久", "compute": "1"})
    assert answer.status_code == 303 and "/login" in str(answer.location)
    forged = form.values | {"keep": "0" * 64, "remark": "别人写的"}
    assert cashier.client.post(path, data=forged).status_code == 303
    assert cashier.sign_in("cashier").status_code == 303
    text = cashier.get(path).text
    assert "写了很久" in text and "已为您保留" in text and "别人写的" not in text
    assert press(cashier, path, "compute").status_code == 303
    assert "已为您保留" not in cashier.get(path).text


def test_a_remembered_payer_fills_the_form_by_an_audited_act(cashier: Console, app: Flask) -> None:
    path = start(cashier)
    press(cashier, path, "preview", **GOOD, remember="1")
    issue(cashier, path)
    path = start(cashier)
    page = cashier.get(path).text
    assert "林** 000000********0010" in page and "林演安" not in page
    picked = re.search(r'name="pick" value="(\d+)"', page)
    assert picked
    form = next(form for form in cashier.forms(page) if "keep" in form.values)
    text = cashier.follow(cashier.client.post(path, data=form.values | {"pick": picked[1]}))
    assert "林演安" in text and "000000195203150010" in text
    with app.extensions["qupiao"].services.database.read() as connection:
        revealed = select(func.count()).where(AuditEntry.action == "payer.revealed")
        assert connection.scalar(revealed) == 1
    listed = "/console/basics/payers"
    assert "林**" in cashier.get(listed).text
    assert "林**" in cashier.send(listed, "查找", find="林演安").text
    assert "没有找到" in cashier.send(listed, "查找", find="陈样英").text
    cashier.send(listed, "删除")
    assert "还没有常用交款人" in cashier.get(listed).text


def test_a_draft_of_another_is_not_found(cashier: Console, app: Flask) -> None:
    path = start(cashier)
    lead = Console(app, "lead")
    for address in (path, f"{path}/preview", f"{path}/result"):
        assert lead.client.get(address).status_code == 404
    values = lead.form(DESK).values
    for address in (f"{path}/issue", f"{path}/discard", path):
        assert lead.client.post(address, data=values | {"version": "1"}).status_code == 404
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(DeskDraft.state)) == "open"


def test_a_batch_from_upload_to_failure_file(app: Flask) -> None:
    lead = Console(app, "lead")
    assert "还没有导入过" in lead.get(BATCHES).text
    rows = [row(1), row(2, payer_name="", remark="=1+1"), row(3)]
    answer = upload(lead, csv_file(rows, "gbk"), "一批.csv")
    path = str(answer.location)
    report = lead.follow(answer)
    assert "开具合格的 2 张" in report and "交款人" in report and "不能为空" in report
    assert bills(app) == 0
    assert "正在后台" in lead.follow(lead.send(path, "开具合格的 2 张"))
    assert lead.client.get(path).headers["Refresh"] == "2"
    services = app.extensions["qupiao"].services
    Worker(
        services, {batch.TOPIC: batch.BatchService(services, app.extensions["qupiao"].issuing).work}, threads=1
    ).drain()
    assert "已完成" in lead.get(path).text and "Refresh" not in lead.client.get(path).headers
    assert bills(app) == 2
    data = lead.get(f"{path}/failures.xlsx").data
    cells = openpyxl.load_workbook(io.BytesIO(data)).active
    assert all(cell.data_type != "f" for line in cells.iter_rows() for cell in line)
    found = spreadsheet.read(data, batch_file.SHEET)
    heads = [cell.text for cell in found[0].cells]
    values = dict(zip(heads, (cell.text for cell in found[1].cells), strict=False))
    assert (values["备注"], values["结果"], values["错误字段"]) == ("=1+1", "校验未通过", "交款人")
    assert "全部放弃" not in lead.get(path).text


def test_a_bad_file_says_why_and_keeps_the_choices(app: Flask) -> None:
    lead = Console(app, "lead")
    answer = upload(lead, b"PK\x03\x04 no archive")
    assert answer.status_code == 422 and "文件不能导入" in answer.text and "复核员乙" in answer.text
    assert upload(lead, xlsx([bad_row(1)])).status_code == 303
    assert lead.follow(lead.send(str(upload(lead, xlsx([row(1)])).location), "全部放弃")).count("已放弃") == 2


def test_the_template_can_be_filled_in_and_sent(app: Flask) -> None:
    lead = Console(app, "lead")
    book = openpyxl.load_workbook(io.BytesIO(lead.get(f"{BATCHES}/template.xlsx").data))
    assert book.sheetnames == ["批量开票", "填写说明", "可选值", "收费明细"]
    page = book["批量开票"]
    assert len(page.data_validations.dataValidation) == sum(bool(column.choices) for column in batch_file.COLUMNS)
    assert page.freeze_panes == book["收费明细"].freeze_panes == "A2"
    for rule in page.data_validations.dataValidation:
        place = next(iter(rule.sqref.ranges)).min_col
        choices = batch_file.COLUMNS[place - 1].choices
        letter = openpyxl.utils.get_column_letter(place)
        assert str(rule.sqref) == f"{letter}2:{letter}{batch_file.MOST_BILLS * 4 + 1}"
        assert rule.formula1 == f"可选值!${letter}$2:${letter}${len(choices) + 1}" and rule.showErrorMessage
        offered = [book["可选值"].cell(number, place).value for number in range(2, len(choices) + 2)]
        assert offered == list(choices)
    page.append([row(1).get(column.name) for column in batch_file.COLUMNS])
    out = io.BytesIO()
    book.save(out)
    assert "全部 1 张都通过了校验" in lead.follow(upload(lead, out.getvalue()))


def test_who_may_not_is_refused(app: Flask, cashier: Console) -> None:
    assert cashier.client.get(BATCHES).status_code == 403
    auditor = Console(app, "auditor")
    for address in (DESK, BATCHES, "/console/basics/payers", "/console/basics/catalogue"):
        assert auditor.client.get(address).status_code == 403
    inspector = Console(app, "inspector")
    assert inspector.client.get("/console/basics/catalogue/new").status_code == 403
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Bill)) == 0


def test_the_catalogue_is_edited_and_its_bounds_hold(app: Flask, cashier: Console) -> None:
    keeper = Console(app, "keeper")
    new = {"area": "medical", "code": "K0001", "name": "换药（小）", "charge_code": "0104", "price": "12", "high": "12"}
    wrong = keeper.send("/console/basics/catalogue/new", "保存", **new | {"low": "13"})
    assert wrong.status_code == 422 and "标准下限不能高于标准上限" in wrong.text and "K0001" in wrong.text
    assert "换药（小）" in keeper.follow(keeper.send("/console/basics/catalogue/new", "保存", **new))
    path = start(cashier)
    over = {"lines.0.code": "K0001", "lines.0.quantity": "1", "lines.0.price": "13"}
    assert "高于标准上限 12.00" in cashier.follow(press(cashier, path, "compute", **over))
    edit = re.search(r'href="(/console/basics/catalogue/\d+)"', keeper.get("/console/basics/catalogue?text=K0001").text)
    assert edit
    keeper.send(edit[1], "停用")
    assert "已停用" in cashier.get(path + "?checked=1").text
