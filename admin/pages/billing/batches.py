"""批量导入: template, file, check report, start, progress, failure file."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.filters import points
from admin.kit.groups import billing
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_session, current_staff, requires
from portal.access.permissions import Permission
from portal.core.spreadsheet import MOST_BYTES
from portal.domain.errors import Refusal
from portal.domain.money import micro_text
from portal.issuing.manual import batch, batch_file, catalogue
from portal.issuing.manual.batch import BatchService
from portal.listing.values import State
from portal.rendering.tables import fill_in_form, spreadsheet
from portal.web.edge import file_response, runtime, see_other, services
from portal.web.numbers import row_id

TONES = {
    "checked": "wait",
    "running": "wait",
    "paused": "red",
    "done": "ok",
    "cancelled": "plain",
    "discarded": "plain",
}
STATES = {code: State(title, TONES[code]) for code, title in batch.STATES.items()}
SHOWN = 50


def batches_desk() -> BatchService:
    """Return the batches of this process."""
    return runtime().batches


def _choices() -> dict[str, str]:
    mine = {point.code for point in current_staff().points}
    return {code: title for code, title in points().items() if not mine or code in mine}


@billing.route("/batches", methods=["GET", "POST"])
@requires(Permission.BATCH_IMPORT, menu="批量导入", order=30)
def batches() -> Response:
    """Show the batches, and the form that takes a file."""
    problem = ""
    if request.method == "POST":
        try:
            return see_other(url_for("billing.batch_report", batch_id=_receive()))
        except Refusal as refusal:
            problem = str(refusal)
    point = current_session().point
    return page(
        "billing/batches.html",
        422 if problem else 200,
        title="批量导入",
        reports=batches_desk().reports(current_actor()),
        states=STATES,
        points=_choices(),
        chosen=request.form.get("point", point.code if point else ""),
        checker=request.form.get("checker", "")[:50],
        problem=problem,
        most=batch_file.MOST_BILLS,
        megabytes=MOST_BYTES // 1024 // 1024,
    )


def _receive() -> int:
    """Take the posted file. Raises what :meth:`BatchService.receive` raises, and FILE_REFUSED without a file."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Refusal("FILE_REFUSED", reason="没有选择文件", advice="请选择填好的 xlsx 或 csv 文件")
    point = request.form.get("point", "")
    data = file.stream.read(MOST_BYTES + 1)
    point = point if point in _choices() else ""
    return batches_desk().receive(current_actor(), file.filename, data, point, request.form.get("checker", ""))


@billing.get("/batches/template.xlsx")
@requires(Permission.BATCH_IMPORT, within="billing.batches")
def batch_template() -> Response:
    """Show the empty file with its lists, the explanations and the catalogue."""
    with services().database.read() as connection:
        known = catalogue.load(connection, current_staff().unit_id)
    columns = [
        fill_in_form.FormColumn(
            column.title, column.required, column.hint, tuple(column.choices), column.name in _PLAIN
        )
        for column in batch_file.COLUMNS
    ]
    heads = ("类别", "项目编码", "项目名称", "单位", "标准", "标准下限", "标准上限")
    items = [
        (
            catalogue.AREAS[item.area],
            item.code,
            item.name,
            item.unit,
            *(
                "" if price is None else micro_text(price, 2)
                for price in (item.price_micro, item.low_micro, item.high_micro)
            ),
        )
        for item in known.items.values()
        if item.active
    ]
    data = fill_in_form.form(batch_file.SHEET, columns, {"收费明细": (heads, items)}, NOTES, batch_file.MOST_BILLS * 4)
    return file_response(data, spreadsheet.MIMETYPE, "批量开票模板.xlsx")


_PLAIN = frozenset({"order", "quantity", "price", "amount"})
"""Columns that hold plain numbers; all others are set to text, so that Excel leaves long numbers alone."""

NOTES = (
    "一行是一个收费项目；连续几行写同一个业务流水号，就是同一张票据（最多 20 行）。",
    f"一个文件最多 {batch_file.MOST_BILLS:,} 张票据、20,000 行，不超过 5 MB；也可以用 UTF-8 或 GBK 编码的 csv。",
    "票据内容（交款人、日期、备注等）写在第一行即可，后面几行可以留空；写了就要与第一行相同。",
    "每行的金额按该行的缴款渠道计入；同一渠道的几行合并为一条缴款记录。",
    "业务流水号在本单位不能重复：同一流水号、同样内容再次导入不会重复开票，内容不同会提示。",
    "证件号、手机号、流水号请保持文本格式，否则 Excel 会把长号码变成科学计数，末尾几位就丢了。",
    "导入后先校验，不会马上开票；看过校验报告再点“开具”，有错的行可以下载更正后再导入。",
)


@billing.get("/batches/<int:batch_id>")
@requires(Permission.BATCH_IMPORT, within="billing.batches")
def batch_report(batch_id: int) -> Response:
    """Show the check report before, the progress during, the result after; while it runs the page renews itself."""
    report = batches_desk().report(current_actor(), batch_id)
    after = request.args.get("after", 0, type=row_id)
    bad = [] if report.purged else batches_desk().bad(current_actor(), batch_id, SHOWN + 1, after)
    response = page(
        "billing/batch.html",
        title="批量导入",
        report=report,
        state=STATES[report.state],
        words=batch.ROW_STATES,
        bad=bad[:SHOWN],
        more=bad[SHOWN - 1].place if len(bad) > SHOWN else 0,
        keep=batch.KEEP.days,
    )
    if report.state == "running":
        response.headers["Refresh"] = "2"
    return response


@billing.post("/batches/<int:batch_id>/start")
@requires(Permission.BATCH_IMPORT, within="billing.batches")
def batch_start(batch_id: int) -> Response:
    """Issue what passed the check, or go on after a pause."""
    batches_desk().start(current_actor(), batch_id)
    say("已开始在后台开具，可以离开本页。")
    return see_other(url_for("billing.batch_report", batch_id=batch_id))


@billing.post("/batches/<int:batch_id>/cancel")
@requires(Permission.BATCH_IMPORT, within="billing.batches")
def batch_cancel(batch_id: int) -> Response:
    """Leave the rest unissued."""
    count = batches_desk().cancel(current_actor(), batch_id)
    say(f"已取消，其余 {count:,} 张不再开具；已开具的不受影响。", "warning")
    return see_other(url_for("billing.batch_report", batch_id=batch_id))


@billing.post("/batches/<int:batch_id>/discard")
@requires(Permission.BATCH_IMPORT, within="billing.batches")
def batch_discard(batch_id: int) -> Response:
    """Import none of it."""
    batches_desk().discard(current_actor(), batch_id)
    say("已放弃，文件内容已清除，没有开具任何票据。", "warning")
    return see_other(url_for("billing.batches"))


@billing.get("/batches/<int:batch_id>/failures.xlsx")
@requires(Permission.BATCH_IMPORT, within="billing.batches")
def batch_failures(batch_id: int) -> Response:
    """Show the rows that were not issued, each with 结果, 错误字段, 原因, 建议; put right, it can be imported again."""
    rows = batches_desk().failures(current_actor(), batch_id)
    heads = [
        spreadsheet.SheetColumn(title)
        for title in (*(column.title for column in batch_file.COLUMNS), *batch_file.RESULTS)
    ]
    data = spreadsheet.workbook(batch_file.SHEET, heads, rows)
    return file_response(data, spreadsheet.MIMETYPE, f"失败记录-{batch_id}.xlsx")
