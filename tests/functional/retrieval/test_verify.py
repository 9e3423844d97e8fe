"""查验 by whoever holds a bill: what each state says, one answer whichever element differs, limits, what is counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Table, func, insert, select, update

from portal.access.limits import Limits
from portal.core.clock import now
from portal.domain.errors import Refusal
from portal.domain.money import yuan
from portal.domain.numbers import BillNumber
from portal.domain.states.bills import BillState
from portal.issuing.bills import booking
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.models import Bill, Unit, Verification
from portal.retrieval import verification
from tests.support.alike import whole, without_tokens
from tests.support.console import Console
from tests.support.his import His
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import NAME, PERSONAL, first, identified
from tests.support.statements import statements
from tests.support.window import Window

BILL: Table = Bill.__table__  # type: ignore[assignment]
UNIT: Table = Unit.__table__  # type: ignore[assignment]
VERIFICATION: Table = Verification.__table__  # type: ignore[assignment]
PAGE = "/h/pgzx/verify"
NOT = "没有对上"


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A stranger's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


@pytest.fixture
def window(his: His) -> Window:
    """A HIS window with paper."""
    return Window(his)


def facts_of(app: Flask, bill: dict[str, str]) -> BillFacts:
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        unit_id = connection.scalar(select(UNIT.c.id).where(UNIT.c.code == "pgzx"))
        found = bills.by_number(connection, unit_id, bill["billBatchCode"], bill["billNo"])
    assert found is not None
    return found


def elements(bill: BillFacts) -> dict[str, str]:
    """As they stand on the face."""
    day = f"{(bill.issued_at + timedelta(hours=8)).date()}"
    return {
        "code": bill.code,
        "number": bill.number,
        "check": bill.check_code,
        "day": day,
        "amount": yuan(bill.total_fen),
    }


def ask(pages: Pages, typed: dict[str, str], status: int = 200) -> Fetched:
    page = pages.submit(pages.get(PAGE), typed, status)
    assert NAME not in page.text and "林" not in page.text
    return page


def put(app: Flask, bill: BillFacts, state: BillState) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).where(BILL.c.id == bill.bill_id).values(state=state.value))


def times(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(VERIFICATION)) or 0


def test_a_match_however_it_was_typed(pages: Pages, window: Window, app: Flask) -> None:
    bill = facts_of(app, window.issue("V1"))
    put(app, bill, BillState.SUPERVISED)
    typed = elements(bill)
    plain = ask(pages, typed)
    assert "对上了" in plain.text and ">有效<" in plain.text and "查验过 1 次" in plain.text
    assert "pjcy.mof.gov.cn" in plain.text
    year, month, day = typed["day"].split("-")
    spoken = {
        "code": f"{bill.code[:4]} {bill.code[4:]}",
        "number": " ".join(bill.number).translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        "check": f" {bill.check_code} ",
        "day": f"{year}年{int(month)}月{int(day)}日",
        "amount": "￥１２８.5元",
    }
    assert "对上了" in ask(pages, spoken).text
    assert "对上了" in ask(pages, typed | {"day": year + month + day}).text


State = Callable[[Flask, Window, dict[str, str]], tuple[BillFacts, tuple[str, ...]]]


def _in(state: BillState, *says: str) -> State:
    def made(app: Flask, _window: Window, bill: dict[str, str]) -> tuple[BillFacts, tuple[str, ...]]:
        found = facts_of(app, bill)
        put(app, found, state)
        return found, says

    return made


def _reversed(app: Flask, window: Window, bill: dict[str, str]) -> tuple[BillFacts, tuple[str, ...]]:
    red = window.red(bill).payload["eScarletBillNo"]
    return facts_of(app, bill), ("已作废", red)


def _red(app: Flask, window: Window, bill: dict[str, str]) -> tuple[BillFacts, tuple[str, ...]]:
    answer = window.red(bill).payload
    red = {"billBatchCode": answer["eScarletBillBatchCode"], "billNo": answer["eScarletBillNo"]}
    return facts_of(app, red), ("作废凭证", bill["billNo"])


def _on_paper(app: Flask, window: Window, bill: dict[str, str]) -> tuple[BillFacts, tuple[str, ...]]:
    number = window.next()
    assert window.turn(bill, number).ok
    return facts_of(app, bill), ("已打印成纸质", number)


def _booked(app: Flask, _window: Window, bill: dict[str, str]) -> tuple[BillFacts, tuple[str, ...]]:
    found = facts_of(app, bill)
    put(app, found, BillState.SUPERVISED)
    return found, _book(app, found, found.total_fen, ("单位已报销", "不能再报"))


def _part_booked(app: Flask, _window: Window, bill: dict[str, str]) -> tuple[BillFacts, tuple[str, ...]]:
    found = facts_of(app, bill)
    put(app, found, BillState.SUPERVISED)
    return found, _book(app, found, 1000, ("单位报销了一部分", "10.00", "这部分不能再报"))


def _book(app: Flask, bill: BillFacts, fen: int, told: tuple[str, ...]) -> tuple[str, ...]:
    pair = BillNumber(bill.code, int(bill.number))
    booking.change(app.extensions["qupiao"].services, bill.unit_id, pair, "阳江示例五金厂", fen, now())
    return told


STATES: dict[str, State] = {
    "issued": _in(BillState.ISSUED, "财政处理中"),
    "uploaded": _in(BillState.UPLOADED, "财政处理中"),
    "refused": _in(BillState.REFUSED, "医院处理中"),
    "reversed": _reversed,
    "red": _red,
    "on paper": _on_paper,
    "booked": _booked,
    "part-booked": _part_booked,
}


@pytest.mark.parametrize("case", STATES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_state_says_what_it_means(pages: Pages, window: Window, app: Flask, case: str) -> None:
    bill, says = STATES[case](app, window, window.issue("V1"))
    text = ask(pages, elements(bill)).text
    for word in ("对上了", *says):
        assert word in text.replace(" ", ""), word
        if re.fullmatch(r"\d{10}", word):
            assert f"{word[:2]} {word[2:6]} {word[6:]}" in text, "long numbers are read in groups"
    assert ">有效<" not in text and "五金厂" not in text


def without_typed(answer: bytes, typed: dict[str, str]) -> bytes:
    """What is left without the tokens and without the caller's own words, in the form and in its length."""
    echoed = sum(map(len, typed.values()))
    length = re.compile(rb"(?<=Content-Length: )\d+")
    answer = length.sub(lambda found: b"%d" % (int(found.group()) - echoed), answer)
    return re.sub(rb' value="[^"]*"', b"", without_tokens(answer))


