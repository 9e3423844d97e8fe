"""Lists of the console: paging by key in both directions, filters in the address, Excel without formulas, print."""

from __future__ import annotations

import io
import re
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote

import openpyxl
import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from portal.access import parameters
from portal.core import spreadsheet
from portal.domain.actor import Actor
from portal.rendering.tables.spreadsheet import SheetColumn, clean, workbook
from tests.support import codes
from tests.support.console import Console
from tests.support.his import His, outpatient


def numbers(html: str) -> list[str]:
    """The bill numbers on a page of the list, as shown."""
    return re.findall(rf"9906 {codes.OUTPATIENT[4:]}-(90 \d{{4}} \d{{4}})", html)


@pytest.fixture
def issued(his: His) -> int:
    """Enough bills for three pages."""
    for number in range(101):
        assert his.call("invoiceEBillOutpatient", outpatient(f"L{number}")).ok
    return 101


def test_pages_go_forth_and_back_without_gap_or_double(app: Flask, issued: int) -> None:
    person = Console(app, "cashier")
    html = person.get("/console/billing/bills").text
    seen, pages = numbers(html), [numbers(html)]
    while found := re.search(r'href="([^"]+)">下一页', html):
        html = person.get(found[1].replace("&amp;", "&")).text
        pages.append(numbers(html))
        seen += pages[-1]
    assert [len(page) for page in pages] == [50, 50, 1]
    assert len(set(seen)) == issued and "共 101 条" in html
    for expected in reversed(pages[:-1]):
        html = person.get(re.search(r'href="([^"]+)">← 上一页', html)[1].replace("&amp;", "&")).text  # type: ignore[index]
        assert numbers(html) == expected
    assert "上一页" not in html


def test_filters_totals_columns_and_errors_stay_in_the_address(app: Flask, issued: int) -> None:
    person = Console(app, "cashier")
    html = person.get("/console/billing/bills?serial=L7&cols=serial&cols=total_fen").text
    assert html.count("<tbody>") == 1 and ">L7<" in html and "共 1 条" in html and "128.50" in html
    assert "开票时间</th>" not in html
    assert "没有符合条件的票据" in person.get("/console/billing/bills?from=2020-01-01&to=2020-01-02").text
    wrong = person.get("/console/billing/bills?from=yesterday").text
    assert "业务日期从请写成" in wrong and 'value="yesterday"' in wrong
    for hostile in ("after=xx", "after=WzFd", "before=W10", f"after={quote('€')}", "state='", "cols=payer'", "point=0"):
        person.get(f"/console/billing/bills?{hostile}")


