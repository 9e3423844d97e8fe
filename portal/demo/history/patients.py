"""What patients did: requests to the desk, verifications, proxies, bills asked for by e-mail, a protected person."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import select

from portal.core.clock import local
from portal.core.services import Services
from portal.delivery import requests as delivery_requests
from portal.demo.history.people import CASHIER, LEAD, SECURITY, Issued, already, issued, share
from portal.demo.settlements import PERSONS, Person
from portal.domain.errors import Refusal
from portal.hospital import protected_persons
from portal.ledger import bills
from portal.models import PatientRequest
from portal.retrieval import family, patient_requests, verification
from portal.retrieval.verification import Elements
from portal.runtime import Runtime

ADDRESS = "192.0.2.10"
"""Of the invented patients' network; documents may use it."""
VERIFIED, MAILED = 40, 6
"""Bills that an employer has verified; bills that a patient wanted by e-mail."""
_ASKED = (
    ("correction", {"wrong": "name", "right": "林演安", "phone": "10000000001"}, ""),
    ("correction", {"wrong": "amount", "right": "多收了一盒药", "phone": "10000000003"}, ""),
    ("correction", {"wrong": "number", "right": "证件号末位应为 X"}, "done"),
    ("not_me", {"channel": "短信", "address": "100****0012"}, "done"),
    ("not_me", {"channel": "短信", "address": "100****0019"}, ""),
    ("correction", {"wrong": "other", "right": "科室应为儿科"}, "declined"),
)
_MISSING = (
    ({"day": "昨天", "amount": "86.40", "paid": "wechat", "person": "许演星", "phone": "10000000006"}, ""),
    ({"day": "上周五", "amount": "12.50", "paid": "cash", "person": "冯样海", "note": "急诊收费窗"}, "done"),
)
_ANSWERS = {"done": "已核对并办理，请刷新页面查看。", "declined": "与就诊记录一致，不能更改。"}


def write(runtime: Runtime) -> None:
    """Write them all; the newest bills are meant."""
    services, found = runtime.services, issued(runtime.services)
    _ask(runtime, found)
    for bill in share(found[-VERIFIED * 4 :], 25, 2):
        _verify(runtime, bill)
    _bind(services)
    person = PERSONS[20]
    order = protected_persons.Order(person.name, [person.id_no, person.phone], "staff", "本院职工家属，本人要求")
    with already("MARK_KNOWN"):
        protected_persons.mark(services, SECURITY, order)
    for place, bill in enumerate(found[-MAILED:]):
        with suppress(Refusal):  # asked too often: there are enough
            to = f"patient{place}@example.com"
            delivery_requests.send_bill_by_mail(services, runtime.limits, CASHIER, bill.id, to)


def _ask(runtime: Runtime, found: list[Issued]) -> None:
    asked = [
        (kind, content, bill.id, state) for (kind, content, state), bill in zip(_ASKED, reversed(found), strict=False)
    ]
    for kind, content, bill_id, state in [*asked, *(("missing", content, None, state) for content, state in _MISSING)]:
        asked_for = patient_requests.Asked(kind, content, bill_id)
        patient_requests.ask(runtime.services, runtime.limits, 1, asked_for, ADDRESS)
        if state:
            with already("REQUEST_CLOSED"):
                patient_requests.answer(
                    runtime.services, LEAD, _latest(runtime.services, kind, bill_id), state, _ANSWERS[state]
                )


def _latest(services: Services, kind: str, bill_id: int | None) -> int:
    of_bill = select(PatientRequest.id).where(PatientRequest.kind == kind, PatientRequest.bill_id == bill_id)
    with services.database.read() as connection:
        return connection.scalars(of_bill.order_by(PatientRequest.created_at.desc()).limit(1)).one()


def _verify(runtime: Runtime, bill: Issued) -> None:
    """Verify a bill by its five elements, as an employer types them from the face."""
    with runtime.services.database.read() as connection:
        facts = bills.by_id(connection, bill.id)
    assert facts is not None
    day = local(facts.issued_at).date()
    typed = Elements(facts.code, int(facts.number), facts.check_code, day, facts.total_fen)
    with suppress(Refusal):  # too many look-ups from one network: there are enough
        verification.verify(runtime.services, runtime.limits, 1, typed, f"198.51.100.{bill.id % 50 + 1}")


def _bind(services: Services) -> None:
    for kind, holder, subject, relation, document in (
        ("proxy", 2, 1, "父母", "双方身份证、授权书"),
        ("guardian", 3, 4, "子女", "户口簿"),
        ("proxy", 6, 7, "配偶", "结婚证、双方身份证"),
    ):
        ground = family.Ground(kind, relation, document)
        family.bind_at_desk(services, LEAD, _person(PERSONS[holder]), _person(PERSONS[subject]), ground)


def _person(person: Person) -> family.Person:
    return family.Person(person.name, person.id_no, person.phone)