def test_whichever_element_differs_the_answer_and_its_work_are_one(window: Window, app: Flask) -> None:
    """Invariant 7: not even whether there is such a bill; bills of another hospital are none of ours."""
    bill = facts_of(app, window.issue("V1"))
    right = elements(bill)
    with app.extensions["qupiao"].services.database.write() as connection:
        one = dict(connection.execute(select(UNIT)).mappings().one())
        connection.execute(insert(UNIT), one | {"id": one["id"] + 1, "code": "second"})
    day = (bill.issued_at + timedelta(hours=8)).date()
    wrong = {
        "code": right | {"code": "99060199"},
        "number": right | {"number": f"{int(bill.number) + 1:010d}"},
        "check": right | {"check": "zzzzzz"},
        "letters": right | {"check": bill.check_code.swapcase() if not bill.check_code.isdigit() else "AAAAAA"},
        "day": right | {"day": f"{day + timedelta(days=1)}"},
        "amount": right | {"amount": "128.51"},
        "sign": right | {"amount": "-128.50"},
        "all": {"code": "11111111", "number": "0000000001", "check": "aaaaaa", "day": "2020-01-01", "amount": "1"},
    }

    def asked(typed: dict[str, str], unit: str = "pgzx") -> tuple[bytes, tuple[str, ...]]:
        client = app.test_client()
        form = client.get(f"/h/{unit}/verify").get_data(as_text=True)
        token = re.search(r'name="csrf_token" value="([^"]+)"', form).group(1)  # type: ignore[union-attr]
        with statements(app) as questions:
            sent = client.post(f"/h/{unit}/verify", data=typed | {"csrf_token": token})
            answer = whole(client.get(sent.headers["Location"]))
        return without_tokens(whole(sent)) + without_typed(answer, typed), tuple(questions)

    asked(wrong["all"])  # what is remembered for some seconds is read once
    asked(wrong["all"], "second")
    seen = {name: asked(typed) for name, typed in wrong.items()}
    assert NOT.encode() in seen["all"][0] and seen["all"][1], "every answer must be seen to ask the database"
    for name, found in seen.items():
        assert found == seen["all"], name
    assert times(app) == 0
    elsewhere, questions = asked(right, "second")
    assert NOT.encode() in elsewhere and questions == seen["all"][1]
    assert "对上了".encode() in asked(right)[0], "the same elements do match"


BAD = {
    "nothing": ({}, ("请填写票据代码", "请填写票据号码", "请填写校验码", "请填写开票日期", "请填写金额", "有 5 项")),
    "code": ({"code": "9906"}, ("票据代码是 8 位", "有 1 项")),
    "number": ({"number": "12345678901"}, ("票据号码是 10 位", "有 1 项")),
    "check": ({"check": "abc12"}, ("校验码是 6 位", "有 1 项")),
    "no such day": ({"day": "2026-02-30"}, ("开票日期请写成", "有 1 项")),
    "far day": ({"day": "9999-12-31"}, ("开票日期请写成", "有 1 项")),
    "amount": ({"amount": "1.234"}, ("金额请写成", "有 1 项")),
    "huge amount": ({"amount": "9" * 30}, ("金额请写成", "有 1 项")),
    "script": ({"code": '"><script>alert(1)</script>', "amount": "\x00"}, ("票据代码是 8 位", "请填写金额", "有 2 项")),
}
GOOD = {"code": "99060126", "number": "0000000001", "check": "a1b2c3", "day": "2026-11-18", "amount": "128.50"}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bad_input_is_named_by_its_field(pages: Pages, app: Flask, case: str) -> None:
    typed, says = BAD[case]
    typed = GOOD | typed if typed else dict.fromkeys(GOOD, "")
    page = pages.submit(pages.get(PAGE), typed, 422)
    for words in says:
        assert words in page.text
    assert NOT not in page.text and "<script>alert" not in page.text
    assert 'value="2026-11-18"' in page.text or ("day" in typed and typed["day"] != "2026-11-18"), (
        "what was typed stays"
    )


