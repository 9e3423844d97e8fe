"""Prepayment vouchers through the signed interface, on both databases."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.documents.voucher import Movement
from portal.issuing.vouchers import paper as vouchers_paper
from portal.issuing.vouchers.movements import release
from portal.ledger import vouchers
from portal.models import AuditEntry, Bill, Voucher, VoucherMovement, VoucherParty
from portal.stock.books import fates
from tests.support import ledger
from tests.support.console import valid
from tests.support.his import His, at
from tests.support.vouchers import deposit, paid_in, policies, settlement, taking

ISSUE, REFUND, CANCEL = "invoicePayMentVoucher", "writeOffPayMentVoucher", "cancelPayMentVoucherBalance"
SETTLE = "invEBillHospitalized"


def facts(app: Flask, voucher: dict[str, str]) -> vouchers.VoucherFacts:
    with app.extensions["qupiao"].services.database.read() as connection:
        found = vouchers.by_number(connection, 1, voucher["voucherBatchCode"], voucher["voucherNo"])
    assert found is not None
    return found


def check(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return ledger.check(connection)


def test_a_deposit_is_vouched_for_with_one_pair_answered_twice(his: His, app: Flask) -> None:
    made = paid_in(his)
    assert set(made) == {
        *("voucherBatchCode", "voucherNo", "voucherRandom", "billBatchCode", "billNo", "random"),
        *("createTime", "billQRCode", "pictureUrl", "pictureNetUrl"),
    }
    assert (made["voucherBatchCode"], made["voucherNo"]) == (made["billBatchCode"], made["billNo"])
    assert made["voucherRandom"] == made["random"] and len(made["random"]) == 6
    assert len(made["voucherNo"]) == 10 and len(made["createTime"]) == 17
    found = facts(app, made)
    assert (found.balance_fen, found.state, found.department) == (100000, "open", "内儿科病区")
    assert check(app) == 0, "a voucher is no bill, and its number is accounted for"


def test_the_same_serial_is_the_same_voucher_and_other_content_is_named(his: His, app: Flask) -> None:
    first = paid_in(his)
    assert paid_in(his, busDateTime=at("120000", 1), payee="收费员乙") == first
    for changes, named in (({"amt": 900}, "金额"), ({"payer": "陈样英"}, "交款人"), ({"busType": "08"}, "业务类型")):
        answer = his.call(ISSUE, deposit("YJ1") | changes)
        assert answer.result == "E2005" and named in answer.message
    assert his.call("getEBillByBusNo", {"busNo": "YJ1", "busDateTime": ""}).payload["billNo"] == first["billNo"]
    assert check(app) == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"amt": 0}, "amt"),
        ({"amt": "-5"}, "amt"),
        ({"amt": "1.005"}, "amt"),
        ({"amt": ""}, "amt"),
        ({"payer": ""}, "payer"),
        ({"busNo": None}, "busNo"),
        ({"busDateTime": "2026"}, "busDateTime"),
        ({"placeCode": "77"}, "开票点"),
        ({"busType": "02"}, "业务标识"),
    ],
)
def test_a_wrong_deposit_is_refused_and_changes_nothing(
    his: His, app: Flask, changes: dict[str, Any], named: str
) -> None:
    answer = his.call(ISSUE, deposit("YJ1") | changes)
    assert not answer.ok and named in answer.message
    assert check(app) == 0
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Voucher)) == 0


def test_money_comes_back_in_parts_and_never_more_than_was_paid(his: His, app: Flask) -> None:
    made = paid_in(his)
    part = his.call(REFUND, taking(made, "300.00", when="20261119100000000"))
    assert part.ok, part.message
    assert part.payload["voucherNo"] == part.payload["eScarletBillNo"] != made["voucherNo"]
    again = his.call(REFUND, taking(made, "300.00", when="20261119100000000"))
    assert again.payload["voucherNo"] == part.payload["voucherNo"], "a lost answer is repaired, not paid twice"
    other = his.call(REFUND, taking(made, "200.00", when="20261119100000000"))
    assert other.result == "E2005" and "金额" in other.message
    much = his.call(REFUND, taking(made, "700.01", when="20261119110000000"))
    assert much.result == "E5002" and "余额 700.00 元" in much.message and made["voucherNo"] in much.message
    assert his.call(REFUND, taking(made, "700", when="20261119120000000")).ok
    assert facts(app, made).state == "settled"
    pair = {name: part.payload[f"voucher{name[4:]}"] for name in ("billBatchCode", "billNo")}
    assert his.call(REFUND, taking(part.payload | pair, 1)).result == "E5003", "a refund voucher holds no money"
    assert check(app) == 0


def test_strings_and_one_pair_only_are_enough(his: His) -> None:
    made = paid_in(his)
    body = {name: str(value) for name, value in taking(made, "1.00").items()} | {
        "voucherBatchCode": "",
        "voucherNo": "",
    }
    assert his.call(REFUND, body).ok
    answer = his.call(REFUND, taking(made, 1) | {"billNo": "1"})
    assert answer.result == "E2001" and "同一张凭证" in answer.message
    assert his.call(REFUND, taking(made, 1) | {"billNo": "9", "voucherNo": "9"}).result == "E5001"


def test_a_mistaken_deposit_is_taken_back_once(his: His, app: Flask) -> None:
    made = paid_in(his)
    answer = his.call(CANCEL, taking(made, reason="录入错误"))
    assert answer.ok, answer.message
    assert his.call(CANCEL, taking(made)).payload["eScarletBillNo"] == answer.payload["eScarletBillNo"]
    found = facts(app, made)
    assert (found.state, found.balance_fen) == ("cancelled", 0)
    assert his.call(REFUND, taking(made, 1)).result == "E5002"
    assert his.call(ISSUE, deposit("YJ1")).result == "E2006", "a taken-back voucher frees no serial"
    assert check(app) == 0


def test_an_inpatient_bill_consumes_and_its_reversal_releases(his: His, app: Flask) -> None:
    one, two = paid_in(his, "YJ1", 100), paid_in(his, "YJ2", "50.00")
    answer = his.call(SETTLE, settlement("ZY1", (one, "100.00"), (two, 28.5)))
    assert answer.ok, answer.message
    assert [facts(app, voucher).balance_fen for voucher in (one, two)] == [0, 2150]
    assert his.call(SETTLE, settlement("ZY1", (one, "100.00"), (two, 28.5))).ok, "the same push again"
    assert facts(app, two).balance_fen == 2150
    other = his.call(SETTLE, settlement("ZY1", (one, "100.00"), (two, 28.4)))
    assert other.result == "E2005" and "预交金扣款" in other.message
    held = his.call(CANCEL, taking(one))
    assert held.result == "E5003" and answer.payload["billNo"] in held.message and "冲红" in held.message
    red = {name: answer.payload[name] for name in ("billBatchCode", "billNo")}
    red |= {"reason": "出院召回", "operator": "收费员甲", "busDateTime": "20261121090000000", "placeCode": "04"}
    assert his.call("writeOffEBill", red).ok
    database = app.extensions["qupiao"].services.database
    with database.write() as connection:
        bill_id = connection.scalars(select(Bill.id).where(Bill.red_of_id.is_(None))).one()
        assert release(connection, bill_id, Actor("his:x", "收费员甲", 1), now()) == [], "released once only"
    assert [facts(app, voucher).state for voucher in (one, two)] == ["open", "open"]
    assert his.call(CANCEL, taking(one)).ok
    with database.read() as connection:
        statement = vouchers.statement(app.extensions["qupiao"].services, connection, 1, "ZY000008", "")
        assert statement.balance_fen == 5000 == facts(app, two).balance_fen
        assert statement.sums == {
            Movement.ISSUED: 15000,
            Movement.REFUNDED: 0,
            Movement.CONSUMED: -12850,
            Movement.RELEASED: 12850,
            Movement.CANCELLED: -10000,
        }
        assert not vouchers.statement(app.extensions["qupiao"].services, connection, 1, "ZY000009", "").deposits
    assert check(app) == 2


@pytest.mark.parametrize("kind", ["unknown", "other", "much", "refund"])
def test_what_a_settlement_may_not_consume_is_named_and_nothing_is_issued(his: His, app: Flask, kind: str) -> None:
    mine = paid_in(his)
    other = paid_in(
        his, "YJ2", 500, payer="冯样海", idCardNo="000000197605180078", cardNo="9900000007", hospitalNo="ZY000007"
    )
    refunded = his.call(REFUND, taking(mine, 900)).payload
    voucher, amount, named = {
        "unknown": (mine | {"voucherNo": "1234567890"}, 5, "不存在"),
        "other": (other, 5, "不属于该患者"),
        "much": (mine, "100.01", "余额 100.00 元"),
        "refund": (refunded, 5, "不存在"),
    }[kind]
    answer = his.call(SETTLE, settlement("ZY1", (mine, 1), (voucher, amount)))
    assert answer.result == "E5004" and named in answer.message
    assert voucher["voucherNo"] in answer.message
    assert facts(app, mine).balance_fen == 10000 and check(app) == 0


def test_an_account_may_be_warned_instead(his: His, app: Flask) -> None:
    mine = paid_in(his, amount=100)
    policies(app, vouchers="warn")
    # The settings of an account are kept a few seconds; a new application reads them at once.
    app.extensions["qupiao"].his_accounts._known.clear()
    answer = his.call(SETTLE, settlement("ZY1", (mine, 120), (mine | {"voucherNo": "1234567890"}, 5)))
    assert answer.ok
    with app.extensions["qupiao"].services.database.read() as connection:
        warnings = connection.scalar(select(Bill.warnings))
    assert len(warnings) == 2 and "不存在" in warnings[0] and "余额 100.00 元" in warnings[1]
    assert facts(app, mine).balance_fen == 0, "what was left is taken"
    policies(app, vouchers="ignore")
    app.extensions["qupiao"].his_accounts._known.clear()
    assert his.call(SETTLE, settlement("ZY2", (mine, 120))).ok
    assert check(app) == 2


def test_paper_is_void_once_and_stands_before_taking_back(his: His, app: Flask) -> None:
    made = paid_in(his)
    services, actor = app.extensions["qupiao"].services, Actor("staff:x", "收费员甲", 1)
    vouchers_paper.register(services, actor, facts(app, made), "YJP", "0000012")
    vouchers_paper.register(services, actor, facts(app, made), "YJP", "0000012")
    answer = his.call(CANCEL, taking(made))
    assert answer.result == "E5003" and "YJP 0000012" in answer.message
    assert his.call(REFUND, taking(made, 300)).ok, "the sheet stands for what is left"
    answer = his.call(REFUND, taking(made, 700, at("110000", 1)))
    assert answer.result == "E5003" and "YJP 0000012" in answer.message and "再全部退款" in answer.message
    paper = {"pBillBatchCode": "YJP", "pBillNo": "0000012", "placeCode": "04", "author": "收费员甲"}
    paper |= {"reason": "卡纸", "busDateTime": "20261119100000000"}
    done = his.call("invalidPayMentVoucherPaper", paper)
    assert done.ok and done.message == "操作成功"
    assert his.call("invalidPayMentVoucherPaper", paper).result == "E5005"
    assert his.call("invalidPayMentVoucherPaper", paper | {"pBillNo": "13"}).result == "E5005"
    assert his.call(CANCEL, taking(made)).ok


def test_a_his_exchanges_a_voucher_to_paper_of_the_stock(his: His, app: Flask) -> None:
    made, code = paid_in(his), f"999921{now().year % 100}"
    following = his.call("getPaperBillNo", {"placeCode": "04", "pBillBatchCode": "999921"}).payload
    named = {"billBatchCode": made["billBatchCode"], "billNo": made["billNo"], "placeCode": "04"}
    named |= {"operator": "收费员甲", "author": "收费员甲", "reason": "卡纸", "busDateTime": at("100000", 1)}
    first, second = (f"{int(following['pBillNo']) + step}" for step in (0, 1))
    assert following["pBillBatchCode"] == code

    def call(method: str, number: str, paper_code: str = code) -> str:
        return his.call(method, named | {"pBillBatchCode": paper_code, "pBillNo": number}).result

    assert call("turnPaper", first, f"990621{code[6:]}") == "E3005", "a voucher goes onto voucher paper only"
    assert call("turnPaper", second) == "E3002" and call("reTurnPaper", first) == "E4010"
    assert [call("turnPaper", number) for number in (first, first, second)] == ["S0000", "S0000", "E4009"]
    assert his.call(CANCEL, taking(made)).result == "E5003", "a sheet is out"
    assert [call("reTurnPaper", second), call("invalidPayMentVoucherPaper", first)] == ["S0000", "E5005"]
    assert [call("invalidPayMentVoucherPaper", second) for _ in range(2)] == ["S0000", "E5005"]
    assert his.call(CANCEL, taking(made)).ok
    assert call("turnPaper", f"{int(second) + 1}") == "E5003", "taken back"
    with app.extensions["qupiao"].services.database.read() as connection:
        assert not fates.identity(connection).differences
    assert check(app) == 0


@pytest.mark.parametrize(
    "statement",
    [
        update(Voucher).values(amount_fen=1),
        Voucher.__table__.delete(),
        update(VoucherMovement).values(balance_fen=1),
        VoucherMovement.__table__.delete(),
        VoucherParty.__table__.delete(),
    ],
    ids=["amount", "delete", "balance", "movement", "party"],
)
def test_the_database_itself_refuses_changes(his: His, app: Flask, statement: Any) -> None:
    paid_in(his)
    with pytest.raises(DBAPIError), app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("line", "kind", "amount", "balance"),
    [
        (2, "refunded", -100001, -1),
        (2, "refunded", -100001, 0),
        (2, "refunded", -1, 100000),
        (3, "refunded", -1, 99999),
        (2, "issued", 1, 100001),
        (1, "refunded", -1, 99999),
        (2, "released", 1, 100001),
        (2, "refunded", 1, 100001),
    ],
)
def test_the_database_itself_refuses_a_movement_that_does_not_follow(
    his: His, app: Flask, line: int, kind: str, amount: int, balance: int
) -> None:
    paid_in(his)
    database = app.extensions["qupiao"].services.database
    with database.read() as connection:
        voucher_id = connection.scalar(select(Voucher.id))
    row = {"voucher_id": voucher_id, "line": line, "kind": kind, "amount_fen": amount, "balance_fen": balance}
    row |= {"at": now(), "actor": "x", "bill_id": None, "document_id": voucher_id if kind == "refunded" else None}
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(VoucherMovement.__table__.insert(), row)


def test_personal_data_is_not_in_the_tables_in_clear(his: His, app: Flask) -> None:
    made = paid_in(his, accountNo="TEST6222000000000001", patientId="PID00008")
    his.call(REFUND, taking(made, 1))
    with app.extensions["qupiao"].services.database.read() as connection:
        for table in Bill.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                text = repr(tuple(row))
                for secret in ("谭例霞", "谭示明", "000000196506300084", "10000000008", "ZY000008", "TEST6222", "PID0"):
                    assert secret not in text and repr(secret.encode())[2:-1] not in text, table.name
        actions = set(connection.scalars(select(AuditEntry.action).where(AuditEntry.object_kind == "voucher")))
    assert actions == {"voucher.issued", "voucher.refunded"}


def test_a_vouchers_link_opens_like_a_bills(his: His, app: Flask) -> None:
    made = paid_in(his)
    his.call(REFUND, taking(made, 300))
    address = made["pictureUrl"].removeprefix(app.extensions["qupiao"].services.settings.base)
    client = app.test_client()
    page = valid(client.get(address).text)
    assert "预交金凭证" in page and "谭**" in page and "1000.00" in page and "部分使用" in page
    assert "谭例霞" not in page and "700.00" not in page and "内儿科病区" not in page

    def typed(name: str) -> tuple[int, str]:
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(address).text)
        assert token
        values = {"csrf_token": token[1], "name": name}
        answer = client.post(f"{address}/voucher", data=values, follow_redirects=True)
        return answer.status_code, valid(answer.text)

    status, page = typed("陈样英")
    assert status == 422 and "姓名与凭证上的患者不一致" in page and "700.00" not in page
    status, page = typed("谭例霞")
    assert status == 200 and "余额 700.00 元" in page and "-300.00" in page
    assert [typed("陈样英")[0] for _ in range(5)] == [422] * 4 + [429], "names are not guessed for long"
