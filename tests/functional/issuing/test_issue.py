"""Issuing through the signed interface, on both databases."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import verify_detached
from portal.issuing.bills import content
from portal.ledger import bills
from portal.models import AuditEntry, Bill, BillItem, BillParty, NumberRange, PartyKey
from portal.rendering import xml
from tests.support import codes, ledger
from tests.support.his import His, outpatient

SCENES = {
    "06": ("invEBillRegistration", "registration", codes.OUTPATIENT),
    "02": ("invoiceEBillOutpatient", "outpatient", codes.OUTPATIENT),
    "03": ("invoiceEBillOutpatient", "emergency", codes.OUTPATIENT),
    "04": ("invoiceEBillOutpatient", "chronic", codes.OUTPATIENT),
    "05": ("invEBillCheckUp", "checkup", codes.OUTPATIENT),
    "13": ("invoiceEBillOutpatient", "immunisation", codes.OUTPATIENT),
    "01": ("invEBillHospitalized", "inpatient", codes.INPATIENT),
}


@pytest.mark.parametrize("bus_type", SCENES)
def test_every_scene_is_issued(his: His, app: Flask, bus_type: str) -> None:
    method, scene, code = SCENES[bus_type]
    stay = {
        "inHospitalDate": "2026-11-10",
        "outHospitalDate": "20261118",
        "hospitalNo": "ZY1",
        "category": "内儿科病区",
    }
    answer = his.call(method, outpatient(f"S{bus_type}", busType=bus_type, **(stay if bus_type == "01" else {})))
    assert answer.ok, answer.message
    assert answer.payload["billBatchCode"] == code
    assert len(answer.payload["billNo"]) == 10 and len(answer.payload["random"]) == 6
    assert len(answer.payload["billBusDate"]) == len(answer.payload["createTime"]) == 17
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(Bill.scene)) == scene
        assert ledger.check(connection) == 1


def test_what_is_signed_verifies_and_says_what_was_sent(his: His, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    answer = his.call("invoiceEBillOutpatient", outpatient("S1", payer="冯𬭎𠮷")).payload
    with services.database.read() as connection:
        bill_id = connection.scalar(select(Bill.id))
    parts = xml.split(bills.document_xml(services, bill_id))
    root = load_certificate(services.settings.data_dir / "keys" / "ca.crt")
    assert verify_detached(parts.unit.value, parts.signed, [root]).serial_hex == services.signer.serial_hex
    document = xml.read(parts.signed)
    assert (document.code, document.number, document.check_code) == (
        answer["billBatchCode"],
        answer["billNo"],
        answer["random"],
    )
    assert document.payer.name == "冯𬭎𠮷"
    assert document.total_fen == 12850
    assert [item.code for item in document.items] == ["0801", "0807"]


def test_the_same_serial_is_the_same_bill(his: His, app: Flask) -> None:
    first = his.call("invoiceEBillOutpatient", outpatient("S1")).payload
    again = his.call("invoiceEBillOutpatient", outpatient("S1", payee="收费员丙", busDateTime="20261118235959"))
    assert again.ok
    assert {name: again.payload[name] for name in ("billNo", "random", "pictureUrl")} == {
        name: first[name] for name in ("billNo", "random", "pictureUrl")
    }
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"payer": "陈样英"}, "交款人"), ({"busType": "03"}, "业务类型"), ({"fundPay": 70, "accountPay": 10}, "费用构成")],
)
def test_other_content_is_refused_named_and_recorded(his: His, app: Flask, changes: dict, named: str) -> None:
    his.call("invoiceEBillOutpatient", outpatient("S1"))
    answer = his.call("invoiceEBillOutpatient", outpatient("S1", **changes))
    assert not answer.ok
    assert named in answer.message and "业务流水号" in answer.message
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 1
        assert connection.scalar(select(func.count()).where(AuditEntry.action == "bill.conflict")) == 1


@pytest.mark.parametrize(("first", "again"), [("P1", "P2"), ("", "P1"), ("P1", "")])
def test_another_replaced_bill_is_other_content(his: His, app: Flask, first: str, again: str) -> None:
    """It is on the reversed bill's page that the new one replaces it, so it says something else."""
    assert his.call("invoiceEBillOutpatient", outpatient("S1", replacedBusNo=first)).ok
    assert his.call("invoiceEBillOutpatient", outpatient("S1", replacedBusNo=first)).ok
    answer = his.call("invoiceEBillOutpatient", outpatient("S1", replacedBusNo=again))
    assert answer.result == "E2005" and "被替换票据" in answer.message


