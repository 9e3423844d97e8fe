"""The structure itself is tested: who may call what, what the database looks like, which topics have a worker."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from flask import Blueprint, Flask

import admin
import portal
from portal import background
from portal.delivery import jobs as delivery_jobs
from portal.delivery.channels import TITLES, channels
from portal.delivery.engine.deliveries import topic_of
from portal.demo.worker import QUICK
from portal.fiscal import stock as fiscal_stock
from portal.issuing.events import BILL_ISSUED
from portal.outbox import events, topics
from portal.outbox.topics import Topic
from tests.structure.routes import AGREED, routes

ROOT = Path(__file__).resolve().parents[2]
AUTHENTICATIONS = {
    "his-signature",
    "patient-session",
    "staff-session",
    "device-token",
    "platform-signature",
    "mini-session",
    "secret-path",
    "none",
}


def undeclared(app: Flask) -> list[str]:
    """Blueprints whose callers prove who they are in no declared way."""
    declared = app.extensions["qupiao_blueprint_auth"]
    return [name for name in app.blueprints if declared.get(name) not in AUTHENTICATIONS]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_blueprint_declares_its_authentication(app: Flask) -> None:
    assert undeclared(app) == []
    app.register_blueprint(Blueprint("stranger", __name__))
    assert undeclared(app) == ["stranger"], "the check must be able to fail"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_route_list_is_the_one_agreed_on(app: Flask) -> None:
    """No address appears or vanishes unnoticed. A deliberate change edits routes.txt in the same commit."""
    assert routes(app) == AGREED.read_text(encoding="utf-8").splitlines(), "python -m tests.structure.routes"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_address_is_plain_and_typed(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("his.") or rule.endpoint.endswith(("static", ".unknown")):
            continue
        assert re.fullmatch(r"(/|(/([a-z0-9.\-]+|<(string|int):[a-z_]+>))+)", rule.rule), rule.rule


def unhandled(handled: Iterable[str]) -> set[str]:
    """Topics that some module may write a task of and that ``handled`` leaves out.

    ``enqueue`` takes declared topics only, which the type checker sees to at every call; so the declarations are all.
    """
    for package in (portal, admin):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    subscriptions = {topic for event in events.declared() for topic in events.subscribers(event)}
    return {*topics.declared(), *subscriptions, *(event.name for event in events.declared())} - set(handled)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_topic_and_event_has_its_handlers(app: Flask) -> None:
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    handled = background.handlers(services, limits)
    assert unhandled(handled) == set()
    assert len(topics.declared()) > 20 and len(events.declared()) == 8, "the declarations are seen"
    for planted in (delivery_jobs.ISSUED, fiscal_stock.CHECK_TOPIC, "bill.issued"):
        left = {topic: handler for topic, handler in handled.items() if topic != planted}
        assert unhandled(left) == {planted}, "the check must be able to fail"
    sending = {topic_of(name) for name in TITLES}
    assert {topic_of(channel.name) for channel in channels(services)} <= handled.keys()
    in_lanes = [topic for lane in background.LANES for topic in lane.topics]
    assert len(in_lanes) == len(set(in_lanes)) and sending <= set(in_lanes)
    assert {*in_lanes, *background.schedule(), *QUICK} <= handled.keys() | sending


def test_an_event_without_subscriber_or_declaration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_subscribed", {})
    with pytest.raises(LookupError):
        events.subscribers(BILL_ISSUED)
    with pytest.raises(ValueError, match="bill.reversed"):
        events.subscribe([BILL_ISSUED.to("finance")])
    with pytest.raises(ValueError, match="bill.lost"):
        events.subscribe([*(event.to("one") for event in events.declared()), Topic("bill.lost/finance")])
    with pytest.raises(ValueError, match="twice"):
        topics.topic("clean")
    with pytest.raises(ValueError, match="twice"):
        events.event("bill.issued")


def test_the_layers_can_fail(tmp_path: Path) -> None:
    """A planted upward import breaks the contract that ``make imports`` keeps."""
    planted = tmp_path / "copy"
    for package in ("portal", "admin"):
        shutil.copytree(ROOT / package, planted / package)
    shutil.copy(ROOT / "pyproject.toml", planted)
    with (planted / "portal" / "domain" / "money.py").open("a", encoding="utf-8") as file:
        file.write("\nimport portal.issuing.bills.issue\n")
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(lint), "--no-cache"], cwd=planted, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "portal.domain.money -> portal.issuing.bills.issue" in done.stdout


def test_tests_neither_sleep_nor_skip() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        if path == Path(__file__) or path.name == "services.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"time\.sleep\(|pytest\.skip\(|mark\.(skip|xfail)", text), path


def test_no_file_outgrows_its_subject() -> None:
    for path in (*(ROOT / "portal").rglob("*.py"), *(ROOT / "admin").rglob("*.py")):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, path


def test_links_of_the_documents_resolve() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert len(documents) >= 5
    for path in documents:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_paths_named_in_the_documents_exist() -> None:
    """A document that names a file or folder which was moved leads its reader nowhere."""
    folders = "portal|admin|tests|bench|migrations|bin|docs|miniprogram"
    named = {
        (path.name, name)
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
        for name in re.findall(rf"`((?:{folders})/[\w./-]*\w)/?(?:[`:, ]|$)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert {(document, name) for document, name in named if not (ROOT / name).exists()} == set()


def test_the_rooms_of_the_architecture_page_are_the_layers_of_the_contract() -> None:
    """In the same order, so that the page may be read instead of the contract."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [set(layer.replace(".", "/").split(" | ")) for layer in contract[0]["layers"]]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = page.partition("## Rooms")[2].partition("## ")[0]
    cells = [re.findall(r"`([\w/]+)(?:\.py)?`", cell) for cell in re.findall(r"(?m)^\| (`[^|]+) \|", rooms)]
    named = [room for cell in cells for room in cell]
    order = [next(place for place, layer in enumerate(layers) if room in layer) for room in named]
    assert set(named) == set().union(*layers)
    assert order == sorted(order)
