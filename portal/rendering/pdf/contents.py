"""What stands in the slots of each form: a document and its state become named texts.

A slot holds a text, or a pair (label, value). A new form is a template in ``forms/`` and an entry in :data:`FORMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from portal.domain.documents.bill import AuxItem, BillDocument, Item
from portal.domain.identity import mask_card, mask_id
from portal.domain.money import micro_text, words, yuan

Value = str | tuple[str, str]
Fields = dict[str, Value]
Fact = tuple[str, str]
"""Label and value of a line of 其他信息."""

FACE_ROWS = 10
LIST_ROWS = 34
LIST, FURTHER = "list", "further"
FACTS = 24
_FACT_ROOM, _VALUE_ROOM = 54, 100
"""Characters that surely stand whole in a fact of the face, and in a row of the further page."""

MARKS = {"preview": "预览", "issued": "待监制", "uploaded": "待监制", "refused": "待监制", "reversed": "已冲红"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a face shows besides its document. ``state``: a BillState value, or ``preview`` for a bill that is not yet
    issued; ``exchanged``: a paper bill is out; ``insurance_whole``: 医保编号 in full, else its last four (the
    signed document always has it whole)."""

    state: str
    supervised: bool
    exchanged: bool = False
    insurance_whole: bool = False

    def mark(self, document: BillDocument) -> str:
        """Return the words across the face."""
        waiting = MARKS.get(self.state, "")
        if document.ext.related_code or document.total_fen < 0:
            return "红票" + (f"（{waiting}）" if waiting else "")
        return waiting or ("已换开" if self.exchanged else "")


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


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page: its form, what stands in it, and which of its groups are shown."""

    form: str
    fields: Fields
    groups: frozenset[str] = frozenset()


SEPARATOR = Cell("以下是清单项", "", "", "")


def sheets(document: BillDocument, look: Look) -> list[Sheet]:
    """Return the face and its list pages."""
    if document.ext.insurance_id and not look.insurance_whole:
        ext = replace(document.ext, insurance_id=mask_card(document.ext.insurance_id))
        document = replace(document, ext=ext)
    name = document.form if document.form in FORMS else "outpatient"
    form = FORMS[name]
    cells, listed = form.table(document)
    fields = {**_common(document), "mark": look.mark(document), **_cells(cells)}
    facts, further = _placed(form.facts(document))
    for place, fact in enumerate(facts):
        fields[f"fact.{place}"] = (f"{fact[0]}：", fact[1])
    groups = frozenset({"supervised"} if look.supervised else ())
    lists = _list(document, form.room) if listed else []
    return [Sheet(name, fields, groups), *lists, *_further(document, further)]


def _placed(facts: list[Fact]) -> tuple[list[Fact], list[Fact]]:
    """Return the facts of the face and those of the further page: what has no place, and whole what is cut."""
    cut = [fact for fact in facts[:FACTS] if len("".join(fact)) > _FACT_ROOM]
    if len(facts) <= FACTS:
        return facts, cut
    shown, rest = facts[: FACTS - 1], facts[FACTS - 1 :]
    return [*shown, ("其余", f"{len(rest)} 项见电子票据续页")], [fact for fact in cut if fact in shown] + rest


def _further(document: BillDocument, facts: list[Fact]) -> list[Sheet]:
    rows = [
        (label if start == 0 else "", value[start : start + _VALUE_ROOM])
        for label, value in facts
        for start in range(0, max(len(value), 1), _VALUE_ROOM)
    ]
    pages = [rows[start : start + LIST_ROWS] for start in range(0, len(rows), LIST_ROWS)]
    common, sheets = _common(document), []
    for number, page in enumerate(pages, 1):
        fields = {**common, "page": f"续页第 {number} 页，共 {len(pages)} 页"}
        for place, (label, value) in enumerate(page):
            fields |= {f"further.{place}.name": label, f"further.{place}.value": value}
        sheets.append(Sheet(FURTHER, fields))
    return sheets


def _common(document: BillDocument) -> Fields:
    payer = document.payer
    return {
        "name": document.name,
        "code": document.code,
        "number": document.number,
        "check_code": document.check_code,
        "payer": payer.name,
        "payer_code": mask_id(payer.code) if payer.kind == "1" and payer.code else payer.code,
        "issued": f"{document.issued_at:%Y-%m-%d}",
        "total": yuan(document.total_fen),
        "total_words": words(document.total_fen),
        "unit": document.unit.name,
        "checker": document.checker,
        "cashier": document.cashier,
    }


def _cells(cells: Iterable[Cell]) -> Fields:
    fields: Fields = {}
    for place, cell in enumerate(cells):
        for name in Cell.__slots__:
            if value := getattr(cell, name):
                fields[f"cell.{place}.{name}"] = value
    return fields


def _list(document: BillDocument, room: int) -> list[Sheet]:
    """Return the details, after the categories that the face has no room for; without details, all categories."""
    rows = [_aux(row) for row in document.aux_items]
    if len(document.items) > room or not rows:
        shown = (room if len(document.items) <= room else room - 1) if rows else 0
        items = [_item(item) for item in document.items[shown:]]
        rows = [*items, SEPARATOR, *rows] if rows else items
    pages = [rows[start : start + LIST_ROWS] for start in range(0, len(rows), LIST_ROWS)]
    common = _common(document)
    return [
        Sheet(LIST, {**common, **_cells(page), "page": f"第 {place} 页，共 {len(pages)} 页"})
        for place, page in enumerate(pages, 1)
    ]


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


_OUTPATIENT_ROOM, _INPATIENT_ROOM, _PLAIN_ROOM = 2 * FACE_ROWS, 3 * FACE_ROWS, FACE_ROWS


def _outpatient_table(document: BillDocument) -> tuple[list[Cell], bool]:
    """Return the categories, then the details if all of them have room; else the details go to list pages."""
    room = _OUTPATIENT_ROOM
    cells = [_item(item) for item in document.items]
    details = [_face_aux(row) for row in document.aux_items]
    if details and len(cells) + 1 + len(details) <= room:
        return [*cells, SEPARATOR, *details], False
    return _roomed(document, cells, room), bool(details) or len(cells) > room


def _roomed(document: BillDocument, cells: list[Cell], room: int) -> list[Cell]:
    """Return the categories that have room; the last line says how many more the list has, and their sum."""
    if len(cells) <= room:
        return cells
    rest = document.items[room - 1 :]
    amount = yuan(sum(item.amount_fen for item in rest))
    return [*cells[: room - 1], Cell(f"其余 {len(rest)} 项（见电子票据清单）", "", amount, "")]


def _inpatient_table(document: BillDocument) -> tuple[list[Cell], bool]:
    room = _INPATIENT_ROOM
    cells = [_item(item) for item in document.items]
    return _roomed(document, cells, room), bool(document.aux_items) or len(cells) > room


def _plain_table(document: BillDocument) -> tuple[list[Cell], bool]:
    """One wide block with the price of each line: the items, then the details if all of them have room."""
    cells = [_priced(_item(item), item.price_micro) for item in document.items]
    details = [_priced(_face_aux(row), row.price_micro) for row in document.aux_items]
    if details and len(cells) + 1 + len(details) <= _PLAIN_ROOM:
        return [*cells, SEPARATOR, *details], False
    return _roomed(document, cells, _PLAIN_ROOM), bool(details) or len(cells) > _PLAIN_ROOM


def _priced(cell: Cell, price_micro: int | None) -> Cell:
    return replace(cell, price="" if price_micro is None else micro_text(price_micro, 2))


def _plain_facts(document: BillDocument) -> list[Fact]:
    """Return what a 往来 or 捐赠 bill is for stands in its open list."""
    remark = [("备注", document.remark)] if document.remark else []
    return [("业务流水号", document.serial), *document.ext.extras, *remark]


def _day(value: object) -> str:
    return f"{value:%Y%m%d}" if value else ""


def _outpatient_facts(document: BillDocument) -> list[Fact]:
    ext = document.ext
    return [
        ("业务流水号", document.serial),
        ("门诊号", ext.patient_number),
        ("就诊日期", _day(ext.medical_date)),
        ("医疗类别", ext.medical_type),
        *_insurance_facts(document),
    ]


def _inpatient_facts(document: BillDocument) -> list[Fact]:
    ext = document.ext
    return [
        ("业务流水号", document.serial),
        ("病历号", ext.case_number),
        ("住院号", ext.hospitalization_number),
        ("住院科别", ext.department),
        ("住院时间", f"{_day(ext.in_date)}-{_day(ext.out_date)}" if ext.in_date or ext.out_date else ""),
        ("预缴金额", yuan(ext.prepay_fen or 0)),
        ("补缴金额", yuan(ext.recharge_fen or 0)),
        ("退费金额", yuan(ext.refund_fen or 0)),
        *_insurance_facts(document),
    ]


def _insurance_facts(document: BillDocument) -> list[Fact]:
    ext = document.ext
    facts = [
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
    return facts + list(ext.extras)


@dataclass(frozen=True, slots=True)
class Form:
    """How a document fills ``forms/<name>.html``."""

    room: int
    """Cells of the face's table."""
    table: Callable[[BillDocument], tuple[list[Cell], bool]]
    """What stands in them, and whether list pages follow."""
    facts: Callable[[BillDocument], list[Fact]]
    """其他信息."""


FORMS = {
    "outpatient": Form(_OUTPATIENT_ROOM, _outpatient_table, _outpatient_facts),
    "inpatient": Form(_INPATIENT_ROOM, _inpatient_table, _inpatient_facts),
    "general": Form(_PLAIN_ROOM, _plain_table, _plain_facts),
    "donation": Form(_PLAIN_ROOM, _plain_table, _plain_facts),
}
"""By ``BillDocument.form``."""
