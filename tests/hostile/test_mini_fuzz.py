"""The mini-program's API keeps its own document, whatever is sent: Schemathesis over real HTTP.

All of its checks in all of its phases, once with a session and once without. What the run is given so that it does
not stop at the door stands in ``mini_hooks.py``. At full length more than ten thousand cases; a few hundred else,
the same ones every time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.app import create_app
from portal.blueprints.mini import openapi
from portal.demo.accounts import DEMO_MINI
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.domain.identity import id_check_character
from portal.retrieval import family, patient_requests
from portal.retrieval.family import Ground, Person
from portal.retrieval.patient_requests import Asked
from tests.support.his import His, outpatient
from tests.support.length import SOAK
from tests.support.platforms import MINI_USER
from tests.support.processes.installation import Installation, running

NAME, NUMBER, PHONE = "林演安", "000000195203150010", "10000000001"
PEOPLE, BILLS = (500, 150) if SOAK else (12, 8)
"""Five tries an identity, five mails a bill: enough of both that few cases are refused for having had theirs."""
HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
ALL_PHASES = "examples,coverage,fuzzing,stateful"
FEW_METHODS = '\n[phases.coverage]\nunexpected-methods = ["OPTIONS", "DELETE"]\n'
"""What a short run tries of methods that an operation does not have."""
STRANGERS = ("login", "identify", "slip", "bills", "bill", "pdf", "deliver", "verify", "why_ask", "relative")
"""Operations that a short run tries without a session; the door is one for all."""
NEED_OTHERS = {"card", "notice_not_me"}
"""Operations that wait for finance and for the worker, of which there is none here."""
OPERATIONS = {one["operationId"] for methods in openapi.PATHS.values() for one in methods.values()}


@dataclass
class Site:
    """The installation and what the hooks are told about it."""

    installation: Installation
    facts: dict[str, Any]

    @property
    def api(self) -> str:
        """Base address of the API."""
        return f"{self.installation.base}{openapi.BASE}"

    def run(self, tally: Path, phases: str, examples: int, token: str, *only: str) -> Counter[str]:
        """One run of Schemathesis, which must find nothing; returns how many calls had which answer."""
        more = ["--phases", ALL_PHASES if SOAK else phases, "--max-examples", str(examples)]
        more += [part for operation in only for part in ("--include-operation-id", operation)]
        done = self.schemathesis(f"{self.api}/openapi.json", tally, token, *more)
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5000:]
        log = (self.installation.data_dir / "web.log").read_text(encoding="utf-8")
        assert "Traceback" not in log, log[log.index("Traceback") :][:5000]
        return Counter(json.loads(tally.read_text(encoding="utf-8")))

    def schemathesis(self, document: str, tally: Path, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command on a document, with every check."""
        facts = self.facts | {"token": token, "tally": str(tally)}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QUPIAO_")} | {
            "DATA_DIR": str(self.installation.data_dir),
            "QUPIAO_FUZZED_SITE": json.dumps(facts),
            "SCHEMATHESIS_HOOKS": "tests.hostile.mini_hooks",
            "PYTHONPATH": str(HERE.parents[1]),
        }
        told = tally.with_name("schemathesis.toml")
        told.write_text((HERE / "schemathesis.toml").read_text("utf-8") + ("" if SOAK else FEW_METHODS), "utf-8")
        command = [str(SCHEMATHESIS), "--config-file", str(told), "run"]
        command += [document, "--url", self.api, "--checks", "all", "--no-color"]
        command += ["--continue-on-failure", "--generation-database", "none", "--warnings", "off"]
        command += [*arguments, *([] if SOAK else ["--seed", "20260301"])]
        return subprocess.run(command, env=environment, cwd=tally.parent, capture_output=True, text=True, check=False)


def person(place: int) -> str:
    """The ID number of an invented person."""
    stem = f"0000001952{place % 9 + 1:02d}{place // 9 % 28 + 1:02d}{place // 252 + 100}"
    return stem + id_check_character(stem)


