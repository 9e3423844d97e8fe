"""打印机 with their calibration, 自助机 with their tokens, paper counters and calls (features §3.7, §4.7)."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for
from sqlalchemy import select

from admin.kit.forms import BooleanField, Form, IntegerField, SelectField, Text, between, required
from admin.kit.groups import basics
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.delivery.notice_slips import pdf_response
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.issuing.paper import kiosk, prints
from portal.models.tables import POINT, PRINTER
from portal.web.edge import see_other, services

MOST_OFFSET = 500
"""Tenths of a millimetre."""


class PrinterForm(Form):
    """A printer and how its print is moved."""

    name = Text("名称", [required], most=60, description="如：1号窗 针式打印机")
    point = SelectField("开票点", coerce=int)
    offset_x = IntegerField(
        "向右移动（0.1 毫米）", [between(-MOST_OFFSET, MOST_OFFSET)], default=0, description="负数向左；15 即 1.5 毫米"
    )
    offset_y = IntegerField(
        "向下移动（0.1 毫米）", [between(-MOST_OFFSET, MOST_OFFSET)], default=0, description="负数向上"
    )
    active = BooleanField("启用", default=True)


class KioskForm(Form):
    """A new device."""

    name = Text("名称", [required], most=60, description="如：门诊大厅自助机A")
    point = SelectField("绑定开票点", coerce=int)
    printer = SelectField("打印机", coerce=int)
    sheets = IntegerField("已装票纸（张）", [between(0, 5000)], default=0)


class LoadForm(Form):
    """Paper put in."""

    sheets = IntegerField("现在共有票纸（张）", [between(0, 5000)])


def _places() -> dict[int, str]:
    query = select(POINT.c.id, POINT.c.code, POINT.c.name).where(POINT.c.unit_id == current_staff().unit_id)
    with services().database.read() as connection:
        return {row.id: f"{row.code} {row.name}" for row in connection.execute(query.order_by(POINT.c.code))}


@basics.get("/printers")
@requires(Permission.CATALOGUE_VIEW, menu="打印机", order=80)
def printers() -> Response:
    """The unit's printers."""
    with services().database.read() as connection:
        rows = connection.execute(
            select(PRINTER).where(PRINTER.c.unit_id == current_staff().unit_id).order_by(PRINTER.c.name)
        ).all()
    return page(
        "basics/printers.html", title="打印机", rows=rows, places=_places(), may_edit=may(Permission.CATALOGUE_EDIT)
    )


@basics.route("/printers/new", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_EDIT, within="basics.printers")
def new_printer() -> Response:
    """Add a printer."""
    return _printer(None, PrinterForm())


@basics.route("/printers/<int:printer_id>", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_EDIT, within="basics.printers")
def printer(printer_id: int) -> Response:
    """Calibrate a printer."""
    row = _own_printer(printer_id)
    known = {"name": row.name, "point": row.point_id or 0, "offset_x": row.offset_x, "offset_y": row.offset_y}
    return _printer(printer_id, PrinterForm(data=known | {"active": row.active}))


def _own_printer(printer_id: int) -> Any:
    """The unit's printer. Raises PAGE_NOT_FOUND."""
    mine = select(PRINTER).where(PRINTER.c.id == printer_id, PRINTER.c.unit_id == current_staff().unit_id)
    with services().database.read() as connection:
        row = connection.execute(mine).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return row


def _own_kiosk(device_id: int) -> Any:
    """The unit's device. Raises PAGE_NOT_FOUND."""
    with services().database.read() as connection:
        found = {row.id: row for row in kiosk.of_unit(connection, current_staff().unit_id)}
    if device_id not in found:
        raise Refusal("PAGE_NOT_FOUND")
    return found[device_id]


def _printer(printer_id: int | None, form: PrinterForm) -> Response:
    form.point.choices = {0: "不限", **_places()}
    if form.accepted():
        values = {
            "name": form.name.data,
            "point_id": form.point.data or None,
            "offset_x": form.offset_x.data,
            "offset_y": form.offset_y.data,
            "active": bool(form.active.data),
        }
        saved = prints.save_printer(services(), current_actor(), printer_id, values)
        say("已保存。请打印测试页核对位置。")
        return see_other(url_for("basics.printer", printer_id=saved))
    return page(
        "basics/printer.html",
        422 if form.errors else 200,
        title="校准打印机" if printer_id else "新增打印机",
        form=form,
        printer_id=printer_id,
    )


