"""The structure itself is tested: who may call what, what the database looks like, which topics have a worker."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Blueprint, Flask

from portal.worker import handlers
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_topic_has_a_handler(app: Flask) -> None:
    known = set(handlers(app.extensions["qupiao"].services, app.extensions["qupiao"].limits))
    named = set()
    for path in (ROOT / "portal").rglob("*.py"):
        named.update(re.findall(r"""tasks\.row\(\s*"([a-z.]+)\"""", path.read_text(encoding="utf-8")))
    assert "bill.issued" in named
    assert named <= known


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
