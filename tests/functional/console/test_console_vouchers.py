"""Prepayments at the desk: a cashier takes a deposit, prints it, gives part of it back, takes one back."""

from __future__ import annotations

from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.core.clock import now
from portal.models import AuditEntry, NumberSegment, Voucher
from portal.stock.books.fates import fate_map, identity
from tests.support.console import Console, at_window, valid
from tests.support.desk import NEW, PERSON, voucher_page
from tests.support.his import His
from tests.support.length import sqlite_first
from tests.support.vouchers import paid_in, settlement

pytestmark = sqlite_first


def test_a_deposit_from_the_drawer_to_the_statement(app: Flask) -> None:
    person = at_window(app)
    address = voucher_page(person)
    shown = person.get(address).text
    assert "1,000.00 元" in shown and "谭**" in shown and "谭例霞" not in shown and "ZY000008" not in shown
    printed = person.send(address, "打印凭证", paper="a5")
    assert person.get(printed.location or "").mimetype == "application/pdf"
    assert "补打凭证（已打印 1 次）" in person.get(address).text
    refused = person.send(f"{address}/refund", "退款", amount="1000.01", reason="多缴")
    assert refused.status_code == 422 and "余额 1,000.00 元" in refused.text and 'value="1000.01"' in refused.text
    assert "退款凭证" in person.follow(person.send(f"{address}/refund", "退款", amount="300", reason="多缴"))
    assert "本班第一次换开" in person.get(f"{address}/exchange").text
    wrong = person.send(f"{address}/exchange", "换开", number="1")
    assert wrong.status_code == 422 and "下一号是 0000500001" in wrong.text
    shown = person.follow(person.send(f"{address}/exchange", "换开", number="500001"))
    assert "0000500001" in shown and "换开纸质凭证" not in shown
    again = person.follow(person.send(f"{address}/re-exchange", "重新换开", number="500003", skip="y"))
    assert "0000500003" in again and again.count("已作废") == 1
    held = person.send(f"{address}/cancel", "撤销", reason="开错")
    assert held.status_code == 422 and "请先收回并作废纸质凭证" in held.text
    person.follow(person.send(f"{address}/void-paper", "作废", reason="收回"))
    assert "红字凭证" in person.follow(person.send(f"{address}/cancel", "撤销", reason="开错"))
    statement = person.get(f"{address}/statement").text
    printed = valid(person.get(f"{address}/statement?format=print").text)
    assert all(word in printed for word in ("累计退款", "−300.00", "制表：陈某", "复核：", "签字："))
    assert "<nav" not in printed and "<button" not in printed
    assert "累计退款" in statement and "−300.00" in statement and "−700.00" in statement and "0.00" in statement
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Voucher)) == 3
        assert not identity(connection).differences
        code, used = f"999921{now().year % 100}", Counter[str]()
        segment = connection.scalar(select(NumberSegment.id).where(NumberSegment.bill_code == code))
        for run in fate_map(connection, segment):
            used[run.fate.value] += run.last - run.first + 1
    assert used["void"] == 3 and "paper" not in used and sum(used.values()) == 7_000, "taken back, skipped, taken back"
    leads = person.get(f"/console/stock/numbers/{code}/500003", 303).location
    assert leads == address, "the number map leads to the voucher"


def test_a_double_click_is_one_deposit(app: Flask) -> None:
    person = at_window(app)
    form = person.form(NEW, "收款并开具")
    values = form.values | PERSON | {"amount": "500", "channel": "wechat"}
    first, second = (person.client.post(NEW, data=values) for _ in range(2))
    assert first.location == second.location
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Voucher)) == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"amount": "0"}, "金额必须大于 0"),
        ({"amount": "1.005"}, "小数超过2位"),
        ({"payer": ""}, "必填"),
        ({"hospital_no": ""}, "住院预交金请填写住院号"),
        ({"id_no": "000000196506300085"}, "身份证号码不正确"),
        ({"phone": "12345"}, "应为 11 位内地手机号"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(app: Flask, values: dict[str, str], told: str) -> None:
    answer = at_window(app).send(NEW, "收款并开具", **(PERSON | {"amount": "500", "channel": "cash"} | values))
    assert answer.status_code == 422 and told in answer.text


def test_a_number_finds_the_admission_and_a_reveal_leaves_a_trace(app: Flask) -> None:
    his = His(app)
    one, two = paid_in(his, "YJ1", 100), paid_in(his, "YJ2", 50)
    number = his.call("invEBillHospitalized", settlement("ZY1", (one, 60))).payload["billNo"]
    shown = f"{number[:2]} {number[2:6]} {number[6:]}"
    person = Console(app, "cashier")
    for number in (
        "ZY000008",
        "zy000008",
        "000000196506300084",
        two["voucherNo"],
        one["billBatchCode"] + one["billNo"],
    ):
        answer = person.send("/console/billing/vouchers", "查对账单", number=number)
        assert number not in (answer.location or "")
        page = person.follow(answer)
        assert "150.00" in page and "−60.00" in page and "90.00" in page and shown in page
    assert "没有找到" in person.follow(person.send("/console/billing/vouchers", "查对账单", number="ZY999999"))
    listed = person.get("/console/billing/vouchers").text
    assert "谭**" in listed and "部分使用" in listed
    with app.extensions["qupiao"].services.database.read() as connection:
        voucher_id = connection.scalar(select(Voucher.id).order_by(Voucher.id))
    address = f"/console/billing/vouchers/{voucher_id}"
    assert "谭例霞" not in person.get(address).text
    without = person.send(address, "查看完整信息")
    assert without.status_code == 422 and "请写明查看原因" in without.text and "谭例霞" not in without.text
    assert "谭例霞" in person.send(address, "查看完整信息", reason="核对退款").text
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).where(AuditEntry.action == "person.revealed")) == 1


def test_roles_and_strangers(app: Flask) -> None:
    paid_in(His(app))
    with app.extensions["qupiao"].services.database.read() as connection:
        voucher_id = connection.scalar(select(Voucher.id))
    inspector = Console(app, "inspector")
    page = inspector.get(f"/console/billing/vouchers/{voucher_id}").text
    assert "退款</a>" not in page and "查看完整信息" not in page
    inspector.get(f"/console/billing/vouchers/{voucher_id}/refund", 403)
    Console(app, "system").get("/console/billing/vouchers", 403)
    Console(app, "cashier").get("/console/billing/vouchers/12345", 404)