@basics.get("/printers/<int:printer_id>/test.pdf")
@requires(Permission.CATALOGUE_EDIT, within="basics.printers")
def printer_test(printer_id: int) -> Response:
    """A page of marks at known places, moved as this printer's prints are."""
    unit_id = _own_printer(printer_id).unit_id
    with services().database.read() as connection:
        moved = prints.offset(connection, unit_id, printer_id)
    return pdf_response(prints.calibration_page(moved), f"printer-{printer_id}.pdf")


@basics.get("/kiosks")
@requires(Permission.CATALOGUE_VIEW, Permission.PAPER_EXCHANGE, menu="自助机", order=85)
def kiosks() -> Response:
    """The unit's kiosks: paper left, calls."""
    with services().database.read() as connection:
        rows = kiosk.of_unit(connection, current_staff().unit_id)
    return page("basics/kiosks.html", title="自助机", rows=rows, low=kiosk.LOW_SHEETS)


@basics.route("/kiosks/new", methods=["GET", "POST"])
@requires(Permission.KIOSKS_EDIT, within="basics.kiosks")
def new_kiosk() -> Response:
    """Add a device; its token is shown once."""
    form = KioskForm()
    form.point.choices = _places()
    with services().database.read() as connection:
        known = prints.printers(connection, current_staff().unit_id)
    form.printer.choices = {0: "不记录打印机", **{one.id: one.name for one in known}}
    if form.accepted():
        token = kiosk.enrol(
            services(),
            current_actor(),
            form.name.data,
            form.point.data,
            form.printer.data or None,
            form.sheets.data,
        )
        return page("basics/kiosk_token.html", title="设备口令", token=token)
    return page(
        "kit/form.html",
        422 if form.errors else 200,
        title="新增自助机",
        form=form,
        verb="登记",
        back=url_for("basics.kiosks"),
    )


@basics.route("/kiosks/<int:device_id>/renew", methods=["GET", "POST"])
@requires(Permission.KIOSKS_EDIT, within="basics.kiosks")
def renew_kiosk(device_id: int) -> Response:
    """A new token; asks first, because the old one ends."""
    device, form = _own_kiosk(device_id), Form()
    if form.accepted():
        token = kiosk.renew(services(), current_actor(), device_id)
        return page("basics/kiosk_token.html", title="设备口令", token=token)
    lead = f"“{device.name}”的旧口令立即失效，在自助机上输入新口令之前不能使用。口令遗失或可能被人看到时更换。"
    title = "更换自助机口令"
    return page("kit/form.html", title=title, form=form, verb="更换口令", lead=lead, back=url_for("basics.kiosks"))


@basics.route("/kiosks/<int:device_id>/load", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_EDIT, Permission.KIOSKS_EDIT, Permission.PAPER_EXCHANGE, within="basics.kiosks")
def load_kiosk(device_id: int) -> Response:
    """Paper put in, or the device looked after: the call ends."""
    _own_kiosk(device_id)
    form = LoadForm()
    if form.accepted():
        kiosk.load(services(), current_actor(), device_id, form.sheets.data)
        say("已登记，呼叫已处理。")
        return see_other(url_for("basics.kiosks"))
    return page(
        "kit/form.html",
        422 if form.errors else 200,
        title="加纸、处理呼叫",
        form=form,
        verb="登记",
        back=url_for("basics.kiosks"),
    )


@basics.post("/kiosks/<int:device_id>/switch")
@requires(Permission.KIOSKS_EDIT, within="basics.kiosks")
def switch_kiosk(device_id: int) -> Response:
    """Let a device work, or stop it."""
    works = bool(_own_kiosk(device_id).active)
    kiosk.switch(services(), current_actor(), device_id, not works)
    say("已停用。" if works else "已启用。")
    return see_other(url_for("basics.kiosks"))
