"""The stories of a hospital's day at the console, in a real browser against running processes.

After each of them stock identity, number maps and ledger agree.
``QUPIAO_SCREENSHOTS=test-results/console`` keeps a picture of every step.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import func, select

from portal.core.database import Database, make_engine
from portal.models import Bill
from tests.browser.window import Window, books_agree, text_of
from tests.support import vouchers
from tests.support.his import http, outpatient
from tests.support.phone import launched
from tests.support.processes.installation import Installation, running


@dataclass
class Day:
    """A running hospital: its processes, its HIS, browsers for whoever needs one."""

    installation: Installation
    browser: Browser
    database: Database
    story: str = ""

    def his(self, method: str, values: dict[str, Any]) -> dict[str, Any]:
        """A push that must succeed; its answer."""
        answer = http(self.installation.base)(method, values)
        assert answer.ok, answer.message
        return answer.payload

    def at(self, username: str, point: str = "", scripts: bool = True) -> Window:
        """Somebody signed in."""
        return Window(self.browser, self.installation, self.story, scripts).sign_in(username, point)

    def bill(self, staff: Window, answer: dict[str, Any]) -> None:
        """Open the page of a bill that a HIS was answered, by its number."""
        staff.find(answer["billNo"])
        staff.says(answer["billNo"][-4:])

    def bills_of(self, serial: str) -> int:
        """How many bills bear a serial."""
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(Bill).where(Bill.serial == serial)) or 0


@pytest.fixture(scope="module")
def hospital(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("installation")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    engine = make_engine(f"sqlite:///{folder / 'qupiao.sqlite3'}")
    with (
        running(folder, "", ("web", "simulators", "worker")) as installation,
        sync_playwright() as playwright,
        launched(playwright) as browser,
    ):
        yield Day(installation, browser, Database(engine))
        for name in ("web", "worker"):
            assert "Traceback" not in (folder / f"{name}.log").read_text(encoding="utf-8")
    engine.dispose()


@pytest.fixture
def day(hospital: Day, request: pytest.FixtureRequest) -> Iterator[Day]:
    hospital.story = request.node.name.removeprefix("test_")
    yield hospital
    for context in hospital.browser.contexts:
        context.close()
    books_agree(hospital.database)


def push(serial: str, payer: str, id_no: str, *rows: tuple[str, str, str, float], **changes: Any) -> dict[str, Any]:
    """A settlement without insurance of these rows: charge code, charge name, item name, price."""
    total = round(sum(row[3] for row in rows), 2)
    charges: dict[tuple[str, str], float] = {}
    for code, name, _, price in rows:
        charges[code, name] = round(charges.get((code, name), 0) + price, 2)
    return (
        outpatient(
            serial,
            payer=payer,
            cardType="1101",
            cardNo=id_no,
            tel="",
            totalAmt=total,
            fundPay=0,
            ownPay=total,
            selfPayAmt=0,
            selfCashPay=total,
            payChannelDetail=[{"payChannelCode": "05", "payChannelValue": total}],
            chargeDetail=[
                {"sortNo": n, "chargeCode": code, "chargeName": name, "std": sum_, "number": 1, "amt": sum_}
                for n, ((code, name), sum_) in enumerate(charges.items(), 1)
            ],
            listDetail=[
                {"chargeCode": code, "code": f"X{n}", "name": item, "std": price, "number": 1, "amt": price}
                for n, (code, _, item, price) in enumerate(rows, 1)
            ],
        )
        | changes
    )


def sheet_in_printer(staff: Window) -> str:
    """The next number as the dialog tells it; at a window it is read from the sheet."""
    return re.search(r"下一纸质票号\s*(\d{10})", staff.says("下一纸质票号"))[1]  # type: ignore[index]


VISIT = ("0101", "诊查费", "普通门诊诊查费", 6.0)
AMOXICILLIN = ("0109", "西药费", "阿莫西林胶囊", 7.8)
IBUPROFEN = ("0109", "西药费", "布洛芬缓释胶囊", 12.5)


def test_01_outpatient_with_slip(day: Day) -> None:
    answer = day.his("invoiceEBillOutpatient", outpatient("MZ000101"))
    cashier = day.at("cashier", "01")
    cashier.shot("home")
    day.bill(cashier, answer)
    text = cashier.says("128.50")
    assert "林演安" not in text and "000000195203150010" not in text
    cashier.shot("bill")
    slip = cashier.prints("打印告知单")
    assert answer["billNo"] in slip.replace(" ", "") and "补打" not in slip
    cashier.open("/console/billing/bills?serial=MZ000101")
    cashier.says("林**", "128.50", "共 1 条")
    cashier.shot("list")
    phone = day.browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False).new_page()
    phone.goto(re.sub(r"^https?://[^/]+", day.installation.base, answer["pictureUrl"]))
    assert "林演安" not in phone.inner_text("main")
    phone.fill("#name", "林演安")
    phone.click("main form button")
    assert "128.50" in phone.inner_text("main") and "林演安" in phone.inner_text("main")
    with phone.expect_download() as saved:
        phone.click("text=存到手机")
    assert "林演安" in text_of(saved.value.path().read_bytes())


def test_02_elderly_takes_paper_and_the_printer_jams(day: Day) -> None:
    answer = day.his("invoiceEBillOutpatient", push("MZ000201", "陈样英", "000000194809060023", VISIT, IBUPROFEN))
    cashier = day.at("cashier", "02")
    day.bill(cashier, answer)
    cashier.press("换开")
    first = sheet_in_printer(cashier)
    cashier.says("本班第一次换开")
    cashier.fill(number=str(int(first) + 5))
    cashier.press("换开")
    cashier.says("共 5 张", "报损")
    cashier.shot("wrong sheet")
    cashier.fill(number=str(int(first)))
    cashier.press("换开")
    cashier.says("已换开", first)
    cashier.shot("exchanged")
    assert "陈样英" in cashier.prints("打印纸质票")
    cashier.press("重新换开")
    cashier.shot("jam")
    cashier.press("重新换开")
    text = cashier.says("已重新换开", f"{int(first) + 1:010d}")
    assert text.count("有效") >= 1 and "收回" in text
    cashier.shot("exchanged anew")
    cashier.open("/console/billing/paper/sheets")
    cashier.says(f"{int(first) + 1:010d}")
    cashier.shot("sheets")


def test_03_one_drug_given_back_after_exchange(day: Day) -> None:
    person = ("冯样海", "000000197605180078")
    answer = day.his("invoiceEBillOutpatient", push("MZ000301", *person, VISIT, AMOXICILLIN, IBUPROFEN))
    cashier = day.at("cashier", "03")
    day.bill(cashier, answer)
    cashier.press("换开")
    cashier.fill(number=sheet_in_printer(cashier))
    cashier.press("换开")
    cashier.says("要冲红，先收回纸质票据并作废")
    assert not cashier.button("冲红").count()
    cashier.press("收回并作废纸质票")
    cashier.fill(reason="退一种药")
    cashier.shot("void")
    cashier.press("作废纸质票")
    cashier.shot("voided")
    cashier.press("冲红")
    cashier.choose(kind="退费")
    cashier.shot("reverse")
    cashier.press("冲红")
    cashier.says("已冲红", "红票")
    cashier.shot("reversed")
    assert not cashier.button("换开").count() and not cashier.button("冲红").count()
    cashier.page.locator("main ol.chain a.figures").first.click()
    cashier.settled()
    cashier.says("−26.30", "旧票（已冲红）")
    cashier.shot("red bill")
    again = http(day.installation.base)(
        "invoiceEBillOutpatient", push("MZ000301", *person, VISIT, AMOXICILLIN, IBUPROFEN)
    )
    assert not again.ok or again.payload["billNo"] == answer["billNo"]
    rest = day.his("invoiceEBillOutpatient", push("MZ000302", *person, VISIT, IBUPROFEN))
    day.bill(cashier, rest)
    cashier.says("18.50")


def test_04_inpatient_with_two_deposits_and_a_recall(day: Day) -> None:
    stay = {"hospitalNo": "ZY260401", "visitNo": "ZY260401-1"}
    cashier = day.at("cashier", "04")
    cashier.press("预交金凭证")
    cashier.press("开具预交金凭证")
    cashier.shot("deposit form")
    cashier.fill(
        payer="谭例霞", id_no="000000196506300084", hospital_no="ZY260401", visit_no="ZY260401-1", amount="500"
    )
    cashier.press("收款并开具")
    typed = re.search(r"已开具预交金凭证 (\d{8}) (\d{10})", cashier.says("500.00"))
    assert typed
    cashier.shot("deposit")
    desk = {"voucherBatchCode": typed[1], "voucherNo": typed[2]}
    his = day.his("invoicePayMentVoucher", vouchers.deposit("YJ000401", "300.00", **stay))

    def settle(serial: str) -> dict[str, Any]:
        body = vouchers.settlement(serial, (desk, "20.00"), (his, "28.50"), **stay)
        return day.his("invEBillHospitalized", body)

    def balance(expected: str) -> str:
        cashier.open("/console/billing/vouchers")
        cashier.page.fill("#number", "ZY260401")
        cashier.press("查对账单")
        return cashier.says(expected)

    bill = settle("ZY000401")
    balance("751.50")
    cashier.shot("statement")
    day.bill(cashier, bill)
    cashier.says("128.50", "80.00")
    cashier.press("冲红")
    cashier.choose(kind="结账作废")
    cashier.press("冲红")
    cashier.says("已冲红")
    balance("800.00")
    cashier.shot("released")
    assert settle("ZY000402")["billNo"] != bill["billNo"]
    balance("751.50")
    cashier.shot("settled again")


def test_06_vaccine_day_with_doses_that_cost_nothing(day: Day) -> None:
    child, dose = ("关试宝", "00000020240110005X"), ("0199", "其他费", "免疫规划疫苗（麻腮风）", 0.0)
    own = {"busType": "13", "placeCode": "06", "patientCategory": "预防接种门诊", "patientCategoryCode": "0901"}
    flu = ("0199", "其他费", "流感疫苗（四价）", 128.0)
    paid = day.his("invoiceEBillOutpatient", push("YM000601", *child, flu, dose, **own))
    free = day.his("invoiceEBillOutpatient", push("YM000602", *child, dose, **own))
    cashier = day.at("cashier", "06")
    day.bill(cashier, paid)
    cashier.says("128.00")
    day.bill(cashier, free)
    cashier.says("0.00")
    cashier.shot("free")
    cashier.prints("打印告知单")
    cashier.open("/console/billing/bills?scene=immunisation")
    cashier.says("共 2 条", "128.00")
    cashier.shot("list")


def test_07_company_check_up(day: Day) -> None:
    company = {"payerType": "2", "idCardNo": "TEST0000000000002X", "cardType": "999999", "sex": "未知", "busType": "05"}
    group = ("0102", "检查费", "单位团检", 5980.0)
    body = push("TJ000701", "阳江示例五金厂", "-", group, placeCode="05", checkUpNo="TJ000701", **company)
    answer = day.his("invEBillCheckUp", body)
    cashier = day.at("cashier", "05")
    day.bill(cashier, answer)
    cashier.says("5,980.00")
    cashier.shot("bill")
    cashier.press("换开")
    cashier.fill(number=sheet_in_printer(cashier))
    cashier.press("换开")
    assert "阳江示例五金厂" in cashier.prints("打印纸质票")


def test_08_donation_in_kind_without_javascript(day: Day) -> None:
    cashier = day.at("cashier", "01", scripts=False)
    cashier.press("手工开票")
    cashier.press("公益事业捐赠票据")
    cashier.shot("empty form")
    cashier.press("预览")
    cashier.says("需要更正")
    cashier.shot("what is missing")
    cashier.choose(payer_kind="个人", donation_form="实物")
    cashier.fill(payer_name="演示爱心人士", project="捐资助医", checker="复核员乙")
    line = {"code": "J0201", "name": "轮椅", "unit": "台", "quantity": "10", "price": "680"}
    cashier.fill(**{f"lines.0.{name}": value for name, value in line.items()})
    cashier.press("预览")
    cashier.says("6,800.00", "陆仟捌佰元整")
    cashier.shot("preview")
    cashier.press("开具")
    cashier.says("已开具", "6,800.00")
    cashier.shot("result")
    cashier.prints("打印告知单")
    cashier.press("查看票据")
    cashier.says("6,800.00")
    cashier.shot("bill")


def test_11_one_serial_pushed_three_times(day: Day) -> None:
    call, body = http(day.installation.base), outpatient("MZ001101", tel="")
    first, again = call("invoiceEBillOutpatient", body), call("invoiceEBillOutpatient", body)
    assert first.ok and again.ok and first.payload["billNo"] == again.payload["billNo"]
    other = call("invoiceEBillOutpatient", body | {"totalAmt": 129.50, "chargeDetail": [_row(129.5)], "listDetail": []})
    assert other.result == "E2005", other.message
    assert day.bills_of("MZ001101") == 1
    cashier = day.at("cashier", "01")
    cashier.open("/console/billing/bills?serial=MZ001101")
    cashier.says("共 1 条", "128.50")


def _row(amount: float) -> dict[str, Any]:
    return {"sortNo": 1, "chargeCode": "0101", "chargeName": "诊查费", "std": amount, "number": 1, "amt": amount}


def test_12_a_point_runs_out_and_is_topped_up(day: Day) -> None:
    keeper = day.at("keeper")

    def take_back(point: str, kind: str) -> None:
        keeper.open(f"/console/stock/slips?point={point}&state=accepted")
        keeper.page.locator("main tbody tr", has_text=kind).locator("a.open").first.click()
        keeper.settled()
        keeper.press("撤回未用部分")
        keeper.says("已撤回")

    def hand_out(point: str, kind: str, count: int) -> None:
        keeper.press("票据分发")
        keeper.press("新增分发")
        keeper.fill(count=str(count))
        for name, words in (("point", point), ("kind", kind)):
            option = keeper.page.locator(f"main select[name={name}] option", has_text=words).first
            keeper.page.select_option(f"main select[name={name}]", value=option.get_attribute("value"))
        keeper.press("保存草稿")
        keeper.press("下发")
        if keeper.button("代开票点接收").count():
            keeper.press("代开票点接收")

    take_back("08", "医疗门诊收费票据（电子）")
    hand_out("08 自助机B", "医疗门诊收费票据（电子）", 2)
    keeper.shot("two numbers left")
    for number in range(4):
        day.his("invoiceEBillOutpatient", outpatient(f"MZ00120{number}", placeCode="08", tel=""))
    keeper.open("/console/stock/slips?point=08")
    keeper.says("自动补票")
    keeper.shot("topped up")
    take_back("08", "医疗住院收费票据（电子）")
    body, call = vouchers.settlement("ZY001209", placeCode="08", tel=""), http(day.installation.base)
    refused = call("invEBillHospitalized", body)
    assert not refused.ok and "08" in refused.message and day.bills_of("ZY001209") == 0, refused.message
    hand_out("08 自助机B", "医疗住院收费票据（电子）", 10)
    assert call("invEBillHospitalized", body).ok
    keeper.press("票号地图")
    keeper.shot("number maps")


def test_the_path_of_a_new_cashier(day: Day) -> None:
    """Log in, find, print the notice, exchange to paper: at most eight clicks."""
    answer = day.his("invoiceEBillOutpatient", push("MZ009901", "许演星", "00000020191201006X", VISIT))
    cashier = day.at("cashier", "01")
    day.bill(cashier, answer)
    cashier.prints("打印告知单")
    cashier.press("换开")
    cashier.fill(number=sheet_in_printer(cashier))
    cashier.press("换开")
    cashier.says("已换开")
    assert cashier.clicks <= 8, cashier.clicks
    cashier.shot("done")
