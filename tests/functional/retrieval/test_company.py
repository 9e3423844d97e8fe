"""单位账户: which bills a company sees, how it signs in, what ends it."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select, update

from portal.core.clock import business_day, now
from portal.demo.hospital import COMPANY_PHONE
from portal.demo.settlements import EMPLOYER
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import AUDIT_ENTRY, COMPANY_ACCOUNT
from portal.retrieval import company
from portal.retrieval.company import Terms
from portal.retrieval.proof.sessions import Claim
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import visitor
from tests.support.text_messages import deliver
from tests.support.window import Window

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NAME, CODE = EMPLOYER
OTHER = ("演示糖厂", "TEST0000000000003X")
DESK = Actor("staff:desk", "收费员甲", 1)
LIST = "/h/pgzx/company/bills"
PERSON = {"payer": "林演安", "idCardNo": "000000195203150010", "tel": ""}


def settled(his: His, serial: str, name: str = NAME, code: str = CODE, **changes: Any) -> dict[str, Any]:
    """A bill for a company."""
    company = {"payerType": "2", "payer": name, "cardNo": "-", "cardType": "999999", "sex": "未知", "idCardNo": code}
    company |= {"busType": "05", "placeCode": "05", "tel": ""}
    answer = his.call("invEBillCheckUp", outpatient(serial, **company | changes))
    assert answer.ok, answer.message
    return answer.payload


@pytest.fixture
def pages(app: Flask) -> Pages:
    """An accountant's browser; no address may hold the phone."""
    return Pages(app.test_client(), Rules(personal=(COMPANY_PHONE, "10000009002", CODE)))


def signed_in(pages: Pages, app: Flask, phone: str = COMPANY_PHONE) -> Fetched:
    """From the entry to the list, with the code that went to the phone."""
    page = pages.submit(pages.get("/h/pgzx/company"), {"phone": phone}, action="/company")
    [(told, template, params)] = deliver(app).sent
    assert (told, template) == (phone, "code")
    return pages.submit(page, {"code": params["code"]}, action="/code")


def terms(phone: str = "10000009002", **more: Any) -> Terms:
    return Terms(**{"contact": "赵某", "phone": phone, "until": business_day(now()), "document": "介绍信"} | more)


def numbers(page: Fetched) -> set[str]:
    """The bills of a list by the ids of their files."""
    return set(re.findall(r"/bills/(\d+)/bill\.pdf", page.text))


def actions(app: Flask) -> list[tuple[str, str]]:
    with app.extensions["qupiao"].services.database.read() as connection:
        rows = connection.execute(select(AUDIT_ENTRY.c.action, AUDIT_ENTRY.c.actor).order_by(AUDIT_ENTRY.c.id)).all()
    return [(row.action, row.actor) for row in rows if row.action.startswith("company.")]