def test_excel_holds_the_same_rows_and_is_audited(app: Flask, issued: int) -> None:
    answer = Console(app, "cashier").client.get("/console/billing/bills?format=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:5] == ("开票时间", "业务", "票据号码", "交款人", "金额") and len(rows) == 1 + issued + 2
    assert rows[1][4] == 128.5 and rows[1][3].endswith("*") and "导出人：陈某" in rows[-1][0]
    with app.extensions["qupiao"].services.database.read() as connection:
        row = connection.exec_driver_sql("SELECT actor, details FROM audit_entry WHERE action = 'list.exported'").one()
    assert row[0] == "staff:cashier" and "101" in str(row[1])


def test_print_shows_all_rows_with_who_and_when(app: Flask, issued: int) -> None:
    html = Console(app, "cashier").get("/console/billing/bills?format=print").text
    assert len(numbers(html)) == issued and "打印人：陈某" in html


DANGEROUS = st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\x00", "＝", "＋", "－", "＠"])


RAW = "<r><t>a</t></r></is></c><c><f>1+1</f></c><c><is><r></r>"


@example(["<r></r>", RAW, "http://a.cn", "mailto:a@b.cn", "internal:'x'!A1", "1.5", "{=1+1}", "_x0041_"])
@given(st.lists(st.builds("{}{}".format, DANGEROUS, st.text(max_size=20)), min_size=1, max_size=5))
def test_text_in_excel_stays_text_whatever_it_begins_with(texts: list[str]) -> None:
    data = workbook(
        "=标题", [SheetColumn("=列"), SheetColumn("额", "money")], [[text, Decimal(1)] for text in texts], "=x"
    )
    rows = list(openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows())
    for row in rows:
        assert all(cell.data_type != "f" and cell.hyperlink is None for cell in row)
        assert not isinstance(row[0].value, str) or row[0].data_type == "s"
    assert all(row[0].data_type == "s" for row in rows[1:])
    found = [row.cells[0].text for row in spreadsheet.read(data)]
    assert found == [clean(text) for text in ("=列", *texts, "=x")]


def test_the_list_in_excel_keeps_its_look() -> None:
    columns = [
        SheetColumn("票号"),
        SheetColumn("额", "money"),
        SheetColumn("日期", "date"),
        SheetColumn("时间", "time"),
    ]
    moment = datetime(2026, 11, 24, 9, 30, 15)
    rows = [["=1", Decimal("1234567.89"), moment.date(), moment], [None, Decimal("-0.10"), None, None]]
    found = openpyxl.load_workbook(io.BytesIO(workbook("一[张]'", columns, rows, "完"))).active
    assert (found.title, found.freeze_panes) == ("一 张 ", "A2")
    assert found["A1"].font.bold and found["A1"].fill.fgColor.rgb == "FFEEF3F1"
    widths = [found.column_dimensions[letter].width for letter in "AB"]
    assert widths == [pytest.approx(22, abs=1), pytest.approx(14, abs=1)]
    assert (found["B2"].value, found["B2"].number_format, found["B2"].alignment.horizontal) == (
        1234567.89,
        "#,##0.00",
        "right",
    )
    assert found["C2"].value.date() == moment.date() and found["C2"].number_format == "yyyy-mm-dd"
    assert found["D2"].value == moment and found["D2"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert found["A2"].quotePrefix and found["A3"].value is None and found["B3"].value == -0.1
    assert found["A4"].value == "完"


def test_many_rows_are_taken_out_only_with_a_reason_and_the_auditor_sees_it(app: Flask, his: His) -> None:
    for serial in ("B1", "B2", "B3"):
        assert his.call("invoiceEBillOutpatient", outpatient(serial)).ok
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "export.reason-rows", "2", Actor("staff:system", "吴某", 1))
    lead, bills = Console(app, "lead"), "/console/billing/bills"
    few = lead.client.get(f"{bills}?format=xlsx&serial=B1")
    assert few.mimetype.endswith("sheet"), "few rows need no reason"
    for form in ("xlsx", "print"):
        asked = lead.get(f"{bills}?format={form}").text
        assert "请先说明用途" in asked and "3 行" in asked and "林" not in asked
        short = lead.send(f"{bills}?format={form}", "说明并取出", reason="无")
        assert short.status_code == 422 and "4 至 100 个字符" in short.text
        led = lead.send(f"{bills}?format={form}", "说明并取出", reason="月末交财务科核对")
        assert led.status_code == 303 and "reason" not in (led.location or "")
        taken = lead.client.get(led.location or "")
        assert taken.status_code == 200 and ("请先说明用途" not in taken.text if form == "print" else taken.data)
        grant = (led.location or "").partition("grant=")[2]
        for person, path in ((lead, f"{bills}?format={form}&state=issued"), (Console(app, "cashier"), bills)):
            other = person.client.get(f"{path}{'&' if '?' in path else f'?format={form}&'}grant={grant}")
            assert "请先说明用途" in other.text, "a reason is good for one list of one person"
    with app.extensions["qupiao"].services.database.read() as connection:
        rows = connection.execute(
            text("SELECT action, count(*) FROM audit_entry WHERE action LIKE 'list.%' GROUP BY 1")
        )
        assert dict(map(tuple, rows)) == {
            "list.exported": 1,
            "list.export_explained": 2,
            "list.bulk_exported": 2,
        }
    auditor = Console(app, "auditor")
    assert "近 7 天大批导出</small><b>2</b>" in auditor.get("/console/home").text
    assert "月末交财务科核对" in auditor.get("/console/system/log").text
