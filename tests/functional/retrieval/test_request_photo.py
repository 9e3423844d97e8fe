"""A photo with a correction: sealed, seen at the desk by an act in the log, gone with the answer."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import Table, select
from werkzeug.test import TestResponse

from portal.models import AuditEntry
from portal.models.tables import PATIENT_REQUEST, REQUEST_PHOTO
from portal.rendering import photo
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.pages import Pages, Rules
from tests.support.patients import PERSONAL, first, identified, token_of

AUDIT: Table = AuditEntry.__table__  # type: ignore[assignment]


@pytest.fixture
def pages(app: Flask, his: His) -> Pages:
    """The patient's browser at their bill's correction page."""
    assert his.call("invoiceEBillOutpatient", outpatient("C1")).ok
    found = Pages(app.test_client(), Rules(personal=PERSONAL))
    found.get(f"{first(identified(found, app), r'/bills/[0-9]+')}/correction")
    return found


def card() -> bytes:
    """A photo that says in its EXIF where it was taken."""
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x010E] = "SECRETPLACE"
    Image.new("RGB", (60, 40), "red").save(out, "JPEG", exif=exif)
    return out.getvalue()


def send(pages: Pages, data: bytes, status: int = 200) -> str:
    address = f"{first(pages.get('/h/pgzx/bills'), r'/bills/[0-9]+')}/correction"
    values = {"csrf_token": token_of(pages.get(address)), "wrong": "name", "right": "林演按"}
    answer = pages.client.post(address, data=values | {"photo": (io.BytesIO(data), "张三 身份证.jpg")})
    return pages._arrive(answer, address, status).text


def stored(app: Flask) -> list[bytes]:
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.scalars(select(REQUEST_PHOTO.c.photo)))


def look(desk: Console, path: str) -> TestResponse:
    token = desk.form(path, "答复").values["csrf_token"]
    return desk.client.post(f"{path}/photo", data={"csrf_token": token})


def test_the_desk_sees_it_with_a_trace_until_the_answer(pages: Pages, app: Flask) -> None:
    assert "申请编号" in send(pages, card())
    [sealed] = stored(app)
    assert b"\xff\xd8\xff" not in sealed[:16] and b"JFIF" not in sealed
    desk = Console(app, "cashier")
    listed = desk.get("/console/delivery/requests").text
    path = re.search(r'href="([^"]+/requests/\d+)"', listed).group(1)  # type: ignore[union-attr]
    assert "看证件照片" in desk.get(path).text
    shown = look(desk, path)
    assert shown.mimetype == "image/jpeg" and "no-store" in shown.headers["Cache-Control"]
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    picture = Image.open(io.BytesIO(shown.data))
    assert picture.size == (60, 40) and not picture.getexif() and b"SECRETPLACE" not in shown.data
    with app.extensions["qupiao"].services.database.read() as connection:
        looks = connection.execute(select(AUDIT).where(AUDIT.c.action == "request.photo_shown")).all()
        request_id = connection.scalar(select(PATIENT_REQUEST.c.id))
    assert [row.object_id for row in looks] == [str(request_id)]
    assert Console(app, "keeper").client.post(f"{path}/photo").status_code in (400, 403)
    desk.send(path, answer="已核对，新票已开")
    assert stored(app) == []
    assert "看证件照片" not in desk.get(path).text
    token = desk.form("/console/home", "退出").values["csrf_token"]
    assert desk.client.post(f"{path}/photo", data={"csrf_token": token}).status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_one_and_with_a_bad_one(pages: Pages, app: Flask) -> None:
    """What was typed stays, nothing is handed in."""
    refused = send(pages, b"%PDF-1.7", 422)
    assert "照片打不开" in refused and 'value="林演按"' in refused
    assert "超过 3 MB" in send(pages, card() + b"\0" * photo.MOST_BYTES, 422)
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalars(select(PATIENT_REQUEST.c.id)).all() == []
    assert "申请编号" in send(pages, b"")
    assert stored(app) == []
    desk = Console(app, "cashier")
    listed = desk.get("/console/delivery/requests").text
    path = re.search(r'href="([^"]+/requests/\d+)"', listed).group(1)  # type: ignore[union-attr]
    assert "看证件照片" not in desk.get(path).text and look(desk, path).status_code == 404
