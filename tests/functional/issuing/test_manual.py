"""Manual issuing on both databases: every kind, drafts, once and only once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from portal.domain.actor import Actor
from portal.domain.documents.manual_input import Entry, entry
from portal.domain.documents.settlement import Scene
from portal.domain.errors import Refusal
from portal.issuing.bills.issue import Issued
from portal.issuing.manual import catalogue, known_payers
from portal.issuing.manual.drafts import Draft, ManualIssueService
from portal.issuing.manual.entry import Checked
from portal.ledger import bills
from portal.models import AuditEntry, Bill, BillPurpose, DeskDraft, KnownPayer, NumberRange
from portal.rendering import xml
from tests.support import ledger
from tests.support.his import His, outpatient

ACTOR = Actor("staff:chen", "陈样收", 1, "request-1")
PERSON = {"payer_kind": "1", "payer_name": "林演安", "id_type": "id_card", "id_no": "000000195203150010"}
TYPED: dict[Scene, tuple[dict[str, str], list[dict[str, str]], list[dict[str, str]]]] = {
    Scene.OUTPATIENT: (
        PERSON | {"phone": "10000000001", "scene": "emergency", "department": "急诊科", "fund": "20", "remember": "1"},
        [
            {"code": "F0002", "quantity": "1", "price": "12", "amount": "12.00"},
            {"code": "Y0001", "quantity": "2", "price": "7.8", "amount": ""},
        ],
        [{"channel": "insurance", "amount": "20"}, {"channel": "wechat", "amount": "7.60", "reference": "T1"}],
    ),
    Scene.INPATIENT: (
        PERSON | {"hospital_no": "ZY0001", "in_date": "2026-11-01", "out_date": "2026-11-05", "prepay": "100"},
        [{"code": "B0001", "quantity": "4"}],
        [{"channel": "prepayment"}],
    ),
    Scene.DEALING: (
        {"payer_kind": "2", "payer_name": "阳江示例五金厂", "id_no": "TEST0000000000001X", "category": "保证金"}
        | {"counterparty": "阳江示例五金厂", "basis": "维修工程合同"},
        [{"code": "W0201", "quantity": "1"}],
        [{"channel": "transfer"}],
    ),
    Scene.DONATION: (
        {"payer_kind": "1", "payer_name": "演示爱心人士", "project": "助残", "donation_form": "goods"},
        [{"code": "J0201", "name": "轮椅", "unit": "台", "quantity": "10", "price": "680"}],
        [],
    ),
}
CODES = {Scene.OUTPATIENT: "0601", Scene.INPATIENT: "0602", Scene.DEALING: "0401", Scene.DONATION: "0501"}


@pytest.fixture
def desk(app: Flask) -> ManualIssueService:
    return ManualIssueService(app.extensions["qupiao"].services, app.extensions["qupiao"].issuing)


def typed(kind: Scene, started: Draft, **changes: str) -> Entry:
    head, lines, payments = TYPED[kind]
    office = {"business_day": started.entry.fields["business_day"], "checker": "复核员乙", "point_code": "01"}
    return entry(kind, office | head | changes, lines, payments)


def saved(desk: ManualIssueService, kind: Scene, **changes: str) -> Draft:
    started = desk.start(ACTOR, kind)
    return desk.save(ACTOR, started.id, started.version, typed(kind, started, **changes))


def issue(desk: ManualIssueService, found: Draft) -> Issued:
    made = desk.issue(ACTOR, found.id, found.version)
    assert isinstance(made, Issued), made.problems
    return made


@pytest.mark.parametrize("kind", list(TYPED))
def test_every_kind_is_issued_by_the_one_path(desk: ManualIssueService, app: Flask, kind: Scene) -> None:
    found = saved(desk, kind)
    made = issue(desk, found)
    assert made.code[2:6] == CODES[kind]
    assert made.serial == f"SG{found.id}"
    database = app.extensions["qupiao"].services.database
    with database.read() as connection:
        assert ledger.check(connection) == 1
        bill = connection.execute(select(Bill.cashier, Bill.checker, Bill.scene)).one()
        purposes = connection.scalar(select(func.count()).select_from(BillPurpose))
        assert connection.scalar(select(AuditEntry.actor).where(AuditEntry.action == "bill.issued")) == ACTOR.label
        content = connection.scalar(select(DeskDraft.content))
    assert (bill.cashier, bill.checker) == (ACTOR.name, "复核员乙")
    assert purposes == (0 if kind.medical else 1)
    assert "林演安" not in app.extensions["qupiao"].services.cipher.decrypt_text(
        "desk_draft.content", found.id, content
    )
    document = xml.read(bills.document_xml(app.extensions["qupiao"].services, made.bill_id))
    assert document.total_fen == sum(item.amount_fen for item in document.items)
    extras = dict(document.ext.extras)
    if kind is Scene.DEALING:
        assert extras == {"往来类别": "保证金", "对方单位": "阳江示例五金厂", "依据": "维修工程合同"}
    if kind is Scene.DONATION:
        assert extras == {"捐赠项目": "助残", "捐赠形式": "实物"}
        assert (document.items[0].name, document.aux_items[0].name) == ("实物捐赠", "轮椅")
    whole = bills.document_xml(app.extensions["qupiao"].services, made.bill_id)
    assert (b"<FundPayAmount>" in whole) == kind.medical


def test_a_purpose_is_as_immutable_as_its_bill(desk: ManualIssueService, app: Flask) -> None:
    issue(desk, saved(desk, Scene.DONATION))
    for statement in (update(BillPurpose).values(project="别的"), BillPurpose.__table__.delete()):
        with (
            pytest.raises(Exception, match="bill_purpose is"),
            app.extensions["qupiao"].services.database.write() as connection,
        ):
            connection.execute(statement)


def test_double_clicks_are_one_bill(desk: ManualIssueService, app: Flask) -> None:
    found = saved(desk, Scene.OUTPATIENT)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: issue(desk, found), range(16)))
    assert len({bill.number for bill in made}) == 1
    assert len({bill.token for bill in made}) == 1
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 1
        assert connection.scalar(select(func.count()).select_from(KnownPayer)) == 1


def test_control_without_the_serial_double_clicks_are_many_bills(
    desk: ManualIssueService, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race above with serials that are not the draft's: it must make more than one bill."""
    found = saved(desk, Scene.OUTPATIENT)
    count = iter(range(100))
    whole = desk.check

    def unguarded(actor: Actor, draft: Draft) -> Checked:
        checked = whole(actor, draft)
        assert checked.settlement
        return replace(checked, settlement=replace(checked.settlement, serial=f"X{next(count)}"))

    monkeypatch.setattr(desk, "check", unguarded)
    monkeypatch.setattr(desk, "get", lambda _actor, _id: found)
    with ThreadPoolExecutor(4) as pool:
        assert len({bill.number for bill in pool.map(lambda _: issue(desk, found), range(4))}) > 1


