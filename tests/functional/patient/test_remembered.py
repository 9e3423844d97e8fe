"""A remembered phone: one proof, then one tap; the person sees and ends all of theirs, nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.core.clock import now
from portal.models.tables import REMEMBERED_PHONE
from portal.retrieval.proof import remembered
from portal.retrieval.proof.sessions import Claim
from tests.support.his import His, outpatient
from tests.support.pages import Pages, Rules
from tests.support.patients import NUMBER, PERSONAL, identified, visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def pages(app: Flask, his: His) -> Pages:
    """A patient's phone that has been remembered."""
    assert his.call("invoiceEBillOutpatient", outpatient("R1")).ok
    found = Pages(app.test_client(), Rules(personal=PERSONAL))
    identified(found, app)
    kept = found.submit(found.get("/h/pgzx/phones"), {}, action="/phones")
    assert "这一部" in kept.text and "记住这部手机</button>" not in kept.text
    return found


def come_back(pages: Pages, status: int = 200) -> str:
    """One tap on the first page, after the session is over."""
    pages.client.delete_cookie("qp_session")
    return pages.submit(pages.get("/h/pgzx"), {}, status, action="/return").text


def test_one_tap_leads_to_the_list(pages: Pages, app: Flask) -> None:
    pages.client.delete_cookie("qp_session")
    pages.get("/h/pgzx/bills", 401)
    assert "林** 的票据" in come_back(pages)
    cookie = pages.client.get_cookie("qp_known")
    assert cookie is not None and cookie.http_only and cookie.max_age == 90 * 86_400
    with app.extensions["qupiao"].services.database.read() as connection:
        row = connection.execute(select(REMEMBERED_PHONE)).one()
    assert NUMBER.encode() not in row.claim and cookie.value.encode() not in row.digest


def test_it_ends_by_its_person_and_by_time(pages: Pages, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        connection.execute(update(REMEMBERED_PHONE).values(expires_at=now() - timedelta(seconds=1)))
    pages.client.delete_cookie("qp_session")
    assert "您让我们记住的" not in pages.get("/h/pgzx").text
    with services.database.write() as connection:
        connection.execute(update(REMEMBERED_PHONE).values(expires_at=now() + timedelta(days=1)))
    assert "林**" in come_back(pages)
    page = pages.submit(pages.get("/h/pgzx/phones"), {}, action="/forget")
    assert "还没有记住哪一部手机" in page.text
    pages.client.delete_cookie("qp_session")
    assert "您让我们记住的" not in pages.get("/h/pgzx").text


def test_another_person_neither_sees_nor_ends_it(pages: Pages, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    other = visitor(app, Claim("ab" * 32, "cd" * 32), 2)
    assert "还没有记住哪一部手机" in other.get("/h/pgzx/phones").text
    with services.database.read() as connection:
        phone_id = connection.scalar(select(REMEMBERED_PHONE.c.id))
    token = Pages(other).get("/h/pgzx/phones").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    other.post(f"/h/pgzx/phones/{phone_id}/forget", data={"csrf_token": token})
    assert "林**" in come_back(pages)
    assert visitor(app, Claim(bills=(1,)), 1).get("/h/pgzx/phones").status_code == 401, "a slip is not a person"


def test_the_oldest_makes_room_and_what_is_over_is_forgotten(pages: Pages, app: Flask) -> None:
    for _ in range(remembered.MOST + 1):
        pages.client.delete_cookie("qp_known")
        pages.submit(pages.get("/h/pgzx/phones"), {}, action="/phones")
    with app.extensions["qupiao"].services.database.write() as connection:
        assert len(connection.scalars(select(REMEMBERED_PHONE.c.id)).all()) == remembered.MOST
        connection.execute(update(REMEMBERED_PHONE).values(expires_at=now() - timedelta(seconds=1)))
        remembered.clean(connection)
        assert connection.scalars(select(REMEMBERED_PHONE.c.id)).all() == []
