"""What every answer says besides its page: caching, compression, clean addresses, HEAD, the sign of the platform."""

from __future__ import annotations

import gzip
import re

import pytest
from flask import Flask

from tests.support.his import His, outpatient
from tests.support.pages import Pages, Rules
from tests.support.patients import PERSONAL, identified

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_fingerprinted_files_stay_for_a_year_and_others_are_asked_for(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/h/pgzx").text
    (address,) = set(re.findall(r'href="(/static/patient\.css\?v=[0-9a-f]{8})"', page))
    assert client.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in client.get("/static/patient.css").headers["Cache-Control"]
    assert "immutable" not in client.get("/static/patient.css?v=00000000").headers["Cache-Control"], (
        "of another version"
    )
    assert client.get("/static/none.css?v=00000000").status_code == 404


def test_what_holds_no_secret_is_compressed(app: Flask, his: His) -> None:
    client, asked = app.test_client(), {"Accept-Encoding": "gzip, br"}
    for address in ("/static/patient.css", "/h/pgzx"):
        plain = app.test_client().get(address)
        zipped = app.test_client().get(address, headers=asked)
        assert "Content-Encoding" not in plain.headers and zipped.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in zipped.headers["Vary"] and len(zipped.data) < len(plain.data) * 0.6
        assert int(zipped.headers["Content-Length"]) == len(zipped.data)
        unzipped = gzip.decompress(zipped.data).decode()
        assert unzipped[:100] == plain.text[:100]
    client.get("/h/pgzx")
    assert "Content-Encoding" not in client.get("/h/pgzx", headers=asked).headers, "a session's page holds its token"
    assert "Content-Encoding" not in app.test_client().get("/healthz", headers=asked).headers


def test_a_bills_picture_is_kept_by_its_owner_and_asked_about(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("FACE")).ok
    pages = Pages(app.test_client(), Rules(personal=PERSONAL))
    listed = identified(pages, app)
    bill = re.search(r"/h/pgzx/bills/\d+", listed.text)
    assert bill
    picture = pages.client.get(f"{bill[0]}/face.png")
    assert picture.headers["Cache-Control"] == "private, max-age=300" and "Cookie" in picture.headers["Vary"]
    again = pages.client.get(f"{bill[0]}/face.png", headers={"If-None-Match": picture.headers["ETag"]})
    assert again.status_code == 304 and not again.data
    stranger = app.test_client().get(f"{bill[0]}/face.png", headers={"If-None-Match": picture.headers["ETag"]})
    assert stranger.status_code == 401, "who is asked for before what"


TOKEN = "A" + "b-_0" * 5 + "xy"


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        (f"/b/{TOKEN}。", f"/b/{TOKEN}"),
        (f"/b/{TOKEN},", f"/b/{TOKEN}"),
        (f"/b/{TOKEN}）请查收", f"/b/{TOKEN}"),
        (f"/b/{TOKEN}/", f"/b/{TOKEN}"),
        (f"/n/{TOKEN}.", f"/n/{TOKEN}"),
        ("/h/pgzx/", "/h/pgzx"),
        ("/h/PGZX", "/h/pgzx"),
        ("/h/PgZx/verify/", "/h/pgzx/verify"),
        ("/console/", "/console"),
    ],
)
def test_a_link_with_a_stray_character_leads_to_its_page(app: Flask, typed: str, clean: str) -> None:
    client = app.test_client()
    for answer in (client.get(f"http://localhost{typed}?x=1"), client.head(f"http://localhost{typed}?x=1")):
        assert (answer.status_code, answer.location) == (303, f"{clean}?x=1")


def test_a_head_says_what_a_get_would(app: Flask) -> None:
    for address in ("/", "/h/pgzx", "/healthz", "/readyz", "/console/login", "/static/patient.css", "/favicon.ico"):
        head, got = app.test_client().head(address), app.test_client().get(address)
        assert (head.status_code, head.data, head.mimetype) == (got.status_code, b"", got.mimetype), address


def test_the_sign_of_the_platform_is_where_browsers_look(app: Flask) -> None:
    answer = app.test_client().get("/favicon.ico")
    assert answer.status_code == 200 and answer.mimetype == "image/svg+xml"


def test_every_answer_forbids_what_no_page_needs(app: Flask) -> None:
    for address in ("/h/pgzx", "/no-such-page", "/console/login", "/static/patient.css"):
        assert "camera=()" in app.test_client().get(address).headers["Permissions-Policy"]


@pytest.mark.parametrize("row", [2**63, 10**30])
def test_a_number_that_no_row_has_is_an_address_that_is_not_there(app: Flask, his: His, row: int) -> None:
    pages = Pages(app.test_client(), Rules(personal=PERSONAL))
    identified(pages, app)
    assert pages.client.get(f"/h/pgzx/bills/{row}").status_code == 404
    assert pages.client.get(f"/h/pgzx/bills/{2**63 - 1}").status_code == 404
