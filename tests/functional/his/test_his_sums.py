"""The sum policies of an account (docs/his-integration.md, Sums) through the real interface, on both databases."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.his_contract.checks import IGNORE, POLICIES, REFUSE, WARN
from portal.models import Bill, NumberRange
from tests.support.his import His, outpatient
from tests.support.vouchers import policies

ISSUE = "invoiceEBillOutpatient"
RIGHT = outpatient("x")


def row(name: str, place: int, **changes: Any) -> dict[str, Any]:
    """A settlement's list with one row changed; a place behind the last adds a row."""
    rows = deepcopy(RIGHT[name])
    rows[place : place + 1] = [(rows[place] if place < len(rows) else rows[0]) | changes]
    return {name: rows}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "channels": (row("payChannelDetail", 0, payChannelValue=48.49), "payChannelDetail 合计 128.49"),
    "split": ({"fundPay": "80.01"}, "selfCashPay = 128.51"),
    "details": (row("listDetail", 1, amt="108.61"), "listDetail 合计"),
    "zero_rows": (row("chargeDetail", 2, amt=0), "chargeDetail 第 2 行"),
}
"""What a policy objects to, and the words that name it."""
WITHIN: dict[str, dict[str, Any]] = {
    "channels": row("payChannelDetail", 2, payChannelCode="HBWC", payChannelValue=0),
    "split": {"fundPay": 80, "selfCashPay": "48.50", "accountPay": None},
    "details": row("listDetail", 1, amt="108.60"),
    "zero_rows": row("chargeDetail", 2, amt="0.01") | {"totalAmt": "128.51", "fundPay": "80.01"},
}
"""What it must let pass; a cent over the ten that details may differ by is above."""


def chosen(app: Flask, **values: str) -> None:
    """Policies of the demo account, in force at once."""
    policies(app, **values)
    app.extensions["qupiao"].his_accounts._known.clear()


def ledger(app: Flask) -> tuple[Any, ...]:
    """How many bills there are and where every range stands."""
    with app.extensions["qupiao"].services.database.read() as connection:
        bills = connection.scalar(select(func.count()).select_from(Bill))
        return bills, *connection.scalars(select(NumberRange.next).order_by(NumberRange.id))


def warnings(app: Flask, serial: str) -> list[str]:
    """What is kept with a bill."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.execute(select(Bill.warnings).where(Bill.serial == serial)).scalar_one())


def test_every_policy_has_its_cases() -> None:
    assert set(WRONG) == set(WITHIN) == set(POLICIES)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_refuses_warns_or_ignores(his: His, app: Flask, policy: str) -> None:
    wrong, says = WRONG[policy]
    others = dict.fromkeys(POLICIES, REFUSE) | {policy: WARN}
    chosen(app, **(others | {policy: REFUSE}))
    before = ledger(app)
    refused = his.call(ISSUE, outpatient("S1", **wrong))
    assert refused.result == "E2002" and says in refused.message, refused
    assert ledger(app) == before, "a refusal takes no number and leaves no bill"
    assert his.call(ISSUE, outpatient("S2", **WITHIN[policy]) | _channels(policy)).ok
    assert warnings(app, "S2") == []
    chosen(app, **others)
    assert his.call(ISSUE, outpatient("S1", **wrong)).ok, "the refused serial is free, the others still hold"
    [kept] = warnings(app, "S1")
    assert says in kept
    chosen(app)
    assert his.call(ISSUE, outpatient("S3", **wrong)).ok and warnings(app, "S3") == [kept], "warn is the default"
    chosen(app, **(others | {policy: IGNORE}))
    assert his.call(ISSUE, outpatient("S4", **wrong)).ok and warnings(app, "S4") == []


def _channels(policy: str) -> dict[str, Any]:
    """A cent more in total is a cent more by channel."""
    return row("payChannelDetail", 1, payChannelValue="80.01") if policy == "zero_rows" else {}


def test_the_total_is_no_matter_of_policy(his: His, app: Flask) -> None:
    """Σ chargeDetail.amt = totalAmt holds even where everything else is ignored."""
    chosen(app, **dict.fromkeys(POLICIES, IGNORE))
    before = ledger(app)
    refused = his.call(ISSUE, outpatient("T1", totalAmt="128.51"))
    assert refused.result == "E2002" and "chargeDetail 合计 128.50 与 totalAmt 128.51" in refused.message
    assert ledger(app) == before


def test_all_that_is_refused_is_named_at_once(his: His, app: Flask) -> None:
    chosen(app, **dict.fromkeys(POLICIES, REFUSE))
    wrong = {name: value for changes, _ in WRONG.values() for name, value in changes.items()}
    refused = his.call(ISSUE, outpatient("A1", totalAmt="128.40", **wrong))
    assert refused.result == "E2002"
    for says in ("chargeDetail 合计 128.50", "payChannelDetail 合计", "selfCashPay =", "listDetail 合计", "第 2 行"):
        assert says in refused.message
