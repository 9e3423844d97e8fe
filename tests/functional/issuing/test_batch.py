"""Batch import on both databases: checked row by row, issued once each, stopped and started again."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import func, insert, select, text, update

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.issuing.manual import batch as batches
from portal.issuing.manual import batch_file
from portal.issuing.manual.batch import BatchService, Report
from portal.models import AuditEntry, Batch, BatchBill, Bill, NumberRange, OutboxTask
from portal.outbox.worker import Worker
from tests.factories.batch_files import bad_row, csv_file, row, xlsx
from tests.support import codes, ledger
from tests.support.his import His, outpatient

ACTOR = Actor("staff:zhao", "赵样管", 1, "request-1")


@pytest.fixture
def desk(app: Flask) -> BatchService:
    return BatchService(app.extensions["qupiao"].services, app.extensions["qupiao"].issuing)


def receive(desk: BatchService, data: bytes) -> int:
    return desk.receive(ACTOR, "六月团检 林演安.xlsx", data, "01", "复核员乙")


def drain(desk: BatchService) -> None:
    Worker(desk.services, {batches.TOPIC: desk.work}, threads=1).drain()


def issued_count(desk: BatchService) -> int:
    with desk.services.database.read() as connection:
        return ledger.check(connection)


def said(desk: BatchService, batch_id: int) -> list[tuple[int, str, str]]:
    found = desk.bad(ACTOR, batch_id)
    return [(problem.row, problem.title, problem.reason) for bill in found for problem in bill.problems]


def whole(desk: BatchService, batch_id: int) -> Report:
    return desk.report(ACTOR, batch_id)


@pytest.mark.parametrize("form", ["xlsx", "utf-8-sig", "gbk"])
def test_good_rows_are_issued_once_each_and_bad_ones_named(desk: BatchService, form: str) -> None:
    rows = [row(1), bad_row(5), row(2), row(3, order="1"), row(3, order="2", code="L0001", price=18, amount=18)]
    batch_id = receive(desk, xlsx(rows) if form == "xlsx" else csv_file(rows, form))
    report = whole(desk, batch_id)
    assert (report.rows, report.bills, report.good, report.good_fen) == (5, 4, 3, 1250 * 3 + 1800)
    assert said(desk, batch_id) == [(3, "金额", "数量乘以标准是 12.50，填的是 12.60")]
    assert issued_count(desk) == 0, "nothing is issued before somebody starts it"
    desk.start(ACTOR, batch_id)
    desk.start(ACTOR, batch_id)
    assert whole(desk, batch_id).state == "running"
    drain(desk)
    report = whole(desk, batch_id)
    assert (report.state, report.counts, report.issued_fen) == ("done", {"bad": 1, "issued": 3}, 5550)
    assert issued_count(desk) == 3
    with desk.services.database.read() as connection:
        numbers = connection.execute(select(Bill.serial, Bill.cashier, Bill.checker).order_by(Bill.number)).all()
        assert [bill.serial for bill in numbers] == ["MZ000001", "MZ000002", "MZ000003"], "in the order of the file"
        acts = select(AuditEntry.actor).where(AuditEntry.object_kind.in_(("bill", "batch")))
        assert set(connection.scalars(acts)) == {ACTOR.label}
        assert connection.scalar(select(func.count()).where(OutboxTask.topic == batches.TOPIC)) == 1
    assert {(bill.cashier, bill.checker) for bill in numbers} == {("赵样管", "复核员乙")}


def test_the_same_file_again_makes_no_second_bill(desk: BatchService) -> None:
    data = xlsx([row(1), row(2)])
    for _ in range(2):
        batch_id = receive(desk, data)
        desk.start(ACTOR, batch_id)
        drain(desk)
    assert whole(desk, batch_id).counts == {"issued": 2}
    with desk.services.database.read() as connection:
        repeated = select(func.count()).where(BatchBill.repeated, BatchBill.batch_id == batch_id)
        assert connection.scalar(repeated) == 2
    assert issued_count(desk) == 2
    changed = receive(desk, xlsx([row(1, quantity=2, amount=25), row(2)]))
    desk.start(ACTOR, changed)
    drain(desk)
    assert whole(desk, changed).counts == {"failed": 1, "issued": 1}
    assert "业务流水号重复" in said(desk, changed)[0][2]
    assert issued_count(desk) == 2


def test_two_workers_at_one_batch(desk: BatchService, app: Flask) -> None:
    batch_id = receive(desk, xlsx([row(number) for number in range(60)]))
    desk.start(ACTOR, batch_id)
    task = batches.tasks.Task(1, batches.TOPIC, "k", {"batch": batch_id}, 1, now())
    with ThreadPoolExecutor(4) as pool:
        while whole(desk, batch_id).state == "running":  # a slice may end before the batch does
            list(pool.map(lambda _: desk.work(desk.services, task), range(4)))
    assert whole(desk, batch_id).counts == {"issued": 60}
    assert issued_count(desk) == 60


def hand_out_two_more(desk: BatchService) -> None:
    with desk.services.database.write() as connection:
        used = connection.execute(
            select(NumberRange.__table__).where(NumberRange.bill_code == codes.OUTPATIENT, NumberRange.point_id == 1)
        ).one()
        row = {"first": used.last + 1, "next": used.last + 1, "last": used.last + 2}
        columns = ("segment_id", "point_id", "bill_code", "handed_out_at", "state", "slip")
        connection.execute(insert(NumberRange), {name: getattr(used, name) for name in columns} | row)


def test_without_numbers_it_pauses_and_goes_on(desk: BatchService) -> None:
    database = desk.services.database
    with database.write() as connection:
        connection.execute(update(NumberRange).values(last=NumberRange.first + 2))
    batch_id = receive(desk, xlsx([row(number) for number in range(5)]))
    desk.start(ACTOR, batch_id)
    drain(desk)
    report = whole(desk, batch_id)
    assert (report.state, report.counts) == ("paused", {"issued": 3, "ready": 2})
    assert "无可用票号" in report.reason and "分发号段" in report.reason
    hand_out_two_more(desk)
    desk.start(ACTOR, batch_id)
    drain(desk)
    assert whole(desk, batch_id).counts == {"issued": 5}
    assert issued_count(desk) == 5


def test_the_rest_can_be_cancelled_and_what_is_issued_stays(
    desk: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(batches, "_GROUP", 2)
    batch_id = receive(desk, xlsx([row(number) for number in range(6)]))
    desk.start(ACTOR, batch_id)
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0.000001)
    task = batches.tasks.Task(1, batches.TOPIC, "k", {"batch": batch_id}, 1, now())
    while not whole(desk, batch_id).counts.get("issued"):
        desk.work(desk.services, task)
    left = desk.cancel(ACTOR, batch_id)
    assert left == whole(desk, batch_id).counts["cancelled"]
    drain(desk)
    assert issued_count(desk) == 6 - left > 0
    with pytest.raises(Refusal) as refused:
        desk.start(ACTOR, batch_id)
    assert refused.value.code == "BATCH_STATE"
    assert len(desk.failures(ACTOR, batch_id)) == left


def test_none_of_it_can_be_chosen(desk: BatchService) -> None:
    batch_id = receive(desk, xlsx([row(1), bad_row(2)]))
    desk.discard(ACTOR, batch_id)
    assert whole(desk, batch_id).state == "discarded"
    for act in (desk.start, desk.discard, desk.bad, desk.failures):
        with pytest.raises(Refusal):
            act(ACTOR, batch_id)
    with desk.services.database.read() as connection:
        assert set(connection.scalars(select(BatchBill.content))) == {None}
    assert issued_count(desk) == 0


def test_the_failure_file_can_be_put_right_and_sent_again(desk: BatchService) -> None:
    rows = [row(1), row(2, payer_name="", remark="=cmd|' /C calc'!A0"), bad_row(3)]
    batch_id = receive(desk, csv_file(rows, "gbk"))
    found = desk.failures(ACTOR, batch_id)
    assert [line[-4:] for line in found] == [
        ["校验未通过", "交款人", "不能为空", "请填写交款人"],
        ["校验未通过", "证件号/信用代码", "与证件类型不符，或校验位不对", "请核对号码；其他证件请把类型选为“其他”"],
    ]
    assert "=cmd|' /C calc'!A0" in found[0]
    names = [column.name for column in batch_file.COLUMNS]
    again = [dict(zip(names, line, strict=False)) for line in found]
    again[0]["payer_name"] = "陈样英"
    again[0]["id_no"] = ""
    again[1]["id_no"] = ""
    second = receive(desk, csv_file(again, "utf-8"))
    assert whole(desk, second).counts == {"ready": 2}


def formatted(rows: list, place: str, number_format: str, hidden: int = 0) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(rows)))
    book.active[place].number_format = number_format
    if hidden:
        book.active.row_dimensions[hidden].hidden = True
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_number_keeps_the_zeros_that_excel_shows(desk: BatchService) -> None:
    data = formatted([row(1, serial=1234)], "B2", "00000000")
    assert batch_file.read(data).groups[0].serial == "00001234"
    assert said(desk, receive(desk, data)) == []
    for number_format in ('"MZ"000000', "yyyy-mm-dd"):
        refused = receive(desk, formatted([row(1, serial=46000)], "B2", number_format))
        assert [(number, title) for number, title, _ in said(desk, refused)] == [(2, "业务流水号")]


def test_a_hidden_row_is_named_and_not_issued(desk: BatchService) -> None:
    batch_id = receive(desk, formatted([row(1), row(2), row(3)], "B2", "@", hidden=3))
    assert said(desk, batch_id) == [(3, "", "这一行在 Excel 中被隐藏或筛选掉了")]
    assert whole(desk, batch_id).counts == {"bad": 1, "ready": 2}


def test_every_kind_comes_by_file(desk: BatchService) -> None:
    donation = {"kind": "公益事业捐赠票据", "project": "助残", "id_no": "", "channel": ""}
    unit = {"payer_kind": "单位", "payer_name": "阳江示例五金厂", "id_no": "TEST0000000000001X", "channel": "转账"}
    rows = [
        row(1),
        row(2, kind="医疗住院收费票据", patient_no="ZY1", in_date="2026-11-01", out_date="2026-11-03"),
        row(3, kind="资金往来结算票据", category="押金", basis="规定", code="W0101", price=100, amount=100, **unit),
        row(4, code="J0201", name="轮椅", price=680, quantity=10, amount=6800, donation_form="实物", **donation),
        row(5, code="J0101", price=20, amount=20, donation_form="货币", **donation | {"channel": "现金"})
        | {"payer_name": "匿名"},
    ]
    batch_id = receive(desk, xlsx(rows))
    assert said(desk, batch_id) == []
    desk.start(ACTOR, batch_id)
    drain(desk)
    with desk.services.database.read() as connection:
        found = connection.execute(select(Bill.scene, func.count()).group_by(Bill.scene)).all()
    assert dict(map(tuple, found)) == {"outpatient": 1, "inpatient": 1, "dealing": 1, "donation": 2}


def test_of_what_is_no_table_of_ours_nothing_is_kept(desk: BatchService) -> None:
    with pytest.raises(Refusal) as refused:
        receive(desk, b"a,b\n1,2\n")
    assert refused.value.code == "FILE_REFUSED" and "表头" in refused.value.why
    with desk.services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Batch)) == 0


def test_a_serial_of_the_interface_is_named(desk: BatchService, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("MZ000001")).ok
    batch_id = receive(desk, xlsx([row(1), row(2)]))
    assert whole(desk, batch_id).counts == {"bad": 1, "ready": 1}
    assert "已由接口开具票据" in said(desk, batch_id)[0][2]


def test_a_batch_belongs_to_its_unit(desk: BatchService) -> None:
    batch_id = receive(desk, xlsx([row(1)]))
    stranger = Actor("staff:x", "x", 2)
    for act in (desk.report, desk.bad, desk.failures, desk.start, desk.cancel, desk.discard):
        with pytest.raises(Refusal) as refused:
            act(stranger, batch_id)
        assert refused.value.code == "BATCH_UNKNOWN"
    assert desk.reports(stranger) == []


def test_rows_are_sealed_and_removed_after_a_while(desk: BatchService) -> None:
    batch_id = receive(desk, xlsx([row(1), bad_row(1)]))
    with desk.services.database.read() as connection:
        raw = b"".join(bytes(found.content) for found in connection.execute(text("SELECT content FROM batch_bill")))
        name = connection.execute(text("SELECT name FROM batch")).scalar_one()
    assert "林演安".encode() not in raw + bytes(name) and b"000000195203150010" not in raw
    with desk.services.database.write() as connection:
        assert batches.clean(connection) == 0
        connection.execute(update(Batch).values(created_at=now() - batches.KEEP - timedelta(hours=1)))
        assert batches.clean(connection) == 1
        assert set(connection.scalars(select(BatchBill.content))) == {None}
    with pytest.raises(Refusal) as refused:
        desk.start(ACTOR, batch_id)
    assert refused.value.code == "BATCH_PURGED"
