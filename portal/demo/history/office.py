"""What the office did: bills typed by hand, drafts, a batch, refused pushes, a kiosk that calls."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from portal.access.his import refusals
from portal.access.his.accounts import HisAccount, load
from portal.core.clock import business_day, now
from portal.core.services import Services
from portal.demo.accounts import DEMO_APPID
from portal.demo.history import batch_rows
from portal.demo.history.people import CASHIER, LEAD
from portal.demo.hospital import KIOSK_TOKEN
from portal.demo.settlements import EMPLOYER, PERSONS
from portal.demo.settlements import settlement as invent
from portal.domain.documents.manual_input import Entry, entry
from portal.domain.documents.settlement import Scene
from portal.domain.errors import Refusal
from portal.his_contract import envelope, settlement
from portal.issuing.bills.issue import Issued
from portal.issuing.paper import kiosk
from portal.runtime import Runtime

CHECKER = "演示复核员"
_NAME, _CODE = EMPLOYER
TYPED: tuple[tuple[Scene, dict[str, str], list[dict[str, str]], list[dict[str, str]], bool], ...] = (
    (
        Scene.DEALING,
        {"payer_kind": "2", "payer_name": _NAME, "id_no": _CODE, "category": "保证金", "counterparty": _NAME}
        | {"basis": "门诊楼维修工程合同", "remember": "1"},
        [{"code": "W0201", "quantity": "1"}],
        [{"channel": "transfer"}],
        True,
    ),
    (
        Scene.DEALING,
        {"payer_kind": "1", "payer_name": PERSONS[10].name, "category": "押金", "counterparty": PERSONS[10].name}
        | {"basis": "住院陪护床租用登记", "remember": "1"},
        [{"code": "W0101", "quantity": "1"}],
        [{"channel": "cash"}],
        True,
    ),
    (
        Scene.DONATION,
        {"payer_kind": "1", "payer_name": "演示爱心人士", "project": "助残", "donation_form": "goods"},
        [{"code": "J0201", "name": "轮椅", "unit": "台", "quantity": "10", "price": "680"}],
        [],
        True,
    ),
    (
        Scene.DONATION,
        {"payer_kind": "1", "payer_name": "某乡贤（演示）", "project": "捐资助医", "donation_form": "money"},
        [{"code": "J0101", "quantity": "1", "price": "20000"}],
        [{"channel": "transfer"}],
        False,
    ),
    (
        Scene.OUTPATIENT,
        {"payer_kind": "1", "payer_name": "谭例霞", "id_type": "id_card", "id_no": "000000196506300084"},
        [{"code": "Q0001", "quantity": "1"}],
        [{"channel": "cash"}],
        False,
    ),
)
"""Kind, head, lines, payments of a bill that is typed, and whether it is issued: the others are drafts."""
_WRONG: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("outpatient", {"totalAmt": "999999.99"}),
    ("outpatient", {"payer": ""}),
    ("registration", {"busType": "77"}),
    ("emergency", {"placeCode": "Z9"}),
    ("outpatient", {"busDateTime": "20260230080000000"}),
)
"""What a HIS gets wrong: sums, a missing name, an unknown kind of business, an unknown place, a day that is none."""


def write(runtime: Runtime) -> None:
    """Write them all; the batch is issued by the worker."""
    for kind, head, lines, payments, is_issued in TYPED:
        _type(runtime, entry(kind, head, lines, payments), is_issued)
    _import(runtime)
    _push_wrong(runtime)
    device = kiosk.by_token(runtime.services, KIOSK_TOKEN)
    if device is not None:
        kiosk.call(runtime.services, device, "纸张将用完", "demo")


def _type(runtime: Runtime, typed: Entry, is_issued: bool) -> None:
    actor = CASHIER
    started = runtime.manual.start(actor, typed.kind)
    office = {"business_day": f"{business_day(now())}", "checker": CHECKER, "point_code": "01"}
    kept = typed.fields | office
    whole = entry(typed.kind, kept, typed.lines, typed.payments)
    saved = runtime.manual.save(actor, started.id, started.version, whole)
    if is_issued:
        made = runtime.manual.issue(actor, saved.id, saved.version)
        if not isinstance(made, Issued):
            raise ValueError(made.problems)


def _import(runtime: Runtime) -> None:
    """One batch is started, one waits with two bills that have mistakes."""
    started = runtime.batches.receive(LEAD, "团检名单.csv", batch_rows.file(1, 12, 0), "05", CHECKER)
    runtime.batches.start(LEAD, started)
    runtime.batches.receive(LEAD, "补录.csv", batch_rows.file(2, 6, 2), "01", CHECKER)


def _push_wrong(runtime: Runtime) -> None:
    services, rng = runtime.services, random.Random(7)
    account = _account(services)
    for place, (scene, wrong) in enumerate(_WRONG):
        serial = f"YSERR{place:06d}"
        method, body = invent(scene, PERSONS[place], serial, now(), rng)
        try:
            runtime.issuing.issue(account, settlement.settlement(method, {**body, **wrong}, account))
        except Refusal as refusal:
            result = envelope.RESULT_CODES.get(refusal.code, envelope.RESULT_CODES["INTERNAL"])
            refusals.keep(services, account, method, serial, (result, refusal))


def _account(services: Services) -> HisAccount:
    with services.database.read() as connection:
        account = load(connection, services.cipher, DEMO_APPID)
    if account is None:
        raise LookupError(DEMO_APPID)
    return account
