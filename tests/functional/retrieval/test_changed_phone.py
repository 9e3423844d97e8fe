"""Who registers with another's number and name and a phone of their own does not get that person's bills."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import AUDIT_ENTRY, BILL, PATIENT_PASS
from portal.retrieval import family
from portal.retrieval.proof import changed_phone, phones, sessions
from portal.retrieval.proof.changed_phone import CONFIRMED
from portal.retrieval.proof.spellings import claim_of
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import (
    MOTHER,
    MOTHER_NUMBER,
    MOTHER_PHONE,
    NAME,
    NUMBER,
    PERSONAL,
    PHONE,
    first,
    person,
    token_of,
)
from tests.support.text_messages import Inbox, deliver
from tests.support.vouchers import paid_in

THEIRS, CARD = "10000000077", "9900000001"
WITH_CARD = {"idCardNo": NUMBER, "cardType": "3101", "cardNo": CARD}
CLERK = Actor("staff:test", "测试", 1)


def issue(his: His, serial: str, **changes: Any) -> None:
    answer = his.call("invoiceEBillOutpatient", outpatient(serial, **changes))
    assert answer.ok, answer.message


def history(his: His) -> None:
    """Two bills of the person with their own phone, a deposit, then one that somebody registers with another phone."""
    issue(his, "OLD1", **WITH_CARD)
    issue(his, "OLD2", **WITH_CARD)
    paid_in(his, payer=NAME, idCardNo=NUMBER, tel=PHONE, cardNo=CARD)
    issue(his, "NEW1", tel=THEIRS)


def cards(page: Fetched) -> int:
    return len(re.findall(r'href="/h/pgzx/(?:bills|vouchers)/\d+"', page.text))


def ids(app: Flask, *serials: str) -> list[int]:
    with app.extensions["qupiao"].services.database.read() as connection:
        return [connection.scalars(select(BILL.c.id).where(BILL.c.serial == one)).one() for one in serials]


def told(app: Flask) -> list[tuple[str, dict[str, str]]]:
    """What the older phone gets."""
    return [(phone, params) for phone, template, params in Inbox().work(app).sent if template == "phone"]


@pytest.fixture
def pages(app: Flask) -> Pages:
    """The browser of whoever has the new phone."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def test_a_new_phone_opens_only_what_came_with_it(pages: Pages, app: Flask, his: His) -> None:
    history(his)
    listed = person(pages, app)
    assert cards(listed) == 1 and "最近才登记" in listed.text and "收费窗口" in listed.text
    issue(his, "NEW2", tel=THEIRS)
    issue(his, "NEW3", tel="")
    issue(his, "OTHER", tel=PHONE)
    again = pages.get("/h/pgzx/bills")
    assert cards(again) == 3, "what is issued from then on, but for what has another phone"
    hidden, shown = ids(app, "OLD1", "OTHER"), ids(app, "NEW1", "NEW2", "NEW3")
    for bill in hidden:
        for page in ("", "/details", "/bill.pdf", "/face.png", "/einvoice.xml", "/mail", "/revoke"):
            pages.get(f"/h/pgzx/bills/{bill}{page}", 404)
    for bill in shown:
        pages.get(f"/h/pgzx/bills/{bill}")
    stranger = pages.get("/h/pgzx/bills/1", 404)
    same = [
        re.sub(r'nonce="[^"]*"|value="[^"]*"|/bills/\d+', "", one.text)
        for one in (pages.get(f"/h/pgzx/bills/{hidden[0]}", 404), stranger)
    ]
    assert same[0] == same[1], "not yours and not there look the same"


def test_the_first_phone_and_an_only_one_open_everything(pages: Pages, app: Flask, his: His) -> None:
    issue(his, "A", tel="")
    issue(his, "B")
    listed = person(pages, app)
    assert cards(listed) == 2 and "最近才登记" not in listed.text
    assert told(app) == []


def test_the_older_phone_is_told_once_and_confirms(pages: Pages, app: Flask, his: His) -> None:
    history(his)
    person(pages, app)
    [(phone, params)] = told(app)
    assert phone == PHONE and params["phone"] == "100****0077" and params["hospital"]
    person(Pages(app.test_client()), app)
    assert told(app) == [], "once"
    older = Pages(app.test_client())
    page = older.get(f"/p/{params['token']}")
    assert "100****0077" in page.text and NAME not in page.text
    assert cards(pages.get("/h/pgzx/bills")) == 1, "looking decides nothing"
    assert "已确认" in older.submit(page, {"mine": "1"}).text
    assert cards(pages.get("/h/pgzx/bills")) == 4, "at once, without another code"


def test_the_older_phone_refuses_and_codes_go_to_it_again(pages: Pages, app: Flask, his: His) -> None:
    history(his)
    person(pages, app)
    [(_, params)] = told(app)
    older = Pages(app.test_client())
    assert "不会再收到验证码" in older.submit(older.get(f"/p/{params['token']}"), {"mine": "0"}).text
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        assert phones.phone_of(services, connection, 1, claim_of(services, NUMBER, NAME)) == PHONE
    own = Pages(app.test_client())
    assert cards(person(own, app)) == 4
    pages.get("/h/pgzx/bills", 401)
    assert "已确认" in older.submit(older.get(f"/p/{params['token']}"), {"mine": "1"}).text, "a wrong press is mended"
    assert cards(pages.get("/h/pgzx/bills")) == 4


