"""Digests of a settlement's content: what makes another bill of it, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal.core import strict_json
from portal.core.crypto.field_cipher import BlindIndex
from portal.domain.documents.settlement import Dealing, Scene, Settlement, VoucherUse
from portal.his_contract.settlement import settlement as read
from portal.issuing.bills import content
from portal.issuing.bills.content import PARTS, differing, digests
from tests.factories.his_account import ACCOUNT
from tests.factories.his_vectors import V6_BUSINESS
from tests.factories.settlements import OUTPATIENT

INDEX = BlindIndex(b"k" * 16)


def changed_parts(**changes: Any) -> set[str]:
    """The parts that tell a settlement with these changes from the first one."""
    before, after = digests(INDEX, OUTPATIENT), digests(INDEX, replace(OUTPATIENT, **changes))
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


PAYER, SPLIT = OUTPATIENT.payer, OUTPATIENT.split
FIRST, SECOND = OUTPATIENT.charges
DRUG, VISIT = OUTPATIENT.details
WECHAT, INSURANCE = OUTPATIENT.payments


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, set()),
        ({"scene": Scene.EMERGENCY}, {"scene"}),
        ({"payer": replace(PAYER, kind="2")}, {"payer"}),
        ({"payer": replace(PAYER, name="林演")}, {"payer"}),
        ({"payer": replace(PAYER, id_no="")}, {"payer"}),
        ({"payer": replace(PAYER, name="林 演安", id_no="000000 1952 0315 0010")}, set()),
        ({"payer": replace(PAYER, phone="", email="a@b.cn")}, set()),
        ({"total_fen": 12851}, {"total"}),
        ({"split": replace(SPLIT, fund_fen=1)}, {"split"}),
        ({"charges": (replace(FIRST, code="0"), SECOND)}, {"charges"}),
        ({"charges": (replace(FIRST, name="别"), SECOND)}, {"charges"}),
        ({"charges": (replace(FIRST, amount_fen=1), SECOND)}, {"charges"}),
        ({"charges": (SECOND, FIRST)}, set()),
        ({"charges": (replace(FIRST, remark="", unit="人次"), SECOND)}, set()),
        ({"details": (replace(DRUG, code="0"), VISIT)}, {"details"}),
        ({"details": (replace(DRUG, name="别"), VISIT)}, {"details"}),
        ({"details": (replace(DRUG, quantity_micro=1), VISIT)}, {"details"}),
        ({"details": (replace(DRUG, amount_micro=1), VISIT)}, {"details"}),
        ({"details": (VISIT, DRUG)}, set()),
        ({"details": (DRUG, VISIT, VISIT)}, {"details"}),
        ({"payments": (replace(WECHAT, channel="cash"), INSURANCE)}, {"payments"}),
        ({"payments": (replace(WECHAT, amount_fen=1), INSURANCE)}, {"payments"}),
        ({"payments": (INSURANCE, WECHAT)}, set()),
        ({"payments": (replace(WECHAT, sent_code="99"), INSURANCE)}, set()),
        ({"purpose": Dealing("押金")}, {"purpose"}),
        ({"replaces": "OP0"}, {"replaces"}),
        ({"vouchers": ()}, {"vouchers"}),
        ({"vouchers": OUTPATIENT.vouchers[::-1]}, set()),
        ({"vouchers": (VoucherUse("99110126", "0000000007", 501), OUTPATIENT.vouchers[1])}, {"vouchers"}),
        ({"business_at": OUTPATIENT.business_at + timedelta(days=1), "remark": "", "cashier": "x"}, set()),
    ],
)
def test_only_the_substance_of_a_bill_is_its_content(changes: dict[str, Any], parts: set[str]) -> None:
    assert changed_parts(**changes) == parts


def test_a_bill_has_parts_only_of_what_it_has_and_keeps_them_short() -> None:
    plain = digests(INDEX, replace(OUTPATIENT, vouchers=()))
    assert set(plain) == {"scene", "payer", "total", "split", "charges", "details", "payments"}
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in plain.values())
    assert len(set(plain.values())) == 7


def test_kept_digests_stay_what_they_were() -> None:
    """Bills of years carry these; a change here would make every repeated push of them a conflict."""
    assert digests(INDEX, replace(OUTPATIENT, purpose=Dealing("押金"))) == {
        "scene": "cc37d3607b7046dc",
        "payer": "4e1645ff1fdb5831",
        "total": "a297ea41eb022357",
        "split": "3c1fcc5b1b9b2563",
        "charges": "7e8a74feaba8c62b",
        "details": "42f57ba7f55e0eae",
        "payments": "d473b944e1b99a8d",
        "purpose": "89b961a6d2902f7c",
        "vouchers": "44b541089aba0a81",
    }


def test_the_order_of_lines_counted_once() -> None:
    turned = replace(OUTPATIENT, charges=(SECOND, FIRST), details=(VISIT, DRUG), payments=(INSURANCE, WECHAT))
    before, after = (digests(INDEX, one, as_given=True) for one in (OUTPATIENT, turned))
    assert {name for name in before if before[name] != after[name]} == {"charges", "details"}


def test_differing_parts_are_named_in_the_order_of_the_form() -> None:
    sent = digests(INDEX, OUTPATIENT)
    assert differing(sent, sent) == []
    assert differing(sent | {"payments": "x", "scene": "y"}, sent) == ["业务类型", "缴费渠道"]
    assert differing({}, dict.fromkeys(PARTS, "z")) == [
        "业务类型",
        "交款人",
        "总金额",
        "费用构成",
        "收费项目",
        "清单明细",
        "缴费渠道",
        "往来或捐赠内容",
        "预交金扣款",
        "被替换票据",
    ]


# --- a push that is repeated after the rules of reading have changed -------------------------------------------------

OUTPATIENT_METHOD, INPATIENT_METHOD = "invoiceEBillOutpatient", "invEBillHospitalized"


def changed(
    monkeypatch: pytest.MonkeyPatch, sent: Settlement, kept: dict[str, str], body: str = V6_BUSINESS
) -> list[str]:
    """How a push differs from bill 7, whose body was kept as it had been sent."""
    monkeypatch.setattr(content.bills, "sent_body", lambda services, bill_id: body if bill_id == 7 else "")
    return content.changed(SimpleNamespace(index=INDEX), ACCOUNT, sent, 7, kept)  # type: ignore[arg-type]


@pytest.fixture
def pushed() -> Settlement:
    """The worked vector of the HIS contract."""
    return read(OUTPATIENT_METHOD, strict_json.decode_object(V6_BUSINESS.encode()), ACCOUNT)


def test_the_same_push_differs_in_nothing(monkeypatch: pytest.MonkeyPatch, pushed: Settlement) -> None:
    assert changed(monkeypatch, pushed, digests(INDEX, pushed), body="no JSON") == []


def test_a_bill_kept_with_the_order_of_its_lines_is_the_same(
    monkeypatch: pytest.MonkeyPatch, pushed: Settlement
) -> None:
    kept = digests(INDEX, replace(pushed, charges=pushed.charges[::-1]), as_given=True)
    turned = replace(pushed, charges=pushed.charges[::-1])
    assert changed(monkeypatch, turned, kept, body="no JSON") == []
    assert changed(monkeypatch, pushed, kept, body="no JSON") == ["收费项目"]


def test_a_bill_kept_by_older_rules_is_read_again(monkeypatch: pytest.MonkeyPatch, pushed: Settlement) -> None:
    kept = digests(INDEX, pushed) | {"payer": "old", "charges": "old", "details": "old"}
    assert changed(monkeypatch, pushed, kept) == []
    other = replace(pushed, payer=replace(pushed.payer, name="陈样英"), total_fen=1)
    assert changed(monkeypatch, other, kept) == ["交款人", "总金额"]
    assert changed(monkeypatch, pushed, kept | {"total": "old"}) == ["总金额"]


def test_what_checks_would_refuse_today_is_read_again_all_the_same(
    monkeypatch: pytest.MonkeyPatch, pushed: Settlement
) -> None:
    kept = digests(INDEX, pushed) | {"payer": "old"}
    strict = replace(ACCOUNT, policies={"details": "refuse", "times": "refuse"})
    monkeypatch.setattr(content.bills, "sent_body", lambda services, bill_id: V6_BUSINESS)
    assert content.changed(SimpleNamespace(index=INDEX), strict, pushed, 7, kept) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("body", ["", "{}", "[1]", '{"busNo": "1"}'])
def test_a_body_that_cannot_be_read_again_settles_nothing(
    monkeypatch: pytest.MonkeyPatch, pushed: Settlement, body: str
) -> None:
    kept = digests(INDEX, pushed) | {"payer": "old"}
    assert changed(monkeypatch, pushed, kept, body) == ["交款人"]


@pytest.mark.parametrize(
    ("scene", "method"), [(Scene.INPATIENT, INPATIENT_METHOD), (Scene.EMERGENCY, OUTPATIENT_METHOD)]
)
def test_it_is_read_again_as_the_interface_of_its_scene_reads_it(
    monkeypatch: pytest.MonkeyPatch, scene: Scene, method: str
) -> None:
    asked: list[tuple[Any, ...]] = []

    def reading(method: str, body: dict[str, Any], account: Any) -> Settlement:
        asked.append((method, body, account.policies))
        return OUTPATIENT

    monkeypatch.setattr(content.his_contract, "settlement", reading)
    assert changed(monkeypatch, replace(OUTPATIENT, scene=scene), {}, '{"a": 1}') != []
    policies = {"channels": "ignore", "split": "ignore", "details": "ignore", "zero_rows": "ignore", "times": "ignore"}
    assert asked == [(method, {"a": 1}, policies)]
