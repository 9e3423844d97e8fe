"""转给单位会计: a link shows face and verification for 30 days and ends when its person says so; help for after."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select, update

from portal.core.clock import now
from portal.models.tables import AUDIT_ENTRY, PATIENT_PASS
from portal.retrieval.proof import sharing
from tests.support.his import His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import NAME, NUMBER, PERSONAL, first, identified, token_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADDRESS = re.compile(r"https?://[^/<]+(/t/[\w-]{32})<")


@pytest.fixture
def pages(app: Flask, his: His) -> Pages:
    """Somebody who has opened their bill by a slip."""
    answer = his.call("invoiceEBillOutpatient", outpatient("SH1")).payload
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    found = Pages(app.test_client(), Rules(personal=PERSONAL))
    found.submit(found.get(link), {"name": NAME}, action=link)
    return found


def share_page(pages: Pages) -> Fetched:
    return pages.get(first(pages.get(first(pages.get("/h/pgzx/bills"), r"/bills/\d+")), "/share"))


def made(pages: Pages) -> tuple[Fetched, str]:
    """The page after a link was made, and the link's path."""
    page = pages.submit(share_page(pages), {}, action="/share")
    return page, ADDRESS.search(page.text).group(1)  # type: ignore[union-attr]


def test_an_accountant_sees_the_face_and_nothing_else(pages: Pages, app: Flask) -> None:
    path = made(pages)[1]
    assert ADDRESS.search(share_page(pages).text) is None, "shown once"
    accountant = Pages(app.test_client(), Rules(personal=PERSONAL))
    seen = accountant.get(path)
    assert seen.text.count("data-copy") == 6 and NAME in seen.text and "pjcy.mof.gov.cn" in seen.text
    for hidden in (NUMBER, "示例药片", "内科", "details", "einvoice", "/h/pgzx/bills"):
        assert hidden not in seen.text
    assert accountant.get(first(seen, r"face\.png")).body.startswith(b"\x89PNG")
    pdf = PdfReader(io.BytesIO(accountant.get(first(seen, r"face\.pdf")).body))
    assert len(pdf.pages) == 1 and dict(pdf.attachments) == {} and NUMBER not in pdf.pages[0].extract_text()
    accountant.get("/h/pgzx/bills", 401)
    form = {"csrf_token": token_of(accountant.get("/h/pgzx")), "name": NAME}
    for address in (path, f"{path}/take"):
        assert accountant.client.post(address, data=form, follow_redirects=True).status_code == 404, "no way to level 1"
    with app.extensions["qupiao"].services.database.read() as connection:
        actions = set(connection.scalars(select(AUDIT_ENTRY.c.action)))
        [row] = connection.execute(select(PATIENT_PASS)).all()
    assert {"bill.shared", "bill.share_opened", "bill.downloaded"} <= actions
    assert path.rpartition("/")[2].encode() not in row.digest + row.claim
    assert row.expires_at - row.created_at == timedelta(days=30)


def test_its_person_ends_it(pages: Pages, app: Flask) -> None:
    """By the button; by time; a further one than five ends the oldest; another person's page ends nothing."""
    paths = [made(pages)[1] for _ in range(sharing.MOST + 1)]
    stranger = Pages(app.test_client())
    stranger.get(paths[0], 404)
    page = share_page(pages)
    keys = re.findall(r'name="key" value="(\w+)"', page.text)
    assert len(keys) == sharing.MOST and stranger.get(paths[1])
    pages.submit(page, {"key": "none of them"}, action="/share/end")
    left = pages.submit(page, {"key": keys[0]}, action="/share/end")
    assert left.text.count('name="key"') == sharing.MOST - 1
    stranger.get(paths[-1], 404)
    stranger.get(f"{paths[-1]}/face.png", 404)
    bill = first(left, r"/bills/\d+")
    form = {"csrf_token": token_of(stranger.get("/h/pgzx")), "key": keys[1]}
    assert stranger.client.post(f"{bill}/share/end", data=form, follow_redirects=True).status_code == 401
    stranger.get(paths[-2])
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(PATIENT_PASS).values(expires_at=now() - timedelta(seconds=1)))
    stranger.get(paths[-2], 404)


def test_the_end_of_all_links_ends_it_as_well(pages: Pages, app: Flask) -> None:
    _, path = made(pages)
    identified(pages, app)
    revoke = pages.get(first(pages.get(first(pages.get("/h/pgzx/bills"), r"/bills/\d+")), "/revoke"))
    pages.submit(revoke, {}, action="/revoke")
    Pages(app.test_client()).get(path, 404)


def test_only_the_page_that_shares_may_fetch(pages: Pages) -> None:
    page = share_page(pages)
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"] and 'data-share="/h/pgzx/bills/' in page.text
    assert "connect-src" not in pages.get("/h/pgzx/bills").headers["Content-Security-Policy"]


def test_help_for_after(pages: Pages) -> None:
    """What a bill is worth, an original, printing, paper; linked from the bill; the desk's phone can be dialled."""
    bill = pages.get(first(pages.get("/h/pgzx/bills"), r"/bills/\d+"))
    page = pages.get(first(bill, "/reimbursement"))
    for words in ("电子票据有什么用", "单位要原件怎么办", "怎么打印", "换纸质票要带什么", "回到我的票据"):
        assert words in page.text
    assert page.text.count('<a href="tel:') == 2, "in the text and at the foot"
