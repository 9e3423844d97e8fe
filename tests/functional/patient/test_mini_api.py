"""The mini-program's API: from log-in to a bill in the mail, what strangers see, each operation by its document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from portal.app import create_app
from portal.blueprints.mini import examples, openapi
from portal.blueprints.mini.schemas import SCHEMAS
from portal.core.clock import business_day, now
from portal.demo.accounts import DEMO_MINI, DEMO_TEMPLATES
from portal.demo.settings import DemoSettings
from portal.models.tables import CHANNEL_BINDING, MESSAGE_PERMISSION
from tests.support import platforms
from tests.support.his import His, outpatient
from tests.support.mini import BASE, NAME, NUMBER, OTHER, PHONE, Phone, check
from tests.support.platforms import MINI_USER
from tests.support.processes.simulators import Simulators, running_simulators

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("mini")) as simulators:
        yield simulators


@pytest.fixture
def app(settings: DemoSettings, process: Simulators) -> Iterator[Flask]:
    process.faults("wechat")
    made = create_app(platforms.connected(settings, process))
    assert His(made).call("invoiceEBillOutpatient", outpatient("MINI-1")).ok
    yield made
    made.extensions["qupiao"].services.database.engine.dispose()


def test_who_holds_a_bill_verifies_it(app: Flask, process: Simulators) -> None:
    """The five elements, at level 0; what differs is not said."""
    phone = Phone(app, process, OTHER)
    assert phone.log_in() == 0
    answer = His(app).call("invoiceEBillOutpatient", outpatient("MINI-V")).payload
    face = {"code": answer["billBatchCode"], "number": answer["billNo"], "check": answer["random"]}
    face |= {"day": f"{business_day(now()):%Y-%m-%d}", "amount": "128.50"}
    told = phone.call("post", "/verify", **face)
    assert told["matched"] and told["times"] == 1 and [one["title"] for one in told["standing"]] == ["财政处理中"]
    for name, text in {"code": "99060226", "check": "000000", "day": "2026-01-01", "amount": "1"}.items():
        other = phone.call("post", "/verify", **face | {name: text})
        assert other == {"matched": False, "standing": [], "times": 0}
    assert "校验码是 6 位" in phone.call("post", "/verify", 422, **face | {"check": "1"})["why"]
    phone.token = ""
    phone.call("post", "/verify", 401, **face)


def test_from_log_in_to_a_bill(app: Flask, process: Simulators) -> None:
    """Log in, prove by SMS, list, open, PDF, mail; the next log-in is at level 2; out again."""
    phone = Phone(app, process)
    assert phone.log_in() == 0
    first = phone.token
    assert phone.call("get", "/bills", 403)["code"] == "LEVEL_TOO_LOW"
    phone.call("post", "/identify", number=NUMBER, name=NAME)
    assert phone.token != first
    phone.call("post", "/confirm", 422, code="000000" if phone.sms() != "000000" else "111111")
    before = phone.token
    assert phone.call("post", "/confirm", code=phone.sms())["level"] == 2
    listed = phone.call("get", "/bills")
    assert NAME not in json.dumps(listed, ensure_ascii=False), "masked in the list"
    (brief,) = [one for one in listed["bills"] if one["total_fen"] == 12850]
    bill = phone.call("get", f"/bills/{brief['id']}")
    assert (bill["payer"], bill["own_cash_fen"], sum(one["amount_fen"] for one in bill["items"])) == (NAME, 4850, 12850)
    assert phone.call("get", f"/bills/{brief['id']}/file.pdf").data.startswith(b"%PDF")
    assert phone.call("get", f"/bills/{brief['id']}/face.png").data.startswith(b"\x89PNG")
    told = phone.call("post", f"/bills/{brief['id']}/deliver", 422, address="no address")
    assert told["code"] == "ENTRY_INVALID" and re.search(r"[\u4e00-\u9fff]", told["next"])
    assert phone.call("post", f"/bills/{brief['id']}/deliver", address="a@example.com")["new"] is True
    told = phone.call("get", "/family")
    assert (told["members"], told["watchers"]) == ([], []) and "子女" in told["relations"]
    template = DEMO_TEMPLATES["mini_subscription"]
    assert phone.call("post", "/subscriptions", templates=[template, "other"]) == {"templates": [template]}
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        assert connection.scalar(select(func.sum(MESSAGE_PERMISSION.c.remaining))) is None, (
            "WeChat's event of the tap counts"
        )
        row = connection.execute(select(CHANNEL_BINDING)).one()
    assert MINI_USER.encode() not in row.subject and row.verified_by == "sms"

    again, stranger = Phone(app, process), Phone(app, process, OTHER)
    assert (again.log_in(), stranger.log_in()) == (2, 0)
    assert len(again.call("get", "/bills")["bills"]) == len(listed["bills"])
    stranger.call("get", f"/bills/{brief['id']}", 403)
    again.call("post", "/logout")
    again.call("get", "/bills", 401)
    again.token = before
    again.call("get", "/bills", 401)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_phone_that_wechat_vouches_for(app: Flask, process: Simulators) -> None:
    """It must be the one on file; another phone, name or number look the same; a code works once."""
    phone = Phone(app, process)
    phone.log_in()
    wrong = phone.call("post", "/phone", 404, phone_code=phone.code("phone"), number=NUMBER, name=NAME)
    process.post("/wechat/people", {"openid": MINI_USER, "appid": DEMO_MINI.appid, "phone": PHONE})
    for number, name in ((NUMBER, "林演"), ("000000195203150029", NAME)):
        assert phone.call("post", "/phone", 404, phone_code=phone.code("phone"), number=number, name=name) == wrong
    code = phone.code("phone")
    assert phone.call("post", "/phone", phone_code=code, number=NUMBER, name=NAME)["level"] == 2
    assert phone.call("get", "/bills")["bills"]
    phone.call("post", "/phone", 401, phone_code=code, number=NUMBER, name=NAME)
    process.faults("wechat", down={"probability": 1})
    told = Phone(app, process).call("post", "/login", 401, code="x", unit="pgzx")
    assert told["why"] == "微信暂时没有应答"


OPERATIONS = [(path, method, one) for path, methods in openapi.PATHS.items() for method, one in methods.items()]
NOISE = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=130),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "name", "x"]), inner),
    max_leaves=4,
)


OF_KIND: dict[str, st.SearchStrategy[Any]] = {
    "array": st.lists(st.text(max_size=70), max_size=4),
    "boolean": st.booleans(),
    "string": st.text(max_size=130),
}


def bodies(operation: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Bodies that fit the operation's schema, nearly fit, or do not at all."""
    if "requestBody" not in operation:
        return st.none()
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    members = {field: OF_KIND[kind["type"]] for field, kind in SCHEMAS[name]["properties"].items()}
    return st.fixed_dictionaries(members) | st.fixed_dictionaries({}, optional=members) | NOISE


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_operation_keeps_its_document(app: Flask, process: Simulators) -> None:
    """Whatever is sent: a status that the document names, and a body of its schema; with and without proof."""
    proved = Phone(app, process)
    proved.log_in()
    proved.call("post", "/identify", number=NUMBER, name=NAME)
    proved.call("post", "/confirm", code=proved.sms())
    services = app.extensions["qupiao"].services
    token = proved.token

    @given(data=st.data(), known=st.booleans())
    @settings(max_examples=160, suppress_health_check=list(HealthCheck))
    def example(data: st.DataObject, known: bool) -> None:
        path, method, operation = data.draw(st.sampled_from([one for one in OPERATIONS if one[0] != "/logout"]))
        body = data.draw(bodies(operation))
        where = re.sub(r"{\w+}", str(data.draw(st.integers(0, 2**66))), path)
        proved.token = token if known and operation["operationId"] not in ("identify", "confirm") else ""
        answer = proved.raw(method, where, b"" if body is None else json.dumps(body).encode())
        told = operation["responses"].get(str(answer.status_code))
        assert told is not None, (path, answer.status_code, answer.text)
        schema = told["content"].get("application/json", {}).get("schema")
        if schema:
            check(schema, answer.get_json())

    example()
    assert services.database is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_no_request_is_refused_in_json(app: Flask, process: Simulators) -> None:
    """Bodies that no document can describe, addresses and methods that there are not: named errors, never a page."""
    phone = Phone(app, process)
    phone.log_in()
    deep, person = b"[" * 9000, b'{"number": "%s", "name": "x"}'
    bodies = [
        (b"", 400),
        (deep, 400),
        (b'{"number":' + deep, 400),
        (b"NaN", 400),
        (b"\xff\xfe{}", 400),
        (b'{"number": "1", "number": "2", "name": "x"}', 400),
        (b'{"number": ' + b"9" * 5000 + b', "name": "x"}', 400),
        (person % (b"1" * 17_000), 400),
        (person % b"\\ud800", 422),
        (person % b"\\u0000", 422),
        (b'{"number": "1", "name": "x", "\\ud800": 1}', 422),
    ]
    for body, status in bodies:
        answer = phone.raw("post", "/identify", body)
        assert (answer.status_code, answer.mimetype) == (status, "application/json"), body[:40]
        told = answer.get_json()
        check(SCHEMAS["Error"], told)
        assert "HIS" not in told["next"], "this is read on a patient's phone"
    assert phone.raw("post", "/identify", b" " * 9_000_000).status_code == 413
    for method, path, status in (("get", "/nothing", 404), ("get", "/bills/x/y", 404), ("put", "/login", 405)):
        answer = phone.raw(method, path, b"")
        assert (answer.status_code, answer.get_json()["code"]) == (status, "REQUEST_INVALID")
        assert ("POST" in answer.headers.get("Allow", "")) is (status == 405)
    wrong = app.test_client().get(f"{BASE}/bills")
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, "Bearer")
    low = phone.raw("get", "/bills", b"")
    assert (low.status_code, low.get_json()["code"]) == (403, "LEVEL_TOO_LOW"), "the token is good all the same"
    assert low.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'
    phone.token = "over"
    over = phone.raw("get", "/bills", b"")
    assert (over.status_code, over.get_json()["code"]) == (401, "SESSION_OVER")
    assert over.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    page = app.test_client().put("/h/pgzx")
    assert page.mimetype == "text/html" and "GET" in page.headers["Allow"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_fault_of_ours_is_told_in_json_too(app: Flask, process: Simulators) -> None:
    """Below the API's address; with a page elsewhere. Neither says anything of the inside."""
    services = app.extensions["qupiao"].services
    app.extensions["qupiao"].units.get = None
    for path, kind in ((f"{BASE}/login", "application/json"), ("/h/pgzx", "text/html")):
        client = app.test_client()
        answer = client.post(path, json={"code": "x", "unit": "x"}) if path.startswith(BASE) else client.get(path)
        assert (answer.status_code, answer.mimetype) == (500, kind)
        assert "NoneType" not in answer.text
    assert services.database is not None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_document_the_page_and_the_client(app: Flask) -> None:
    """The document names every route; its page asks nobody else; the client's pages exist and call what is there."""
    client = app.test_client()
    document = client.get(f"{BASE}/openapi.json").get_json()
    assert document["openapi"].startswith("3.1") and document["paths"] == openapi.PATHS
    served: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(BASE):
            path = re.sub(r"<(?:int|string):(\w+)>", r"{\1}", rule.rule.removeprefix(BASE))
            served.setdefault(path, set()).update(one.lower() for one in rule.methods or () if one in ("GET", "POST"))
    del served["/openapi.json"], served["/docs"]
    assert served == {path: set(methods) for path, methods in openapi.PATHS.items()}
    page = client.get(f"{BASE}/docs")
    assert page.status_code == 200 and "<script" not in page.text
    assert not re.search(r'(src|href)="(https?:)?//', page.text)
    for words in ("POST /wechat/codes", "LEVEL_TOO_LOW", "Retry-After", "一个号码半小时 5 次", "15 分钟"):
        assert words in page.text, words
    for name, told in examples.ANSWERS.items():
        check(SCHEMAS[name], told)
    for name, sent in examples.BODIES.items():
        check(SCHEMAS[name], sent)
    folder = ROOT / "miniprogram"
    pages = json.loads((folder / "app.json").read_text(encoding="utf-8"))["pages"]
    assert len(pages) == len(set(pages)) >= 5
    called = set()
    for file in (one for name in pages for one in (folder / name).parent.iterdir()):
        if file.suffix == ".json":
            json.loads(file.read_text(encoding="utf-8"))
        if file.suffix == ".js":
            called |= set(
                re.findall(r"(?:api\.(?:get|post|file)|this\.ask)\([`'\"]([^`'\"?]+)", file.read_text(encoding="utf-8"))
            )
    for name in pages:
        assert all((folder / f"{name}{ending}").exists() for ending in (".js", ".wxml", ".json"))
    known = {re.sub(r"{\w+}", "*", path) for path in openapi.PATHS}
    assert called and {re.sub(r"\$\{[^}]+\}", "*", path) for path in called} <= known