def test_a_bill_kept_without_that_digest_is_still_the_same(
    his: His, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bills of an earlier version know what they replace from the body that was kept."""
    now_made = content.digests
    earlier = lambda *given, **more: {k: v for k, v in now_made(*given, **more).items() if k != "replaces"}  # noqa: E731
    monkeypatch.setattr(content, "digests", earlier)
    assert his.call("invoiceEBillOutpatient", outpatient("S1", replacedBusNo="P1")).ok
    monkeypatch.setattr(content, "digests", now_made)
    assert his.call("invoiceEBillOutpatient", outpatient("S1", replacedBusNo="P1")).ok
    assert his.call("invoiceEBillOutpatient", outpatient("S1", replacedBusNo="P2")).result == "E2005"


@pytest.mark.parametrize(
    ("payer", "said"), [("林\u0378安", "U+0378"), ("林\U000e0041安", "U+E0041"), ("林\U0003ffff安", "U+3FFFF")]
)
def test_a_name_that_no_font_prints_is_told_by_its_code(his: His, payer: str, said: str) -> None:
    answer = his.call("invoiceEBillOutpatient", outpatient("S1", payer=payer))
    assert answer.result == "E2007" and said in answer.message


@pytest.mark.parametrize("mark", ["\u200b", "\u200d", "\ufe0f", "\u00ad"])
def test_a_mark_without_ink_falls_away_and_is_no_other_name(his: His, mark: str) -> None:
    first = his.call("invoiceEBillOutpatient", outpatient("S1", payer=f"林{mark}演安"))
    assert first.ok, first.message
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).payload["billNo"] == first.payload["billNo"]


def test_a_point_without_numbers_says_what_to_do(his: His, app: Flask) -> None:
    database = app.extensions["qupiao"].services.database
    with database.write() as connection:
        connection.execute(update(NumberRange).values(last=NumberRange.first + 1))
    for count in range(2):
        assert his.call("invoiceEBillOutpatient", outpatient(f"S{count}")).ok
    answer = his.call("invoiceEBillOutpatient", outpatient("S9"))
    assert not answer.ok and "无可用票号" in answer.message and "分发号段" in answer.message
    with database.read() as connection:
        assert ledger.check(connection) == 2


@pytest.mark.parametrize(
    "statement",
    [
        update(Bill).values(total_fen=1),
        update(Bill).values(number=Bill.number + 1),
        update(Bill).values(state="reversed"),
        Bill.__table__.delete(),
        update(BillItem).values(amount_fen=1),
        BillParty.__table__.delete(),
        AuditEntry.__table__.delete(),
        update(NumberRange).values(next=NumberRange.first),
    ],
    ids=["total", "number", "state", "delete", "item", "party", "audit", "range"],
)
def test_the_database_itself_refuses(his: His, app: Flask, statement: object) -> None:
    his.call("invoiceEBillOutpatient", outpatient("S1"))
    database = app.extensions["qupiao"].services.database
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(statement)
    with database.read() as connection:
        assert ledger.check(connection) == 1


def test_personal_data_is_not_in_the_tables_in_clear(his: His, app: Flask) -> None:
    his.call("invoiceEBillOutpatient", outpatient("S1"))
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(PartyKey)) == 2
        for table in Bill.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                text = repr(tuple(row))
                for secret in ("林演安", "000000195203150010", "10000000001"):
                    assert secret not in text, table.name
                    assert repr(secret.encode())[2:-1] not in text, table.name
