"""Import of master data on both databases: the difference first, then all of it or nothing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.issuing.manual import catalogue, master_import
from portal.issuing.manual.master_import import Outcome, Plan
from portal.issuing.manual.master_kinds import KINDS
from portal.models import AuditEntry, CatalogueItem, ChargeItem, Department, MasterImport
from tests.support.console import Console

ACTOR = Actor("staff:keeper", "刘某", 1, "request-1")
HEADS = {name: [column.title for column in kind.columns] for name, kind in KINDS.items()}
DRUG = ["医疗", "Y0001", "阿莫西林胶囊 0.25g×24", "0109", "盒", "7.80", "0", "7.80", "", ""]
NEW_DRUG: list[object] = ["医疗", "Y0099", "维生素C片", "0109", "瓶", "2.5", "", "", "2026-01-05", ""]


def xlsx(name: str, rows: Sequence[Sequence[object]], heads: Sequence[str] = ()) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = KINDS[name].title
    for row in (heads or HEADS[name], *rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def receive(app: Flask, name: str, rows: Sequence[Sequence[object]]) -> Plan:
    services = app.extensions["qupiao"].services
    import_id = master_import.receive(services, ACTOR, name, xlsx(name, rows))
    with services.database.read() as connection:
        return master_import.plan(connection, 1, import_id)


def outcomes(plan: Plan) -> list[Outcome]:
    return [line.outcome for line in plan.lines]


def mistakes(plan: Plan) -> list[tuple[int, str, str]]:
    return [(line.number, one.title, one.reason) for line in plan.lines for one in line.mistakes]


def apply(app: Flask, plan: Plan) -> Mapping[Outcome, int]:
    return master_import.apply(app.extensions["qupiao"].services, ACTOR, plan.import_id, plan.fingerprint)


def test_new_changed_and_unchanged_items_are_told_apart_and_applied(app: Flask) -> None:
    dearer = [*DRUG[:5], 8.2, "0", "9.00", "", ""]
    plan = receive(app, "catalogue", [NEW_DRUG, dearer, ["医疗", "Y0003", *_present(app, "Y0003")]])
    assert outcomes(plan) == [Outcome.NEW, Outcome.CHANGED, Outcome.SAME]
    assert [(one.title, one.after) for one in plan.lines[0].changes] == [
        ("类别", "医疗"),
        ("收费项目", "0109"),
        ("单位", "瓶"),
        ("标准", "2.50"),
        ("生效日期", "2026-01-05"),
    ]
    assert [(one.title, one.before, one.after) for one in plan.lines[1].changes] == [
        ("标准", "7.80", "8.20"),
        ("标准上限", "7.80", "9.00"),
    ]
    assert apply(app, plan)[Outcome.NEW] == 1
    database = app.extensions["qupiao"].services.database
    with database.read() as connection:
        known = catalogue.load(connection, 1).items
        assert (known["Y0099"].price_micro, known["Y0001"].price_micro) == (2_500_000, 8_200_000)
        saved = connection.scalar(select(func.count()).where(AuditEntry.action == "catalogue.saved"))
        done = connection.scalars(select(AuditEntry.details).where(AuditEntry.action == "master.imported")).one()
    assert saved == 2
    assert done == {"kind": "catalogue", "rows": {"new": 1, "changed": 1, "same": 1}}
    apply(app, plan)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).where(AuditEntry.action == "catalogue.saved")) == 2
        assert set(outcomes(master_import.plan(connection, 1, plan.import_id))) == {Outcome.SAME}


def _present(app: Flask, code: str) -> list[str]:
    kind = KINDS["catalogue"]
    with app.extensions["qupiao"].services.database.read() as connection:
        texts = kind.texts(kind.known(connection, 1)[code].values)
    return [texts[column.name] for column in kind.columns][2:]


def test_one_wrong_row_and_nothing_is_applied(app: Flask) -> None:
    rows: list[list[object]] = [
        NEW_DRUG,
        ["医药", "Y0100", "名", "0109", "", "", "", "", "", ""],
        ["医疗", "Y0101", "", "0109", "", "", "", "", "", ""],
        ["医疗", "Y0102", "名", "没有", "", "", "", "", "", ""],
        ["医疗", "Y0103", "名", "0109", "", "5", "6", "", "", ""],
        ["医疗", "Y0099", "名", "0109", "", "", "", "", "", ""],
        ["医疗", "=1+1", "名", "0109", "", "", "", "", "", ""],
    ]
    plan = receive(app, "catalogue", rows)
    assert mistakes(plan) == [
        (3, "类别", "“医药”不在可选值中：医疗、往来、捐赠"),
        (4, "项目名称", "不能为空"),
        (5, "收费项目", "收费项目 没有 没有登记"),
        (6, "标准", "标准不能低于标准下限"),
        (7, "项目编码", "与第 2 行重复"),
        (8, "项目编码", "单元格是公式，请复制后用“粘贴为数值”"),
    ]
    with pytest.raises(Refusal, match="6 行有错"):
        apply(app, plan)
    with app.extensions["qupiao"].services.database.read() as connection:
        assert "Y0099" not in catalogue.load(connection, 1).items


def test_a_failure_in_the_middle_leaves_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = receive(app, "departments", [["9901", "甲科", ""], ["9902", "乙科", "专科门诊"]])
    kind, count = KINDS["departments"], iter(range(9))

    def keep(*arguments: object) -> int:
        if next(count):
            raise Refusal("BUSY", reason="停电")
        return kind.keep(*arguments)  # type: ignore[arg-type]

    broken = type(kind)(kind.title, kind.columns, kind.known, kind.reader, keep, kind.texts)
    monkeypatch.setattr(master_import, "KINDS", {**KINDS, "departments": broken})
    with pytest.raises(Refusal):
        apply(app, plan)
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).where(Department.code.like("99%"))) == 0
        assert connection.scalar(select(MasterImport.applied_at)) is None


def test_what_somebody_changed_in_between_is_looked_at_again(app: Flask) -> None:
    services = app.extensions["qupiao"].services
    plan = receive(app, "departments", [["0301", "大内科", ""]])
    assert outcomes(plan) == [Outcome.CHANGED]
    other = receive(app, "departments", [["0301", "内一科", ""]])
    apply(app, other)
    with pytest.raises(Refusal, match="数据已有变化"):
        apply(app, plan)
    with services.database.read() as connection:
        assert connection.scalar(select(Department.name).where(Department.code == "0301")) == "内一科"
        again = master_import.plan(connection, 1, plan.import_id)
    assert [(one.before, one.after) for one in again.lines[0].changes] == [("内一科", "大内科")]
    apply(app, again)


def test_charges_are_mapped_to_items_of_finance(app: Flask) -> None:
    rows = [
        ["0110", "中成药费", "0808", "", "1,000.00", "", ""],
        ["0999", "新项目", "0808", "1", "500", "2026-01-05", ""],
        ["0998", "别的", "7777", "", "", "", ""],
        ["0997", "颠倒", "0808", "9", "1", "", ""],
    ]
    plan = receive(app, "charge-items", rows)
    assert outcomes(plan) == [Outcome.CHANGED, Outcome.NEW, Outcome.WRONG, Outcome.WRONG]
    assert mistakes(plan) == [
        (4, "财政收入项目", "财政收入项目 7777 不在财政下发的项目中"),
        (5, "单行下限", "单行下限不能大于单行上限"),
    ]
    apply(app, receive(app, "charge-items", rows[:2]))
    with app.extensions["qupiao"].services.database.read() as connection:
        row = connection.execute(
            select(ChargeItem.fiscal_name, ChargeItem.low_fen, ChargeItem.high_fen).where(ChargeItem.code == "0999")
        ).one()
    assert tuple(row) == ("中成药费", 100, 50_000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "文件"),
        (b"PK\x03\x04broken", "文件"),
        (xlsx("departments", [["1", "2"]], ["科室编码", "科室名称"]), "缺少列：对外通用名"),
        (xlsx("departments", []), "表头下面没有内容"),
        (xlsx("departments", [["1"]], ["别的"]), "没有找到表头"),
    ],
)
def test_what_is_no_such_file_is_refused(app: Flask, data: bytes, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        master_import.receive(app.extensions["qupiao"].services, ACTOR, "departments", data)


def test_files_are_forgotten(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(app, "departments", [["9901", "甲科", ""]])
    database, later = app.extensions["qupiao"].services.database, now() + master_import.KEEP
    monkeypatch.setattr(master_import, "now", lambda: later)
    with database.write() as connection:
        master_import.clean(connection)
        assert connection.scalar(select(func.count()).select_from(MasterImport)) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", list(KINDS))
def test_the_template_can_be_filled_in_with_the_present_data_and_changes_nothing(app: Flask, name: str) -> None:
    person = Console(app, "keeper")
    book = openpyxl.load_workbook(io.BytesIO(person.get(f"/console/basics/imports/{name}/template.xlsx").data))
    heads = [cell.value for cell in book.worksheets[0][1]]
    present = [[cell or "" for cell in row] for row in book["现有数据"].iter_rows(min_row=2, values_only=True)]
    assert [str(head).rstrip("*") for head in heads] == HEADS[name]
    plan = receive(app, name, present)
    assert len(plan.lines) > 10
    assert set(outcomes(plan)) == {Outcome.SAME}
    assert not plan.is_good


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_pages_show_the_difference_and_apply_it(app: Flask) -> None:
    person = Console(app, "keeper")
    assert "导入" in person.get("/console/basics/departments").text
    path = "/console/basics/imports/departments/new"
    form = person.form(path, "上传并查看变化")
    file = (io.BytesIO(xlsx("departments", [["0301", "大内科", ""], ["9901", "新科", "专科门诊"]])), "科室.xlsx")
    answer = person.client.post(path, data=form.values | {"file": file})
    assert answer.status_code == 303
    shown = person.get(answer.location).text
    assert "内科 → 大内科" in shown and "对外通用名 专科门诊" in shown
    form = person.form(answer.location, "应用全部变化")
    done = person.client.post(form.action, data=form.values)
    assert done.status_code == 303 and done.location.endswith("/console/basics/departments")
    assert "新增 1 条，修改 1 条" in person.get(done.location).text
    assert "应用全部变化" not in person.get(answer.location).text
    bad = person.client.post(path, data=person.form(path, "上传并查看变化").values)
    assert bad.status_code == 422 and "没有选择文件" in bad.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_import_of_another_unit_is_not_found(app: Flask) -> None:
    plan = receive(app, "departments", [["9901", "甲科", ""]])
    services = app.extensions["qupiao"].services
    stranger = Actor("staff:else", "外人", 2)
    with pytest.raises(Refusal) as refused, services.database.read() as connection:
        master_import.plan(connection, 2, plan.import_id)
    assert refused.value.code == "PAGE_NOT_FOUND"
    with pytest.raises(Refusal) as refused:
        master_import.apply(services, stranger, plan.import_id, plan.fingerprint)
    assert refused.value.code == "PAGE_NOT_FOUND"
    with services.database.read() as connection:
        assert connection.scalar(select(func.count()).where(CatalogueItem.code == "9901")) == 0