def test_a_card_of_before_confirms_and_others_do_not(pages: Pages, app: Flask, his: His) -> None:
    history(his)
    issue(his, "NEW2", **WITH_CARD | {"tel": THEIRS, "cardNo": "8800000009"})
    listed = person(pages, app)
    for wrong in (NUMBER, "8800000009", PHONE, "9900000008", ""):
        refused = pages.submit(listed, {"card": wrong}, 422, action="/phone")
        assert "没有对上" in refused.text, wrong
        assert cards(refused) == 2
    pages._arrive(
        pages.client.post("/h/pgzx/phone", data={"card": CARD, "csrf_token": token_of(listed)}), "/h/pgzx/phone", 429
    )


def test_the_right_card_opens_everything(pages: Pages, app: Flask, his: His) -> None:
    history(his)
    confirmed = pages.submit(person(pages, app), {"card": CARD[:4] + " " + CARD[4:]}, action="/phone")
    assert cards(confirmed) == 4 and "最近才登记" not in confirmed.text
    issue(his, "AFTER", tel=THEIRS)
    assert cards(person(Pages(app.test_client()), app)) == 5, "the next time, too"
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        by_card = claim_of(services, CARD, NAME)
        assert phones.phone_of(services, connection, 1, claim_of(services, NUMBER, NAME), confirmed=True) == THEIRS
        assert changed_phone.since(services, connection, 1, by_card) == ""
        actions = set(connection.scalars(select(AUDIT_ENTRY.c.action).where(AUDIT_ENTRY.c.action.startswith("phone."))))
    assert actions == {"phone.changed", "phone.confirmed"}


def test_the_window_confirms_after_seeing_a_document(pages: Pages, app: Flask, his: His) -> None:
    history(his)
    person(pages, app)
    [new, old] = ids(app, "NEW1", "OLD1")
    desk = Console(app)
    desk.sign_in("cashier")
    shown = desk.get(f"/console/billing/bills/{new}")
    assert "手机号与更早的票据不同" in shown.text
    assert "手机号与更早的票据不同" not in desk.get(f"/console/billing/bills/{old}").text
    form = desk.get(first(Fetched("", 200, {}, shown.text.encode()), r"/bills/\d+/phone"))
    assert "才登记" in form.text
    unneeded = desk.get(f"/console/delivery/bills/{old}/phone", 303)
    assert unneeded.location == f"/console/billing/bills/{old}"
    services = app.extensions["qupiao"].services
    for bill, document, code in ((new, " ", "ENTRY_INVALID"), (old, "身份证", "BILL_NOT_FOUND")):
        with pytest.raises(Refusal) as refused:
            changed_phone.confirm_at_desk(services, CLERK, bill, document)
        assert refused.value.code == code
    changed_phone.confirm_at_desk(services, CLERK, new, "本人到场和身份证")
    assert cards(pages.get("/h/pgzx/bills")) == 4
    with services.database.read() as connection:
        found = changed_phone.of_bill(services, connection, 1, new)
    assert found is not None and found.state == CONFIRMED


def test_a_new_phone_gives_no_consent_binds_no_account_and_shows_a_window_no_more(
    pages: Pages, app: Flask, his: His
) -> None:
    history(his)
    page = person(pages, app)
    held = app.extensions["qupiao"]
    services = held.services
    with services.database.read() as connection:
        session = sessions.read(services, connection, pages.client.get_cookie("qp_session").value)
        assert phones.phone_of(services, connection, 1, claim_of(services, NUMBER, NAME), confirmed=True) == PHONE
    with pytest.raises(Refusal) as refused:
        family.ask_consent(services, held.limits, session, MOTHER_NUMBER, MOTHER, "父母")
    assert refused.value.code == "PHONE_CHANGED"
    with pytest.raises(Refusal) as refused:
        family.add_child(services, held.limits, session, MOTHER_NUMBER, MOTHER)
    assert refused.value.code == "PHONE_CHANGED"
    pages.submit(page, {}, action="/window")
    with services.database.read() as connection:
        [row] = connection.execute(select(PATIENT_PASS.c.digest, PATIENT_PASS.c.claim)).all()
    claim = json.loads(services.cipher.decrypt("patient_pass.claim", row.digest.hex(), row.claim))
    assert (claim["number"], claim["bills"]) == ("", ids(app, "NEW1")), (
        "the clerk's scanner finds no more than the page"
    )


def test_consent_comes_from_a_known_phone_alone(app: Flask, his: His) -> None:
    """The relative asks; the code that opens a whole person goes to the phone that the person had before."""
    history(his)
    issue(his, "MOTHER", payer=MOTHER, cardNo=MOTHER_NUMBER, tel=MOTHER_PHONE)
    mother = Pages(app.test_client(), Rules(personal=PERSONAL))
    person(mother, app, MOTHER_NUMBER, MOTHER)
    typed = {"number": NUMBER, "name": NAME, "relation": "配偶"}
    mother.submit(mother.get("/h/pgzx/family"), typed, action="/proxy")
    [(phone, template, _)] = deliver(app).sent
    assert (phone, template) == (PHONE, "consent")
