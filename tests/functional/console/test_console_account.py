"""The console's account: one a unit, made once, and no call over HTTP can be it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import func, select

from portal.access.his import accounts
from portal.models import HisAccount
from tests.support.his import decode, encode, outpatient
from tests.support.length import sqlite_first

pytestmark = sqlite_first


def test_it_is_made_once_however_many_ask(app: Flask) -> None:
    database = app.extensions["qupiao"].services.database
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: accounts.console(database, 1).id, range(16)))
    assert len(found) == 1
    with database.read() as connection:
        assert connection.scalar(select(func.count()).where(HisAccount.kind == accounts.CONSOLE)) == 1


def test_no_call_can_be_it(app: Flask) -> None:
    account = accounts.console(app.extensions["qupiao"].services.database, 1)
    for key in ("", "0123456789abcdef0123456789"):
        body = encode(outpatient("S1"), key, account.appid)
        answer = decode(app.test_client().post("/medical-web/api/medical/invoiceEBillOutpatient", json=body).get_json())
        assert not answer.ok and "appid" in answer.message