def account_id(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return connection.scalar(select(COMPANY_ACCOUNT.c.id)) or 0


def test_a_company_sees_what_all_three_signs_say_is_its_own(pages: Pages, his: His, app: Flask) -> None:
    """Kind of payer, credit code, name: a bill that lacks one is somebody else's, an employee's among them."""
    settled(his, "C1")
    settled(his, "C2", NAME.replace("厂", " 厂"))
    settled(his, "C3", *OTHER)
    settled(his, "C4", "林演安")  # an employee's bill with the employer's code, its payer marked as a unit
    settled(his, "C5", "林演安", PERSON["idCardNo"])  # a person whom the HIS marks as a unit
    settled(his, "C6", payerType="1")
    settled(his, "C7", cardNo=CODE, idCardNo="TEST0000000000009X")
    assert his.call("invoiceEBillOutpatient", outpatient("C8")).ok
    page = signed_in(pages, app)
    assert NAME in page.text and "林" not in page.text and OTHER[0] not in page.text
    assert len(numbers(page)) == 3, "C7 carries the code as its card"
    assert "共 <b>3</b> 张，有效 <b>3</b> 张，合计 <b>385.50</b> 元" in page.text


@SQLITE
def test_red_and_reversed_bills_are_shown_and_do_not_count(pages: Pages, his: His, app: Flask) -> None:
    window = Window(his)
    window.red(settled(his, "C1"))
    settled(his, "C2")
    page = signed_in(pages, app)
    assert "共 <b>3</b> 张，有效 <b>1</b> 张，合计 <b>128.50</b> 元" in page.text
    assert "作废凭证" in page.text and "已作废" in page.text and page.text.count('name="bill"') == 1


def test_days_pages_and_files(pages: Pages, his: His, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The range of days bounds list and sum; one PDF, a package, a ZIP; each download is in the log."""
    for serial in ("C1", "C2", "C3"):
        settled(his, serial)
    settled(his, "C4", busDateTime=f"{business_day(now()) - timedelta(days=400):%Y%m%d}090000000")
    page = signed_in(pages, app)
    assert len(numbers(page)) == 3
    assert len(numbers(pages.get(f"{LIST}?first=2020-01-01"))) == 4
    assert "没有开给单位的票据" in pages.get(f"{LIST}?first=2019-01-01&last=2019-12-31").text
    assert "2026-11-18 的样子" in pages.get(f"{LIST}?first=gestern", 422).text
    assert "之前" in pages.get(f"{LIST}?first=2026-02-01&last=2026-01-01", 422).text
    assert "没有开给" in pages.get(f"{LIST}?page=999999").text
    assert numbers(pages.get(f"{LIST}?page=99999999999999999999")) == numbers(page), "no number of a page at all"
    one = next(iter(numbers(page)))
    pdf = pages.get(f"{LIST}/{one}/bill.pdf")
    assert NAME in PdfReader(io.BytesIO(pdf.body)).pages[0].extract_text()
    bundle = pages.submit(page, {"form": "pdf", "bill": [one]}, action=f"last={business_day(now())}")
    assert len(PdfReader(io.BytesIO(bundle.body)).pages) == 2
    packed = pages.submit(page, {"form": "zip", "bill": sorted(numbers(page))}, action=f"last={business_day(now())}")
    names = zipfile.ZipFile(io.BytesIO(packed.body)).namelist()
    assert len(names) == 7 and names[0] == "00-cover.pdf"
    assert (
        "至少勾选一张"
        in pages.submit(page, {"form": "pdf", "bill": []}, 422, action=f"last={business_day(now())}").text
    )
    by = f"company:{account_id(app)}"
    assert actions(app)[-6:] == [("company.signed_in", by)] + [("company.downloaded", by)] * 5
    monkeypatch.setattr(
        company, "_PAGE", company._CHOSEN.where(company._DAYS).limit(2).offset(company.bindparam("skip"))
    )
    monkeypatch.setattr(company, "PAGE", 2)
    assert "第 2 页，共 2 页" in pages.get(f"{LIST}?page=2").text and "下一页" in pages.get(LIST).text


@SQLITE
def test_nobody_else_gets_a_company_bill(his: His, app: Flask) -> None:
    """Another company, a patient, nobody: as if the bill were not there; and a company opens no patient's page."""
    settled(his, "C1")
    assert his.call("invoiceEBillOutpatient", outpatient("C2")).ok
    services = app.extensions["qupiao"].services
    company.open_account(services, DESK, *OTHER, terms())
    digest = services.index.digest
    with services.database.read() as connection:
        bill = connection.scalar(select(company.BILL.c.id).where(company.BILL.c.serial == "C1"))
        mine = connection.scalar(select(company.BILL.c.id).where(company.BILL.c.serial == "C2"))
    other = visitor(app, Claim(company=digest("phone", "10000009002").hex()), 0)
    own = visitor(app, Claim(company=digest("phone", COMPANY_PHONE).hex()), 0)
    patient = visitor(app, Claim(digest("number", CODE).hex(), digest("name", NAME).hex()), 2)
    typed = visitor(app, Claim(digest("phone", COMPANY_PHONE).hex()), 0)
    paths = (f"{LIST}/{bill}/bill.pdf", f"{LIST}/12345/bill.pdf")
    assert [other.get(path).status_code for path in paths] == [404, 404]
    assert [patient.get(path).status_code for path in (*paths, LIST)] == [401, 401, 401]
    assert [typed.get(path).status_code for path in (*paths, LIST)] == [401, 401, 401]
    assert app.test_client().get(paths[0]).status_code == 401
    assert own.get(paths[0]).status_code == 200, "the control"
    assert other.get(LIST).status_code == 200
    account = account_id(app)
    assert NAME not in other.get(f"{LIST}?company={account}").text
    for path in ("", f"/{bill}", f"/{mine}", f"/{mine}/bill.pdf"):
        assert own.get(f"/h/pgzx/bills{path}").status_code == 401
    for path in ("family", "bundle", "years/2026"):
        assert own.get(f"/h/pgzx/{path}").status_code == 401
    form = own.get("/h/pgzx/company").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form).group(1)  # type: ignore[union-attr]
    form = {"csrf_token": _token(other), "bill": [str(bill), str(mine)], "form": "zip"}
    taken = other.post(LIST, data=form, follow_redirects=True)
    assert taken.status_code == 422
    taken = own.post(LIST, data={"csrf_token": token, "bill": [str(bill), str(mine)], "form": "zip"})
    assert len(zipfile.ZipFile(io.BytesIO(taken.data)).namelist()) == 3, "the patient's bill is not in it"


def _token(client: Any) -> str:
    form = client.get("/h/pgzx/company").text
    return re.search(r'name="csrf_token" value="([^"]+)"', form).group(1)  # type: ignore[union-attr,no-any-return]


@SQLITE
@pytest.mark.parametrize("way", ["revoked", "over", "phone"])
def test_an_account_that_ended_opens_nothing(pages: Pages, his: His, app: Flask, way: str) -> None:
    """Revoked, out of date, or the phone changed: at the next page, and for the next log-in."""
    settled(his, "C1")
    services, account = app.extensions["qupiao"].services, account_id(app)
    page = signed_in(pages, app)
    file = f"{LIST}/{next(iter(numbers(page)))}/bill.pdf"
    if way == "revoked":
        company.revoke(services, DESK, account)
    elif way == "phone":
        company.change(services, DESK, account, terms())
    else:
        with services.database.write() as connection:
            connection.execute(update(COMPANY_ACCOUNT).values(valid_until=now() - timedelta(minutes=1)))
    assert "账户已到期、已撤销，或经办人手机已更换" in pages.get(LIST, 403).text
    assert pages.get(file, 404).status == 404
    again = pages.submit(pages.get("/h/pgzx/company"), {"phone": COMPANY_PHONE}, action="/company")
    assert deliver(app).sent == [], "no code goes out"
    assert "验证码不对，还可以试 4 次" in pages.submit(again, {"code": "000000"}, action="/code").text
    if way == "phone":
        assert len(numbers(signed_in(pages, app, "10000009002"))) == 1
        with services.database.read() as connection:
            details = connection.scalars(
                select(AUDIT_ENTRY.c.details).where(AUDIT_ENTRY.c.action == "company.changed")
            ).all()
        assert [one["phone_changed"] for one in details] == [True] and "1000000" not in str(details)


@SQLITE
def test_an_unknown_phone_sees_the_same_pages(pages: Pages, app: Flask) -> None:
    """Whether a company has an account is told to nobody; five tries a phone, then a pause."""
    shown = []
    for phone in (COMPANY_PHONE, "10000009999"):
        page = pages.submit(pages.get("/h/pgzx/company"), {"phone": phone}, action="/company")
        wrong = pages.submit(page, {"code": "000000"}, action="/code")
        shown.append([re.sub(r'value="[^"]*"|nonce="[^"]*"|wait="[^"]*"', "", one.text) for one in (page, wrong)])
    assert shown[0] == shown[1]
    assert "11 位" in pages.submit(pages.get("/h/pgzx/company"), {"phone": "123"}, 422, action="/company").text
    for status in (200, 200, 200, 200, 429):
        other = Pages(app.test_client())
        other.submit(other.get("/h/pgzx/company"), {"phone": COMPANY_PHONE}, status, action="/company")


@SQLITE
def test_a_code_is_worn_out_and_is_for_its_purpose_only(pages: Pages, app: Flask) -> None:
    page = pages.submit(pages.get("/h/pgzx/company"), {"phone": COMPANY_PHONE}, action="/company")
    [(_, _, params)] = deliver(app).sent
    code = pages.get("/h/pgzx/code")
    assert "验证码" in pages.submit(code, {"code": params["code"]}, action="/code").text, "a patient's page"
    wrong = f"{(int(params['code']) + 1) % 1_000_000:06d}"
    for _ in range(5):
        pages.submit(page, {"code": wrong}, action="/company/code")
    assert "已作废" in pages.submit(page, {"code": params["code"]}, action="/company/code").text


@SQLITE
def test_one_contact_of_two_companies_chooses(pages: Pages, his: His, app: Flask) -> None:
    settled(his, "C1")
    settled(his, "C2", *OTHER)
    company.open_account(app.extensions["qupiao"].services, DESK, *OTHER, terms(COMPANY_PHONE))
    page = signed_in(pages, app)
    assert OTHER[0] in page.text and len(numbers(page)) == 1
    second = re.search(r'href="([^"]+\?company=\d+)">演示糖厂', page.text).group(1)  # type: ignore[union-attr]
    assert numbers(pages.get(second)).isdisjoint(numbers(page))


WRONG = {
    "code": ("信用代码", {"code": "123"}),
    "a person": ("个人的票据请本人查询", {"code": PERSON["idCardNo"]}),
    "phone": ("11 位", {"phone": "12"}),
    "past": ("有效期", {"until": "2020-01-01"}),
    "too long": ("最长三年", {"until": f"{business_day(now()) + timedelta(days=1200)}"}),
    "known": ("已经开通过", {"phone": COMPANY_PHONE}),
}


@SQLITE
@pytest.mark.parametrize("case", WRONG)
def test_what_the_desk_types_wrong(app: Flask, case: str) -> None:
    says, typed = WRONG[case]
    values = {"name": NAME, "code": CODE, "contact": "赵某", "phone": "10000009002", "document": "介绍信"}
    answer = Console(app, "cashier").send("/console/delivery/companies/new", "开通", **values | typed)
    assert answer.status_code == 422 and says in answer.text and "1200" not in answer.text


@SQLITE
def test_the_desk_opens_changes_and_ends_an_account(his: His, app: Flask) -> None:
    """Contacts are masked; the desk hears how many bills it opens, and how many bear another name."""
    settled(his, "C1", *OTHER)
    settled(his, "C2", "演示糖厂（分厂）", OTHER[1])
    desk = Console(app, "cashier")
    values = {"name": OTHER[0], "code": OTHER[1].lower(), "contact": "孙演示", "phone": "10000009002"}
    made = desk.send("/console/delivery/companies/new", "开通", document="介绍信", **values)
    listed = desk.follow(made)
    assert "现在有 1 张票据可取" in listed and "另有 1 张" in listed
    assert OTHER[0] in listed and "孙**" in listed and "孙演示" not in listed and "100****9002" in listed
    change = re.search(r'href="([^"]+/change)"', listed).group(1)  # type: ignore[union-attr]
    page = desk.get(change).text
    assert "孙**" in page and "孙演示" not in page and "10000009002" not in page
    changed = desk.send(change, "保存", contact="吴演示", phone="10000009003", document="介绍信")
    assert "100****9003" in desk.follow(changed)
    longer = desk.send(change, "保存", until=f"{business_day(now()) + timedelta(days=700)}", document="续期申请")
    assert "100****9003" in desk.follow(longer) and f"{business_day(now()).year + 1}-" in desk.follow(longer)
    taken = desk.send(change, "保存", contact="吴演示", phone="1", document="介绍信")
    assert taken.status_code == 422 and "11 位" in taken.text
    listed = desk.follow(desk.send(change.replace("change", "end"), "撤销"))
    assert "已撤销" in listed
    desk.get(change, 404)
    assert [action for action, _ in actions(app)][-3:] == ["company.changed", "company.changed", "company.revoked"]
    assert OTHER[0] in desk.get("/console/delivery/companies?state=revoked").text
    assert OTHER[0] not in desk.get("/console/delivery/companies?state=open").text
    assert NAME in desk.get(f"/console/delivery/companies?code={CODE}").text


def test_two_accounts_of_one_phone_and_company_cannot_arise_by_a_change(app: Flask) -> None:
    services = app.extensions["qupiao"].services
    second = company.open_account(services, DESK, NAME, CODE, terms())
    with pytest.raises(Refusal, match="已经开通过"):
        company.change(services, DESK, second, terms(COMPANY_PHONE))
    company.revoke(services, DESK, second)
    company.open_account(services, DESK, NAME, CODE, terms())
