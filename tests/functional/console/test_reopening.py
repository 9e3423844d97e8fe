"""冲红并重开: the reversed bill as a new draft, refunded lines struck out; who replaces whom is stated."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.access import parameters
from portal.domain.actor import Actor
from portal.models.tables import BILL, BILL_ITEM, BILL_REPLACEMENT, PARTY_KEY
from tests.support.console import Console, approve, at_window
from tests.support.desk import DESK, GOOD, issue, press, start
from tests.support.his import His, outpatient

NAME, ID = "林演安", "000000195203150010"
BILLS = "/console/billing/bills"


def ids(app: Flask, *conditions: Any) -> list[int]:
    """Row ids of the bills for which these conditions hold, in the order of their issue."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.scalars(select(BILL.c.id).where(*conditions).order_by(BILL.c.issued_at, BILL.c.id)))


def replacements(app: Flask) -> list[tuple[int, int]]:
    """Pairs of new and replaced bill."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return [tuple(row) for row in connection.execute(select(BILL_REPLACEMENT))]  # type: ignore[misc]


def reverse_and_reopen(person: Console, bill_id: int) -> str:
    """Reverse the bill by the second button of the dialog; the address of the page that chooses the lines."""
    form = person.form(f"{BILLS}/{bill_id}/reverse", "冲红并重开")
    values = form.values | {"kind": "refund", "reopen": "1"}
    answer = person.client.post(f"{BILLS}/{bill_id}/reverse", data=values)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def draft_of(person: Console, page: str, *struck: int) -> str:
    """Choose the lines that were refunded; the address of the draft."""
    answer = person.send(page, "生成新票草稿", struck=[str(place) for place in struck])
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def test_a_pushed_bill_is_reopened_without_the_refunded_line(app: Flask, his: His) -> None:
    lines = [
        {"chargeCode": "0101", "chargeName": "诊查费", "amt": 20},
        {"chargeCode": "0201", "chargeName": "西药费", "amt": 108.5},
    ]
    assert his.call("invoiceEBillOutpatient", outpatient("S1", chargeDetail=lines)).ok
    [old] = ids(app)
    person = at_window(app)
    page = reverse_and_reopen(person, old)
    assert page == f"{BILLS}/{old}/reopen"
    assert "已退费的项目" in person.get(page).text and "108.50 元" in person.get(page).text
    draft = draft_of(person, page, 1)
    shown = person.get(draft).text
    assert f'value="{NAME}"' in shown and 'value="20.00"' in shown and "108.50" not in shown
    assert "这张新票替代已冲红的" in shown and "重开" in shown
    paid = {"fund": "", "account": "", "payments.0.channel": "wechat", "payments.0.amount": "20"}
    paid |= {f"payments.{row}.{name}": "" for row in (1, 2) for name in ("channel", "amount")}
    answer = press(person, draft, "preview", checker="复核员乙", **paid)
    assert answer.location == f"{draft}/preview", person.follow(answer)
    assert "这张新票替代已冲红的" in person.get(f"{draft}/preview").text
    assert issue(person, draft).status_code == 303
    [new] = ids(app, BILL.c.red_of_id.is_(None), BILL.c.id != old)
    assert replacements(app) == [(new, old)]
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalars(select(BILL_ITEM.c.amount_fen).where(BILL_ITEM.c.bill_id == new)).all() == [2000]
        keys = [
            set(connection.scalars(select(PARTY_KEY.c.digest).where(PARTY_KEY.c.bill_id == bill)))
            for bill in (old, new)
        ]
    assert keys[0] <= keys[1], "whatever finds the old bill finds the new one"
    [red] = ids(app, BILL.c.red_of_id == old)
    for bill in (old, red, new):
        page = person.get(f"{BILLS}/{bill}").text
        chain = page.partition('<ol class="chain"')[2].partition("</ol>")[0]
        assert re.findall("<small>(.+?)</small>", chain) == ["旧票（已冲红）", "红票", "新票"]
        others = [f"{BILLS}/{one}" for one in (old, red, new) if one != bill]
        assert re.findall('href="(.+?)"', chain) == others and ">重开</a>" not in page


def test_a_typed_bill_comes_back_as_it_was_typed(app: Flask) -> None:
    person = at_window(app)
    first = start(person)
    typed = GOOD | {"department": "急诊科", "serial": "SFD-1", "lines.1.code": "Y0001", "lines.1.quantity": "2"}
    press(person, first, "preview", **typed)
    issue(person, first)
    [old] = ids(app)
    draft = draft_of(person, reverse_and_reopen(person, old), 0)
    values = next(form.values for form in person.forms(person.get(draft).text) if "keep" in form.values)
    assert (values["department"], values["payer_name"], values["id_no"]) == ("急诊科", NAME, ID)
    assert (values["lines.0.code"], values["lines.1.code"]) == ("Y0001", "")
    assert (values["serial"], values["payments.0.channel"], values["point_code"]) == ("", "wechat", "01")
    answer = press(person, draft, "preview", remark="改一次")
    assert answer.location == f"{draft}/preview"
    assert issue(person, draft).status_code == 303
    [new] = ids(app, BILL.c.red_of_id.is_(None), BILL.c.id != old)
    assert replacements(app) == [(new, old)], "also after the form was saved again"


def test_reopening_again_leads_to_the_same_draft(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    [old] = ids(app)
    person = at_window(app)
    page = reverse_and_reopen(person, old)
    assert draft_of(person, page) == draft_of(person, page)
    assert person.get(DESK).text.count("继续填写") == 1


def test_a_wrong_name_is_mended_and_still_stated(app: Flask, his: His) -> None:
    """The number is the same; a draft that was turned into somebody else's bill states nothing."""
    person = at_window(app)
    for serial, changes in (("S1", {"payer": "林演安之女"}), ("S2", {})):
        assert his.call("invoiceEBillOutpatient", outpatient(serial)).ok
        [old] = ids(app, BILL.c.serial == serial)
        draft = draft_of(person, reverse_and_reopen(person, old))
        other = {"payer_name": "陈样英", "id_no": "000000194809060023", "phone": "", "patient_no": "", "id_type": ""}
        new_payer = {"payer_name": changes["payer"]} if changes else other | {"insurance_no": ""}
        press(person, draft, "preview", checker="复核员乙", **new_payer)
        assert issue(person, draft).status_code == 303
    stated = replacements(app)
    assert [old for _, old in stated] == ids(app, BILL.c.serial == "S1")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_may_not_be_reopened_says_why(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    [old] = ids(app)
    person = at_window(app)
    assert "现在是" in person.get(f"{BILLS}/{old}/reopen", 409).text
    assert ">重开</a>" not in person.get(f"{BILLS}/{old}").text
    page = reverse_and_reopen(person, old)
    count = len(re.findall('name="struck"', person.get(page).text))
    answer = person.send(page, "生成新票草稿", struck=[str(place) for place in range(count)])
    assert answer.status_code == 422 and "没有要重开的项目" in answer.text
    assert "没有草稿" in person.get(DESK).text
    assert Console(app, "keeper").get(page, 403)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_large_reversal_is_reopened_after_the_approval(app: Flask, his: His) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "reversal.large-fen", "100.00", Actor("staff:test", "", 1))
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    [old] = ids(app)
    person = at_window(app)
    assert "冲红并重开" not in person.get(f"{BILLS}/{old}/reverse").text.split("<form")[-1]
    assert "“重开”" in person.follow(person.send(f"{BILLS}/{old}/reverse", "提交复核", kind="refund"))
    approve(Console(app, "supervisor"), "冲红")
    assert f'href="{BILLS}/{old}/reopen"' in person.get(f"{BILLS}/{old}").text
