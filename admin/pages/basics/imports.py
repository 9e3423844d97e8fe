"""Import of 收费明细, 业务科室 and 收费项目对照 from a spreadsheet: template, file, what would change, apply."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.groups import basics
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access.permissions import Permission
from portal.core.spreadsheet import MOST_BYTES
from portal.domain.errors import Refusal
from portal.hospital.queries import active_income_items
from portal.issuing.manual import master_import
from portal.issuing.manual.master_import import MOST_ROWS, Outcome, Plan
from portal.issuing.manual.master_kinds import KINDS, ImportKind
from portal.listing.values import State
from portal.rendering.tables import fill_in_form, spreadsheet
from portal.web.edge import file_response, see_other, services

LISTS = {"catalogue": "basics.items", "departments": "basics.departments", "charge-items": "basics.charges"}
"""The list that each kind belongs to."""
STATES = {
    Outcome.WRONG: State("有错", "red"),
    Outcome.NEW: State("新增", "ok"),
    Outcome.CHANGED: State("修改", "wait"),
    Outcome.SAME: State("不变"),
}
SHOWN = 200
"""Rows on the page: first the mistakes, then what is new, changed, unchanged."""
NOTES = (
    f"一行是一条；一个文件最多 {MOST_ROWS:,} 行，不超过 5 MB，也可以用 UTF-8 或 GBK 编码的 csv。",
    "编码已有的更新该条，没有的新增；文件中没有写的保持不变，不会删除。",
    "更新时以文件为准：单元格留空，就是把该项清空。“现有数据”工作表可以复制过来修改。",
    "编码请保持文本格式，否则 Excel 会丢掉前面的 0 和长号码的末尾几位。",
    "上传后先显示变化（新增、修改、不变、有错），确认后才应用；有一行有错就一行也不导入。",
)


def _imported(kind: str) -> ImportKind:
    if kind not in KINDS:
        raise Refusal("PAGE_NOT_FOUND")
    return KINDS[kind]


@basics.route("/imports/<string:kind>/new", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_EDIT, within="basics.items")
def import_file(kind: str) -> Response:
    """Take a file; what it would change is on the next page."""
    imported, problem = _imported(kind), ""
    if request.method == "POST":
        try:
            return see_other(url_for("basics.import_plan", import_id=_receive(kind)))
        except Refusal as refusal:
            problem = str(refusal)
    return page(
        "basics/import_file.html",
        422 if problem else 200,
        title=f"导入{imported.title}",
        kind=kind,
        problem=problem,
        notes=NOTES,
        back=url_for(LISTS[kind]),
        megabytes=MOST_BYTES // 1024 // 1024,
    )


def _receive(kind: str) -> int:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Refusal("FILE_REFUSED", reason="没有选择文件", advice="请选择填好的 xlsx 或 csv 文件")
    return master_import.receive(services(), current_actor(), kind, file.stream.read(MOST_BYTES + 1))


@basics.get("/imports/<string:kind>/template.xlsx")
@requires(Permission.CATALOGUE_EDIT, within="basics.items")
def import_template(kind: str) -> Response:
    """Answer the file to fill in, with the present data beside it."""
    imported, unit_id = _imported(kind), current_staff().unit_id
    with services().database.read() as connection:
        known = imported.known(connection, unit_id)
        fiscal = active_income_items(connection) if kind == "charge-items" else {}
    columns = [
        fill_in_form.FormColumn(column.title, column.required, column.hint, tuple(column.choices), column.number)
        for column in imported.columns
    ]
    texts = [imported.texts(known[code].values) for code in sorted(known)]
    present = [[row[column.name] for column in imported.columns] for row in texts]
    tables = {"现有数据": ([column.title for column in imported.columns], present)}
    if fiscal:
        tables["财政收入项目"] = (["项目编码", "项目名称"], [list(row) for row in fiscal.items()])
    data = fill_in_form.form(imported.title, columns, tables, NOTES, MOST_ROWS)
    return file_response(data, spreadsheet.MIMETYPE, f"{imported.title}导入模板.xlsx")


@basics.get("/imports/<int:import_id>")
@requires(Permission.CATALOGUE_EDIT, within="basics.items")
def import_plan(import_id: int) -> Response:
    """Show what a file would change."""
    return _shown(_plan(import_id))


def _plan(import_id: int) -> Plan:
    with services().database.read() as connection:
        return master_import.plan(connection, current_staff().unit_id, import_id)


def _shown(plan: Plan, problem: str = "", status: int = 200) -> Response:
    lines = [line for outcome in Outcome for line in plan.lines if line.outcome is outcome][:SHOWN]
    return page(
        "basics/import_plan.html",
        status,
        title=f"导入{KINDS[plan.kind].title}",
        plan=plan,
        lines=lines,
        states=STATES,
        outcomes=list(Outcome),
        problem=problem,
        back=url_for(LISTS[plan.kind]),
    )


@basics.post("/imports/<int:import_id>/apply")
@requires(Permission.CATALOGUE_EDIT, within="basics.items")
def apply_import(import_id: int) -> Response:
    """Apply the file as it was shown, all of it or nothing."""
    plan = _plan(import_id)
    try:
        counts = master_import.apply(services(), current_actor(), import_id, request.form.get("fingerprint", ""))
    except Refusal as refusal:
        if refusal.code not in ("IMPORT_CHANGED", "IMPORT_WRONG"):
            raise
        return _shown(_plan(import_id), str(refusal), refusal.status)
    if plan.applied_at is None:
        say(f"已导入：新增 {counts[Outcome.NEW]} 条，修改 {counts[Outcome.CHANGED]} 条；几秒后生效。")
    return see_other(url_for(LISTS[plan.kind]))
