"""The face of a bill as PDF and PNG, laid out from the signed document (fiscal-ebill §4)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
from jinja2 import Environment, FileSystemLoader
from weasyprint import HTML, Attachment
from weasyprint.text.fonts import FontConfiguration

from portal.domain.document import AuxItem, BillDocument, Item
from portal.domain.identity import mask_id
from portal.domain.money import micro_text, words, yuan
from portal.rendering import qr

FAMILIES = '"Noto Serif CJK SC", "Noto Sans CJK SC", "HanaMinA", "HanaMinB", serif'
FACE_ROWS = 10
LIST_ROWS = 34
_FORMS = Path(__file__).parent / "forms"

MARKS = {"issued": "待监制", "uploaded": "待监制", "refused": "待监制", "reversed": "已冲红"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the face's table or of a list page, as texts."""

    name: str
    quantity: str
    amount: str
    remark: str
    spec: str = ""
    unit: str = ""
    price: str = ""


def _item(item: Item) -> Cell:
    quantity = "" if item.quantity_micro is None else micro_text(item.quantity_micro)
    return Cell(item.name, "/".join(filter(None, (quantity, item.unit))), yuan(item.amount_fen), item.remark)


def _aux(row: AuxItem) -> Cell:
    quantity = "" if row.quantity_micro is None else micro_text(row.quantity_micro)
    price = "" if row.price_micro is None else micro_text(row.price_micro, 2)
    amount = micro_text(row.amount_micro, 2)
    return Cell(row.name, quantity, amount, row.remark, row.spec, row.unit, price)


def _face_aux(row: AuxItem) -> Cell:
    cell = _aux(row)
    name = f"{cell.name} {cell.spec}".strip()
    return Cell(name, "/".join(filter(None, (cell.quantity, cell.unit))), cell.amount, cell.remark)


SEPARATOR = Cell("以下是清单项", "", "", "")


def _table(document: BillDocument) -> tuple[list[list[Cell]], bool]:
    """Columns of the face's table, filled from the left, and whether the details need pages of their own."""
    columns = 3 if document.form == "inpatient" else 2
    cells = [_item(item) for item in document.items]
    details = [_face_aux(row) for row in document.aux_items]
    room = columns * FACE_ROWS
    on_face = bool(details) and document.form == "outpatient" and len(cells) + 1 + len(details) <= room
    if on_face:
        cells += [SEPARATOR, *details]
    overflow = len(cells) > room
    shown = cells[:room]
    blocks = [shown[start : start + FACE_ROWS] for start in range(0, room, FACE_ROWS)]
    return blocks, (bool(details) and not on_face) or overflow


def _payer_code(document: BillDocument) -> str:
    code = document.payer.code
    return mask_id(code) if document.payer.kind == "1" and code else code


def _other_info(document: BillDocument) -> list[tuple[str, str]]:
    ext = document.ext

    def day(value: object) -> str:
        return f"{value:%Y%m%d}" if value else ""

    if document.form == "inpatient":
        stay = f"{day(ext.in_date)}-{day(ext.out_date)}" if ext.in_date or ext.out_date else ""
        facts = [
            ("业务流水号", document.serial),
            ("病历号", ext.case_number),
            ("住院号", ext.hospitalization_number),
            ("住院科别", ext.department),
            ("住院时间", stay),
            ("预缴金额", yuan(ext.prepay_fen or 0)),
            ("补缴金额", yuan(ext.recharge_fen or 0)),
            ("退费金额", yuan(ext.refund_fen or 0)),
        ]
    else:
        facts = [
            ("业务流水号", document.serial),
            ("门诊号", ext.patient_number),
            ("就诊日期", day(ext.medical_date)),
            ("医疗类别", ext.medical_type),
        ]
    facts += [
        ("医疗机构类型", ext.org_type),
        ("医保类型", ext.insurance_type),
        ("医保编号", ext.insurance_id),
        ("性别", ext.gender),
        ("医保统筹基金支付", yuan(ext.fund_pay_fen)),
        ("其他支付", yuan(ext.other_pay_fen)),
        ("个人账户支付", yuan(ext.account_pay_fen)),
        ("个人现金支付", yuan(ext.own_pay_fen)),
        ("个人自付", yuan(ext.self_payment_fen)),
        ("个人自费", yuan(ext.self_cost_fen)),
    ]
    if ext.hospital_days:
        facts.append(("住院天数", ext.hospital_days))
    if document.remark:
        facts.append(("备注", document.remark))
    return (facts + list(ext.extras))[: 24 if document.form == "inpatient" else 20]


class FaceRenderer:
    """Draws faces. Safe for many threads: every call has its own document; only the template is shared."""

    def __init__(self, demo: bool) -> None:
        self._demo = demo
        environment = Environment(loader=FileSystemLoader(_FORMS), autoescape=True, trim_blocks=True)
        environment.filters["yuan"] = yuan
        self._template = environment.get_template("face.html")

    def html(self, document: BillDocument, *, state: str, qr_text: str, supervised: bool) -> str:
        """The face and its list pages as HTML, the one source of PDF and PNG."""
        blocks, listed = _table(document)
        rows = [_aux(row) for row in document.aux_items] if document.aux_items else [_item(i) for i in document.items]
        pages = [rows[start : start + LIST_ROWS] for start in range(0, len(rows), LIST_ROWS)] if listed else []
        size, path = qr.path(qr_text)
        issued = document.issued_at
        return self._template.render(
            document=document,
            families=FAMILIES,
            blocks=blocks,
            rows=FACE_ROWS,
            pages=pages,
            total_words=words(document.total_fen),
            payer_code=_payer_code(document),
            info=_other_info(document),
            issued=f"{issued:%Y-%m-%d}",
            mark=MARKS.get(state, ""),
            supervised=supervised,
            qr_size=size,
            qr_path=path,
            demo=self._demo,
        )

    def pdf(self, document: BillDocument, *, state: str, qr_text: str, xml: bytes, supervised: bool) -> bytes:
        """The bill as PDF: face, list pages, and ``einvoice.xml`` as an embedded file. ``state``: a BillState value."""
        source = self.html(document, state=state, qr_text=qr_text, supervised=supervised)
        attachment = Attachment(
            file_obj=io.BytesIO(xml), name="einvoice.xml", description="财政电子票据数据文件", relationship="Data"
        )
        page = HTML(string=source, url_fetcher=_refuse)
        return bytes(page.write_pdf(font_config=FontConfiguration(), attachments=[attachment]) or b"")

    def png(self, pdf: bytes, width: int) -> bytes:
        """The first page as PNG, ``width`` pixels wide."""
        document = pypdfium2.PdfDocument(pdf)
        try:
            page = document[0]
            picture = page.render(scale=width / page.get_width()).to_pil()
        finally:
            document.close()
        out = io.BytesIO()
        picture.quantize(64).save(out, "PNG")
        return out.getvalue()


def _refuse(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError("a face fetches nothing")
