"""Patients at their pages: who they are, how they identify themselves, the codes that they are sent."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.models import OneTimeCode
from portal.models.tables import ONE_TIME_CODE
from portal.retrieval.proof import sessions
from portal.retrieval.proof.sessions import Claim
from tests.support.pages import Fetched, Pages
from tests.support.text_messages import deliver

NAME, NUMBER, PHONE = "林演安", "000000195203150010", "10000000001"
PERSONAL = (NAME, NUMBER, PHONE, "MZ0000001", "林")


def identified(pages: Pages, app: Flask) -> Fetched:
    """From the hospital code's page to the list, with the code that was sent."""
    page = pages.submit(pages.get("/h/pgzx"), {"number": NUMBER, "name": NAME}, action="/h/pgzx")
    return pages.submit(page, {"code": sent_code(app)}, action="/code")


def sent_code(app: Flask) -> str:
    """The newest one-time code, unsealed as the SMS handler does."""
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        row = connection.execute(
            select(ONE_TIME_CODE.c.id, ONE_TIME_CODE.c.code).order_by(OneTimeCode.created_at.desc()).limit(1)
        ).one()
    return services.cipher.decrypt_text("one_time_code.code", row.id, row.code)


def first(page: Fetched, pattern: str) -> str:
    """The first address of a page that matches."""
    found = re.search(rf'href="([^"]*{pattern})"', page.text)
    assert found, pattern
    return found.group(1)


MOTHER, MOTHER_NUMBER, MOTHER_PHONE = "陈样英", "000000194809060023", "10000000002"


def person(pages: Pages, app: Flask, number: str = NUMBER, name: str = NAME) -> Fetched:
    """Identified at level 2 by the code that went to the phone on file."""
    page = pages.submit(pages.get("/h/pgzx"), {"number": number, "name": name}, action="/h/pgzx")
    [(_, _, params)] = deliver(app).sent
    return pages.submit(page, {"code": params["code"]}, action="/code")


def token_of(page: Fetched) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1)  # type: ignore[union-attr]


def visitor(app: Flask, claim: Claim, level: int) -> FlaskClient:
    """A browser whose session has proved ``claim``."""
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        cookie = sessions.start(services, connection, 1, level, claim)
    client = app.test_client()
    client.set_cookie("qp_session", cookie)
    return client