@pytest.fixture(scope="module")
def site(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One user of the mini-program who is proved, has bills and a child's bills; more people to be proved."""
    folder = tmp_path_factory.mktemp("mini-fuzz")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    people = [(person(place), NAME) for place in range(PEOPLE)]
    app = create_app(DemoSettings(data_dir=folder))
    his, services = His(app), app.extensions["qupiao"].services
    sent = [outpatient(f"P{place}", cardNo=number) for place, (number, _) in enumerate(people)]
    sent += [outpatient(f"B{place}") for place in range(BILLS)]
    issued = [his.call("invoiceEBillOutpatient", one) for one in sent]
    assert all(one.ok for one in issued)
    slips = [one.payload["pictureUrl"] for one in issued[PEOPLE:]]
    known, child = Person(NAME, NUMBER, PHONE), Person("林小验", "000000202003030017", "")
    assert his.call("invoiceEBillOutpatient", outpatient("C", payer=child.name, cardNo=child.number)).ok
    desk = Actor("staff:desk", "甲", 1)
    link, *spare = (
        family.bind_at_desk(services, desk, known, child, Ground("guardian", "子女", "户口本")) for _ in range(BILLS)
    )
    request = patient_requests.ask(services, app.extensions["qupiao"].limits, 1, Asked("missing", {"person": NAME}), "")
    services.database.engine.dispose()
    # Behind a proxy, as installations are: then each call may come from another address.
    proxied = {"QUPIAO_BASE_URL": "https://127.0.0.1"}
    with running(folder, "", ("simulators", "web"), environment=proxied) as installation:
        facts = {"base": installation.base, "simulators": installation.simulators, "openid": MINI_USER}
        facts |= {"people": people, "links": [link], "spare": spare, "bills": [], "slips": slips, "name": NAME}
        facts |= {"request": request, "child": {"number": child.number, "name": child.name}}
        yield Site(installation, facts)


def proved(site: Site) -> str:
    """A token of the user at level 2, by the phone that WeChat vouches for; notes which bills they have."""
    with httpx.Client(trust_env=False, timeout=20) as http:

        def post(address: str, token: str = "", **body: str) -> Any:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return http.post(address, json=body, headers=headers).raise_for_status().json()

        wechat = f"{site.installation.simulators}/wechat"
        post(f"{wechat}/people", openid=MINI_USER, appid=DEMO_MINI.appid, phone=PHONE)
        codes = {kind: post(f"{wechat}/codes", kind=kind, openid=MINI_USER)["code"] for kind in ("login", "phone")}
        first = post(f"{site.api}/login", code=codes["login"], unit="pgzx")["token"]
        token = post(f"{site.api}/phone", first, phone_code=codes["phone"], number=NUMBER, name=NAME)["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        pages = (http.get(f"{site.api}/bills?page={page}", headers=bearer).json() for page in range(1, 5))
        site.facts["bills"] = [int(one["id"]) for page in pages for one in page["bills"]]
    assert len(site.facts["bills"]) == BILLS
    return str(token)


def test_a_patient_s_calls_find_no_fault(site: Site, tmp_path: Path) -> None:
    """With a session: each operation also succeeds, and few calls are turned away for being too many."""
    answers = site.run(tmp_path / "tally.json", "examples,coverage,stateful", 600 if SOAK else 6, proved(site))
    assert OPERATIONS - {one.split()[0] for one in answers if one.endswith(" 200")} == NEED_OTHERS
    calls, refused = answers.total(), sum(count for one, count in answers.items() if one.endswith(" 429"))
    assert calls >= (10_000 if SOAK else 400), answers
    assert refused < calls / 20, answers


def test_a_stranger_s_calls_find_no_fault(site: Site, tmp_path: Path) -> None:
    """Without one, and without a code of WeChat: nothing succeeds."""
    answers = site.run(tmp_path / "tally.json", "coverage", 300 if SOAK else 3, "", *([] if SOAK else STRANGERS))
    assert [one for one in answers if one.endswith(" 200")] == ["method 200"], "OPTIONS alone"
    assert answers.total() >= (3000 if SOAK else 150), answers


def test_what_the_document_does_not_name_is_found(site: Site, tmp_path: Path) -> None:
    """The control: with one status less in the document the same checks fail, and say which."""
    document = json.loads(httpx.get(f"{site.api}/openapi.json", trust_env=False).content)
    del document["paths"]["/login"]["post"]["responses"]["422"]
    shorter = tmp_path / "openapi.json"
    shorter.write_text(json.dumps(document), encoding="utf-8")
    only = ("--phases", "coverage", "--include-operation-id", "login")
    done = site.schemathesis(str(shorter), tmp_path / "tally.json", "", *only)
    assert done.returncode == 1
    assert "Received: 422" in done.stdout