def test_a_place_is_counted_once_an_hour_and_the_owner_is_told(pages: Pages, window: Window, app: Flask) -> None:
    bill = facts_of(app, window.issue("V1"))
    owner = Pages(app.test_client(), Rules(personal=PERSONAL))
    address = first(identified(owner, app), r"/bills/\d+")
    assert "查验过" not in owner.get(address).text, "nothing is said of what has not happened"
    for _ in range(2):
        assert "查验过 1 次" in ask(pages, elements(bill)).text
    pages.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    assert "查验过 2 次" in ask(pages, elements(bill)).text
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(VERIFICATION).values(at=now() - timedelta(minutes=61)))
    assert "查验过 3 次" in ask(pages, elements(bill)).text
    shown = owner.get(address).text
    assert '<li class="done">有人查验过</li>' in shown and "查验过 3 次，最近一次" in shown and "203.0.113" not in shown
    other = facts_of(app, window.issue("V2"))
    assert "查验过 1 次" in ask(pages, elements(other)).text
    with app.extensions["qupiao"].services.database.read() as connection:
        places = connection.scalars(select(VERIFICATION.c.place)).all()
    assert len(places) == 4 and len(set(places)) == 3, "a place is another one at another bill"


def test_the_console_lists_them_by_how_many_places_looked(pages: Pages, window: Window, app: Flask) -> None:
    once, often = (facts_of(app, window.issue(serial)) for serial in ("V1", "V2"))
    ask(pages, elements(once))
    for place in range(3):
        pages.client.environ_base["REMOTE_ADDR"] = f"203.0.113.{place}"
        ask(pages, elements(often))
    staff = Console(app, "keeper")
    listed = staff.get("/console/delivery/verifications").text
    assert listed.count("要素相符") == 4 and "203.0.113" not in listed
    many = staff.get("/console/delivery/verifications?places=3").text
    assert many.count("要素相符") == 3 and f"/{often.bill_id}" in many and f"/{once.bill_id}" not in many
    assert staff.get(f"/console/delivery/verifications?number={int(once.number)}").text.count("要素相符") == 1
    assert "没有符合条件" in staff.get("/console/delivery/verifications?number=x").text


def test_many_at_once_from_one_place_are_one(window: Window, app: Flask) -> None:
    bill = facts_of(app, window.issue("V1"))
    read, wrong = verification.read(elements(bill))
    assert read is not None and not wrong
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits

    def one(address: str) -> bool:
        return verification.verify(services, limits, bill.unit_id, read, address) is not None

    with ThreadPoolExecutor(5) as threads:
        assert all(threads.map(one, ["198.51.100.7"] * 5))
        assert times(app) == 1
        assert all(threads.map(one, [f"198.51.100.{last}" for last in range(10, 15)]))
    assert times(app) == 6, "the control: five places at once are five"


def test_guessing_meets_a_limit_by_bill_and_by_place(window: Window, app: Flask) -> None:
    """Ten at one bill from wherever, right ones refused as well, existing or not; sixty from one place."""
    bill = facts_of(app, window.issue("V1"))
    services, limits = app.extensions["qupiao"].services, Limits(app.extensions["qupiao"].services.database)
    read, _ = verification.read(elements(bill))
    assert read is not None

    def asked(element: verification.Elements, address: str) -> str:
        try:
            return "yes" if verification.verify(services, limits, bill.unit_id, element, address) else "no"
        except Refusal as refusal:
            return refusal.code

    for element in (read, replace(read, number=read.number + 7)):
        got = [asked(replace(element, check=f"{guess:06d}"), f"192.0.2.{guess}") for guess in range(11)]
        assert got == ["no"] * 10 + ["TRY_LATER"]
        assert asked(element, "192.0.2.99") == "TRY_LATER"
    got = [asked(replace(read, number=5000 + guess), "192.0.2.200") for guess in range(61)]
    assert got == ["no"] * 60 + ["TRY_LATER"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_too_often_is_a_whole_page(pages: Pages) -> None:
    for _ in range(10):
        assert NOT in ask(pages, GOOD).text
    assert re.search(r"请\d+分钟后再试", ask(pages, GOOD, 429).text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_ways_to_it(pages: Pages, window: Window, app: Flask) -> None:
    window.issue("V1")
    assert PAGE in pages.get("/h/pgzx").text
    listed = identified(pages, app)
    assert f'href="{PAGE}"' in pages.get(f"{first(listed, r'/bills/[0-9]+')}/elsewhere").text
    pages.get("/h/nowhere/verify", 404)