def test_a_crash_between_bill_and_draft_heals(
    desk: ManualIssueService, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = saved(desk, Scene.OUTPATIENT)
    with monkeypatch.context() as broken:
        broken.setattr(desk, "_close", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            desk.issue(ACTOR, found.id, found.version)
    again = desk.get(ACTOR, found.id)
    assert again.bill_id is not None
    assert issue(desk, found).bill_id == again.bill_id
    assert desk.drafts(ACTOR) == []
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 1


def test_a_form_sent_twice_is_saved_once_and_another_window_is_noticed(desk: ManualIssueService) -> None:
    started = desk.start(ACTOR, Scene.OUTPATIENT)
    first = typed(Scene.OUTPATIENT, started)
    assert desk.save(ACTOR, started.id, 1, first).version == 2
    assert desk.save(ACTOR, started.id, 1, first).version == 2
    with pytest.raises(Refusal) as refused:
        desk.save(ACTOR, started.id, 1, typed(Scene.OUTPATIENT, started, remark="另一窗口"))
    assert refused.value.code == "DRAFT_CHANGED"
    with pytest.raises(Refusal) as refused:
        desk.issue(ACTOR, started.id, 1)
    assert refused.value.code == "DRAFT_CHANGED"


def test_what_is_wrong_takes_no_number(desk: ManualIssueService, app: Flask) -> None:
    found = saved(desk, Scene.OUTPATIENT, payer_name="")
    checked = desk.issue(ACTOR, found.id, found.version)
    assert isinstance(checked, Checked)
    assert [problem.where for problem in checked.problems] == ["payer_name"]
    assert desk.get(ACTOR, found.id).entry.fields["department"] == "急诊科", "what was typed is kept"
    assert desk.preview(ACTOR, found) is None
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 0


def test_a_preview_has_neither_number_nor_effect(desk: ManualIssueService, app: Flask) -> None:
    document = desk.preview(ACTOR, saved(desk, Scene.INPATIENT))
    assert document is not None
    assert (document.number, document.check_code, document.total_fen) == ("", "", 10000)
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 0


@pytest.mark.parametrize("stranger", [Actor("staff:li", "李", 1), Actor("staff:chen", "陈", 2)])
def test_a_draft_belongs_to_one_person_of_one_unit(desk: ManualIssueService, stranger: Actor) -> None:
    found = saved(desk, Scene.OUTPATIENT)
    for act in (
        lambda: desk.get(stranger, found.id),
        lambda: desk.save(stranger, found.id, found.version, found.entry),
        lambda: desk.issue(stranger, found.id, found.version),
        lambda: desk.discard(stranger, found.id),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code == "DRAFT_UNKNOWN"
    assert desk.drafts(stranger) == []


def test_a_discarded_draft_is_gone_with_what_was_typed(desk: ManualIssueService, app: Flask) -> None:
    found = saved(desk, Scene.OUTPATIENT)
    desk.discard(ACTOR, found.id)
    with pytest.raises(Refusal):
        desk.get(ACTOR, found.id)
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(DeskDraft.content)) is None


def test_a_form_that_comes_after_the_session_is_kept_for_its_owner(desk: ManualIssueService) -> None:
    found = saved(desk, Scene.OUTPATIENT)
    late = typed(Scene.OUTPATIENT, found, remark="迟到的内容")
    assert not desk.keep(found.id, "0" * 64, late)
    assert not desk.keep(found.id, desk.keep_token(Actor("staff:li", "李", 1), found.id), late)
    assert desk.keep(found.id, desk.keep_token(ACTOR, found.id), late)
    again = desk.get(ACTOR, found.id)
    assert again.pending == late and again.entry == found.entry


def test_a_serial_of_the_interface_is_not_issued_again_by_hand(desk: ManualIssueService, his: His, app: Flask) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("MZ1")).ok
    found = saved(desk, Scene.OUTPATIENT, serial="MZ1")
    with pytest.raises(Refusal) as refused:
        desk.issue(ACTOR, found.id, found.version)
    assert refused.value.code == "SERIAL_ELSEWHERE"
    assert issue(desk, saved(desk, Scene.OUTPATIENT, serial="MZ2")).serial == "MZ2"
    other = saved(desk, Scene.OUTPATIENT, serial="MZ2", payer_name="陈样英", id_no="000000194809060023")
    with pytest.raises(Refusal) as refused:
        desk.issue(ACTOR, other.id, other.version)
    assert refused.value.code == "SERIAL_CONFLICT"
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 2


def test_a_point_without_numbers_is_said_and_the_draft_stays(desk: ManualIssueService, app: Flask) -> None:
    database = app.extensions["qupiao"].services.database
    with database.write() as connection:
        connection.execute(update(NumberRange).values(last=NumberRange.first))
    issue(desk, saved(desk, Scene.DEALING))
    found = saved(desk, Scene.DEALING)
    with pytest.raises(Refusal) as refused:
        desk.issue(ACTOR, found.id, found.version)
    assert refused.value.code == "STOCK_EXHAUSTED"
    assert [listed.id for listed in desk.drafts(ACTOR)] == [found.id]


def test_payers_are_remembered_masked_and_revealed_by_an_audited_act(desk: ManualIssueService, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    issue(desk, saved(desk, Scene.OUTPATIENT))
    issue(desk, saved(desk, Scene.OUTPATIENT, phone="10000000002"))
    with services.database.read() as connection:
        (shown,) = known_payers.shown(services, connection, 1)
        assert (shown.name, shown.number, shown.uses) == ("林**", "000000********0010", 2)
        assert known_payers.shown(services, connection, 1, " 林 演安") == [shown]
        assert known_payers.shown(services, connection, 1, "000000195203150010") == [shown]
        assert known_payers.shown(services, connection, 1, "林") == []
        assert known_payers.shown(services, connection, 2) == []
        raw = connection.execute(select(KnownPayer.__table__)).one()
    assert "林演安".encode() not in b"".join(value for value in raw if isinstance(value, bytes))
    with pytest.raises(Refusal):
        known_payers.pick(services, Actor("staff:x", "x", 2), shown.id)
    assert known_payers.pick(services, ACTOR, shown.id)["phone"] == "10000000002"
    with services.database.read() as connection:
        revealed = select(func.count()).where(AuditEntry.action == "payer.revealed")
        assert connection.scalar(revealed) == 1
    known_payers.forget(services, ACTOR, shown.id)
    with services.database.read() as connection:
        assert known_payers.shown(services, connection, 1) == []


def test_drafts_are_sealed_at_rest(desk: ManualIssueService, app: Flask) -> None:
    saved(desk, Scene.OUTPATIENT)
    with app.extensions["qupiao"].services.database.read() as connection:
        row = connection.execute(text("SELECT content FROM desk_draft")).one()
    assert "林演安".encode() not in bytes(row.content) and b"000000195203150010" not in bytes(row.content)


def test_the_catalogue_is_kept_with_before_and_after(app: Flask) -> None:
    services = app.extensions["qupiao"].services
    new = {"area": "medical", "code": "K0001", "name": "换药（小）", "charge_code": "0104", "unit": "次", "price": "12"}
    item_id = catalogue.save(services, ACTOR, new | {"low": "0", "high": "12"})
    with pytest.raises(Refusal) as refused:
        catalogue.save(services, ACTOR, new)
    assert refused.value.code == "CODE_TAKEN"
    for wrong in ({"low": "13"}, {"charge_code": "9999"}, {"price": "x"}, {"valid_from": "2026-2-30"}, {"name": ""}):
        with pytest.raises(Refusal) as refused:
            catalogue.save(services, ACTOR, new | {"code": "K0002", "high": "12"} | wrong)
        assert refused.value.code == "ENTRY_INVALID"
    catalogue.save(services, ACTOR, new | {"high": "15", "price": "14"}, item_id)
    with pytest.raises(Refusal):
        catalogue.save(services, Actor("staff:x", "x", 2), new, item_id)
    catalogue.switch(services, ACTOR, item_id, active=False)
    with services.database.read() as connection:
        found = catalogue.load(connection, 1).items["K0001"]
        details = connection.scalars(
            select(AuditEntry.details).where(AuditEntry.action == "catalogue.saved").order_by(AuditEntry.at)
        ).all()
    assert found.price_micro == 14_000_000 and not found.active
    assert details[1]["before"]["price_micro"] == 12_000_000 and details[1]["after"]["price_micro"] == 14_000_000
