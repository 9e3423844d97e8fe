"""Pages of 打印机 with their calibration, and of 自助机 with their tokens, paper counters and calls."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import BooleanField, Form, IntegerField, SelectField, Text, between, required
from admin.kit.groups import basics
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.delivery.notice_slips import pdf_response
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.hospital import queries
from portal.hospital.queries import PrinterFacts
from portal.issuing.paper import kiosk, prints
from portal.issuing.paper.kiosk import KioskState
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
    with services().database.read() as connection:
        return queries.places(connection, current_staff().unit_id)


@basics.get("/printers")
@requires(Permission.CATALOGUE_VIEW, menu="打印机", order=80)
def printers() -> Response:
    """List the unit's printers."""
    with services().database.read() as connection:
        rows = queries.printers(connection, current_staff().unit_id)
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
    present = _own_printer(printer_id)
    offsets = {"offset_x": present.offset_x, "offset_y": present.offset_y}
    values = {"name": present.name, "point": present.point_id or 0, "active": present.active}
    return _printer(printer_id, PrinterForm(data=values | offsets))


def _own_printer(printer_id: int) -> PrinterFacts:
    """Return the unit's printer. Raises PAGE_NOT_FOUND."""
    with services().database.read() as connection:
        return queries.printer(connection, current_staff().unit_id, printer_id)


def _own_kiosk(device_id: int) -> KioskState:
    """Return the unit's device. Raises PAGE_NOT_FOUND."""
    with services().database.read() as connection:
        devices = {device.id: device for device in kiosk.of_unit(connection, current_staff().unit_id)}
    if device_id not in devices:
        raise Refusal("PAGE_NOT_FOUND")
    return devices[device_id]


def _printer(printer_id: int | None, form: PrinterForm) -> Response:
    form.point.choices = {0: "不限", **_places()}

    def act() -> str:
        values = {
            "name": form.name.data,
            "point_id": form.point.data or None,
            "offset_x": form.offset_x.data,
            "offset_y": form.offset_y.data,
            "active": bool(form.active.data),
        }
        saved = prints.save_printer(services(), current_actor(), printer_id, values)
        say("已保存。请打印测试页核对位置。")
        return url_for("basics.printer", printer_id=saved)

    title, back = "校准打印机" if printer_id else "新增打印机", url_for("basics.printers")
    return form_page(form, act, title=title, back=back, template="basics/printer.html", printer_id=printer_id)


@basics.get("/printers/<int:printer_id>/test.pdf")
@requires(Permission.CATALOGUE_EDIT, within="basics.printers")
def printer_test(printer_id: int) -> Response:
    """Answer a page of marks at known places, moved as this printer's prints are."""
    _own_printer(printer_id)
    with services().database.read() as connection:
        moved = prints.offset(connection, current_staff().unit_id, printer_id)
    return pdf_response(prints.calibration_page(moved), f"printer-{printer_id}.pdf")


@basics.get("/kiosks")
@requires(Permission.CATALOGUE_VIEW, Permission.PAPER_EXCHANGE, menu="自助机", order=85)
def kiosks() -> Response:
    """List the unit's kiosks with the paper that is left, and their calls; with ``calling`` those that call."""
    with services().database.read() as connection:
        read = kiosk.calling if "calling" in request.args else kiosk.of_unit
        rows = read(connection, current_staff().unit_id)
    return page("basics/kiosks.html", title="自助机", rows=rows, low=kiosk.LOW_SHEETS)


@basics.route("/kiosks/new", methods=["GET", "POST"])
@requires(Permission.KIOSKS_EDIT, within="basics.kiosks")
def new_kiosk() -> Response:
    """Add a device; its token is shown once."""
    form = KioskForm()
    form.point.choices = _places()
    with services().database.read() as connection:
        printers = queries.printers(connection, current_staff().unit_id)
    form.printer.choices = {0: "不记录打印机", **{printer.id: printer.name for printer in printers if printer.active}}

    def act() -> Response:
        name, point_id, printer_id = form.name.data, form.point.data, form.printer.data or None
        return _token(kiosk.enrol(services(), current_actor(), name, point_id, printer_id, form.sheets.data))

    return form_page(form, act, title="新增自助机", verb="登记", back=url_for("basics.kiosks"))


def _token(token: str) -> Response:
    return page("basics/kiosk_token.html", title="设备口令", token=token)


@basics.route("/kiosks/<int:device_id>/renew", methods=["GET", "POST"])
@requires(Permission.KIOSKS_EDIT, within="basics.kiosks")
def renew_kiosk(device_id: int) -> Response:
    """Make a new token for a device, after asking: the old one ends."""
    device = _own_kiosk(device_id)
    lead = f"“{device.name}”的旧口令立即失效，在自助机上输入新口令之前不能使用。口令遗失或可能被人看到时更换。"
    back = url_for("basics.kiosks")

    def act() -> Response:
        return _token(kiosk.renew(services(), current_actor(), device_id))

    return form_page(Form(), act, title="更换自助机口令", verb="更换口令", lead=lead, back=back)


@basics.route("/kiosks/<int:device_id>/load", methods=["GET", "POST"])
@requires(Permission.CATALOGUE_EDIT, Permission.KIOSKS_EDIT, Permission.PAPER_EXCHANGE, within="basics.kiosks")
def load_kiosk(device_id: int) -> Response:
    """Note that paper was put in, or that the device was looked after: its call ends."""
    _own_kiosk(device_id)
    form, back = LoadForm(), url_for("basics.kiosks")

    def act() -> str:
        kiosk.load(services(), current_actor(), device_id, form.sheets.data)
        say("已登记，呼叫已处理。")
        return back

    return form_page(form, act, title="加纸、处理呼叫", verb="登记", back=back)


@basics.post("/kiosks/<int:device_id>/switch")
@requires(Permission.KIOSKS_EDIT, within="basics.kiosks")
def switch_kiosk(device_id: int) -> Response:
    """Let a device work, or stop it."""
    works = bool(_own_kiosk(device_id).active)
    kiosk.switch(services(), current_actor(), device_id, not works)
    say("已停用。" if works else "已启用。")
    return see_other(url_for("basics.kiosks"))
