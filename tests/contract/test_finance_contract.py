"""The finance contract against the simulator's process over real HTTP: what is checked, and every fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from portal.core.clock import now
from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import SignatureInvalid, verify_detached
from portal.demo.settings import DemoSettings
from portal.domain.documents.bill import Item, MedicalExt
from portal.providers.finance.client import FinanceClient
from portal.providers.finance.messages import (
    FinanceAway,
    SupervisionGiven,
    SupervisionQueued,
    SupervisionRefused,
    Upload,
)
from portal.providers.finance.national import envelope
from portal.providers.finance.result_codes import ResultCode
from portal.rendering import xml
from tests.support.processes.services import wait_for
from tests.support.processes.simulators import BillMaker, Simulators

ACCOUNT = DemoSettings()


def verify(maker: BillMaker, bill: Upload, answer: Any) -> None:
    """The supervision covers exactly our bytes and our signature, under the finance CA."""
    assert isinstance(answer, SupervisionGiven)
    parts = xml.split(bill.document)
    supervisor = xml.signature_fields(answer.supervisor_signature)
    data = xml.supervised_bytes(parts.signed, parts.unit_element)
    roots = [load_certificate(maker.keys.ca_certificate)]
    assert verify_detached(supervisor.value, data, roots, supervisor.time).serial_hex == supervisor.serial_hex
    with pytest.raises(SignatureInvalid):
        verify_detached(supervisor.value, data + b" ", roots, supervisor.time)


@pytest.mark.parametrize("algorithm", envelope.ALGORITHMS)
def test_upload_is_supervised(finance: Simulators, maker: BillMaker, algorithm: str) -> None:
    """9301: the answer carries a signature that verifies, the seal of the document, the time."""
    client, bill = finance.client(algorithm=algorithm), maker.upload()
    answer = client.upload(bill)
    verify(maker, bill, answer)
    assert isinstance(answer, SupervisionGiven)
    assert not answer.duplicate
    assert answer.seal["SealId"] == "9" * 32
    assert abs(answer.time - now()) < timedelta(minutes=5)


def test_same_bill_again_is_one_effect(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """4001: the same signature again, one supervision, both attempts seen."""
    bill = maker.upload()
    first, second = client.upload(bill), client.upload(bill)
    assert isinstance(first, SupervisionGiven)
    assert isinstance(second, SupervisionGiven)
    assert second.duplicate
    assert second.code == ResultCode.DUPLICATE_SAME
    assert second.supervisor_signature == first.supervisor_signature
    row = finance.bill(bill.code, bill.number)
    assert row is not None
    assert (row["effects"], row["attempts"], row["state"]) == (1, 2, "SUPERVISED")


def test_same_bill_at_once_is_one_effect(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """Sixteen senders of one bill: sixteen attempts, one supervision."""
    bill = maker.upload()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.upload(bill), range(16)))
    assert len({answer.supervisor_signature for answer in answers if isinstance(answer, SupervisionGiven)}) == 1
    assert sum(not answer.duplicate for answer in answers if isinstance(answer, SupervisionGiven)) == 1
    row = finance.bill(bill.code, bill.number)
    assert row is not None
    assert (row["effects"], row["attempts"]) == (1, 16)


def test_other_content_under_the_number_is_a_conflict(client: FinanceClient, maker: BillMaker) -> None:
    """4002 is final; the first bill stays what it was."""
    document = maker.document()
    bill = maker.upload(document)
    first = client.upload(bill)
    other = client.upload(maker.upload(replace(document, cashier="收费员二")))
    assert isinstance(other, SupervisionRefused)
    assert other.code == ResultCode.DUPLICATE_OTHER
    again = client.upload(bill)
    assert isinstance(first, SupervisionGiven)
    assert isinstance(again, SupervisionGiven)
    assert again.supervisor_signature == first.supervisor_signature


def test_result_needs_the_check_code(client: FinanceClient, maker: BillMaker) -> None:
    """9302: unknown bill and wrong check code are one answer."""
    bill = maker.upload()
    uploaded = client.upload(bill)
    found = client.result(bill.code, bill.number, "0a1b2c")
    assert isinstance(uploaded, SupervisionGiven)
    assert isinstance(found, SupervisionGiven)
    assert found.supervisor_signature == uploaded.supervisor_signature
    wrong = client.result(bill.code, bill.number, "0a1b2d")
    unknown = client.result(bill.code, "9999999999", "0a1b2c")
    assert wrong == unknown == SupervisionRefused(ResultCode.BILL_UNKNOWN, ResultCode.BILL_UNKNOWN.title)


def _red_of(maker: BillMaker, original: Upload) -> Upload:
    ext = MedicalExt(own_pay_fen=-12850, related_code=original.code, related_number=original.number)
    items = (Item("0801", "诊察费", -12850),)
    return maker.upload(maker.document(total_fen=-12850, ext=ext, items=items))


def test_red_bill_needs_its_original(client: FinanceClient, maker: BillMaker) -> None:
    """9303: refused before finance has the original, supervised after."""
    original = maker.upload()
    red = _red_of(maker, original)
    assert client.number(red) == "9303"
    early = client.upload(red)
    assert isinstance(early, SupervisionRefused)
    assert early.code == ResultCode.RELATED_UNKNOWN
    client.upload(original)
    verify(maker, red, client.upload(red))


def test_red_bill_must_name_the_original_that_it_signed(client: FinanceClient, maker: BillMaker) -> None:
    """The message cannot say another original than the signed bytes."""
    original, other = maker.upload(), maker.upload()
    client.upload(original)
    client.upload(other)
    red = replace(_red_of(maker, original), related=(other.code, other.number))
    answer = client.upload(red)
    assert isinstance(answer, SupervisionRefused)
    assert answer.code == ResultCode.DOCUMENT_DISAGREES


def test_numbers_outside_of_granted_segments(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """Once finance was told the segments of a code, others are refused."""
    code = "99060227"
    finance.post("/finance/segments", [{"bill_code": code, "first": 1000, "last": 1999}])
    inside, outside = (maker.upload(maker.document(code=code, number=f"{number:010d}")) for number in (1999, 2000))
    assert isinstance(client.upload(inside), SupervisionGiven)
    answer = client.upload(outside)
    assert isinstance(answer, SupervisionRefused)
    assert answer.code == ResultCode.NUMBER_NOT_GRANTED


def test_sums_must_agree(client: FinanceClient, maker: BillMaker) -> None:
    """A validly signed bill whose items do not make its total."""
    answer = client.upload(maker.upload(maker.document(total_fen=12851)))
    assert isinstance(answer, SupervisionRefused)
    assert answer.code == ResultCode.FIELD_INVALID


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"down": True}, "http"),
        ({"hang_up": True}, "network"),
        ({"half_answer": True}, "network"),
        ({"answer_lost": True}, "network"),
        ({"slow": {"value": 1500}}, "timeout"),
        ({"busy": True}, "5001"),
        ({"wrong_digest": True}, "reply"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_fault_leaves_it_unknown_then_one_effect(
    finance: Simulators, maker: BillMaker, fault: dict[str, Any], code: str
) -> None:
    """Transient: FinanceAway; and once the fault is gone, the bill is supervised exactly once."""
    finance.faults("finance", **fault)
    bill, client = maker.upload(), finance.client(timeout=0.7)
    with pytest.raises(FinanceAway) as away:
        client.upload(bill)
    assert away.value.code == code
    finance.faults("finance")
    patient = finance.client()
    verify(maker, bill, patient.upload(bill))
    row = finance.bill(bill.code, bill.number)
    assert row is not None
    assert row["effects"] == 1


@pytest.mark.parametrize("fault", ["answer_lost", "half_answer"])
def test_lost_answer_did_the_work(finance: Simulators, client: FinanceClient, maker: BillMaker, fault: str) -> None:
    """The effect is there although nobody was told; the second upload is 4001."""
    finance.faults("finance", **{fault: {"count": 1}})
    bill = maker.upload()
    with pytest.raises(FinanceAway):
        client.upload(bill)
    row = finance.bill(bill.code, bill.number)
    assert row is not None
    assert row["state"] == "SUPERVISED"
    again = client.upload(bill)
    assert isinstance(again, SupervisionGiven)
    assert again.duplicate


def test_rejected_field_is_final_and_kept_by_nobody(
    finance: Simulators, client: FinanceClient, maker: BillMaker
) -> None:
    """2001 names the field."""
    finance.faults("finance", reject_field={"count": 1})
    bill = maker.upload()
    answer = client.upload(bill)
    assert isinstance(answer, SupervisionRefused)
    assert answer.code == ResultCode.FIELD_INVALID
    assert "PayerPartyName" in answer.reason
    assert finance.bill(bill.code, bill.number) is None


def test_duplicate_delivery_is_one_effect(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """The message arrives twice behind our back: 4001, one supervision."""
    finance.faults("finance", duplicate={"count": 1})
    bill = maker.upload()
    answer = client.upload(bill)
    verify(maker, bill, answer)
    assert isinstance(answer, SupervisionGiven)
    assert answer.duplicate
    row = finance.bill(bill.code, bill.number)
    assert row is not None
    assert (row["effects"], row["attempts"]) == (1, 2)


def test_queued_then_fetched(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """SupervisionQueued; the same upload again is queued too; 9302 brings the supervision later."""
    finance.faults("finance", queue={"value": 600, "count": 1})
    bill = maker.upload()
    assert client.upload(bill) == SupervisionQueued("0000", duplicate=False)
    assert client.upload(bill) == SupervisionQueued("4001", duplicate=True)

    def supervised() -> SupervisionGiven | None:
        answer = client.result(bill.code, bill.number, "0a1b2c")
        return answer if isinstance(answer, SupervisionGiven) else None

    verify(maker, bill, wait_for(supervised))


def test_queued_then_refused(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """An officer refuses a queued bill: final, with the opinion."""
    finance.faults("finance", queue={"value": 60_000, "count": 1})
    bill = maker.upload()
    assert isinstance(client.upload(bill), SupervisionQueued)
    finance.post("/finance/refuse", {"bill_code": bill.code, "number": bill.number, "opinion": "项目编码有误"})
    answer = client.result(bill.code, bill.number, "0a1b2c")
    assert answer == SupervisionRefused(ResultCode.FIELD_INVALID, "项目编码有误")


def test_counted_and_probable_faults(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """A count is used up; probability 0 never strikes."""
    finance.faults("finance", busy={"count": 2}, down={"probability": 0})
    bill = maker.upload()
    for _ in range(2):
        with pytest.raises(FinanceAway):
            client.upload(bill)
    assert isinstance(client.upload(bill), SupervisionGiven)
    assert finance.get("/finance/faults")["busy"]["on"] is False


@pytest.mark.parametrize(
    "body",
    [{"nothing": True}, {"slow": {"value": -1}}, {"down": {"probability": 2}}, {"down": {"count": "x"}}, [], "x"],
)
def test_wrong_switches_change_nothing(finance: Simulators, body: Any) -> None:
    """400 with a reason; the switches stay."""
    before = finance.get("/finance/faults")
    answer = httpx.post(finance.url("/finance/faults"), json=body, trust_env=False)
    assert answer.status_code == 400
    assert finance.get("/finance/faults") == before


def test_pages_say_demo_and_name_nobody(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """Start page and finance page are readable, say 演示, and show no payer."""
    bill = maker.upload()
    client.upload(bill)
    start, desk = finance.page("/"), finance.page("/finance")
    assert "演示" in start
    assert "财政监制" in start
    assert "短信网关" in start
    assert bill.number in desk
    assert "演示甲" not in desk
    assert "演示甲" not in str(finance.get("/finance/bills.json"))
