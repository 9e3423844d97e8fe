"""What docs/extending.md promises to be one file is one file: each test adds it to a copy of the product and uses it.

The finance adapter and the SMS provider have their tests beside the others of their party.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

BEGIN = """
import json, sys
from portal.app import create_app
from portal.demo.settings import DemoSettings
from tests.support.his import His, outpatient
app = create_app(DemoSettings(data_dir=sys.argv[1]))
services, his = app.extensions["qupiao"].services, His(app)
def tell(**facts):
    print(json.dumps(facts))
"""

FAX = '''
"""Bills by fax, to the number that is everybody's."""
from portal.access import parameters
from portal.access.parameters import Parameter
from portal.delivery.engine.channel import PAUSES
from portal.domain.states.delivery import Accepted

TITLES = {"fax": "传真"}
parameters.declare(Parameter("delivery.fax", "交付", "传真", "是否使用传真", "flag", True))
SENT = []

class Fax:
    name, title, setting, provider, account = "fax", "传真", "delivery.fax", "post", "1"
    disturbs, receipt_within, remembers, once_more, pauses = False, None, 0.0, False, PAUSES

    def recipient(self, services, connection, target):
        return "00000001"

    def send(self, services, message):
        SENT.append(message.what)
        return Accepted()

def channels(services, providers):
    return [Fax()]
'''
SEND_BY_FAX = """
from portal import background
from portal.access import parameters
from portal.access.limits import Limits
from portal.delivery.channels import fax
from portal.domain.actor import Actor
from portal.outbox.worker import Worker
from tests.support.console import Console
actor = Actor("staff:test", unit_id=1)
parameters.save(services, actor, "delivery.order", "fax")
parameters.save(services, actor, "delivery.wait-supervision", "0")
assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
work = background.handlers(services, Limits(services))
delivery = {topic: work[topic] for topic in work if topic.startswith(("bill.issued/delivery", "delivery."))}
Worker(services, delivery).drain()
page = Console(app, "supervisor").get("/console/delivery/channels").text
tell(sent=fax.SENT, switch="是否使用传真" in page, lane="fax" in {lane.name for lane in background.LANES})
"""

ISSUE_IN_THE_SCENE = """
from portal.models.tables import HIS_MAPPING
from tests.support.console import Console
with services.database.write() as connection:
    row = dict(account_id=1, table_name="bus_type", sent_code="31", our_code="telemedicine")
    connection.execute(HIS_MAPPING.insert().values(**row))
answer = his.call("invoiceEBillOutpatient", outpatient("S1", busType="31"))
assert answer.ok, answer.message
page = Console(app, "supervisor").get("/console/billing/bills?scene=telemedicine").text
tell(listed=answer.payload["billNo"] in page.replace(" ", ""), filter="互联网诊疗</option>" in page)
"""

REPORT = '''
"""Page of 开票时间表: every bill and when it was issued."""
from flask import Response
from admin.kit.filters import NUMBER
from admin.kit.groups import reports
from admin.kit.listing import respond
from admin.kit.security import current_staff, requires
from portal.access.permissions import Permission
from portal.ledger import bill_lists
from portal.listing.columns import Column
from portal.listing.lists import ListPage

ISSUES = ListPage(
    name="issues", title="开票时间表", order=bill_lists.NEWEST,
    columns=(Column("issued_at", "开票时间", "time"), NUMBER, Column("total_fen", "金额", "money")), filters=(),
)

@reports.get("/issues")
@requires(Permission.REPORTS_VIEW, menu="开票时间表")
def issues() -> Response:
    return respond(ISSUES, bill_lists.of_unit(current_staff().unit_id))
'''
OPEN_THE_REPORT = """
from tests.support.console import Console
number = his.call("invoiceEBillOutpatient", outpatient("S1")).payload["billNo"]
staff = Console(app, "accountant")
page, sheet = staff.get("/console/reports/issues").text, staff.get("/console/reports/issues?format=xlsx")
menu = "开票时间表" in staff.get("/console/home").text
tell(menu=menu, listed=number in page.replace(" ", ""), excel=sheet.data[:2] == b"PK")
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product."""
    copy = tmp_path_factory.mktemp("house")
    for part in ("portal", "admin", "migrations"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def use(house: Path, data_dir: Path, script: str) -> dict[str, Any]:
    """Run a script in the copy, on a database of its own; returns what it prints."""
    data = house / f"data-{len(list(house.iterdir()))}"
    shutil.copytree(data_dir, data)
    environment = os.environ | {"PYTHONPATH": f"{house}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", BEGIN + script, str(data)]
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_channel_is_one_file(house: Path, data_dir: Path) -> None:
    (house / "portal/delivery/channels/fax.py").write_text(FAX)
    assert use(house, data_dir, SEND_BY_FAX) == {"sent": ["门诊"], "switch": True, "lane": True}


def test_a_scene_is_one_line_of_one_file(house: Path, data_dir: Path) -> None:
    file = house / "portal/domain/documents/settlement.py"
    last = '    DONATION = "donation", "捐赠"\n'
    assert file.read_text().count(last) == 1
    file.write_text(file.read_text().replace(last, f'{last}    TELEMEDICINE = "telemedicine", "互联网诊疗"\n'))
    assert use(house, data_dir, ISSUE_IN_THE_SCENE) == {"listed": True, "filter": True}


def test_a_report_is_one_file_in_the_folder_of_its_menu(house: Path, data_dir: Path) -> None:
    folder = house / "admin/pages/reports"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "issues.py").write_text(REPORT)
    assert use(house, data_dir, OPEN_THE_REPORT) == {"menu": True, "listed": True, "excel": True}
