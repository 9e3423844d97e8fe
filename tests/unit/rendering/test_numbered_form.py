"""The print on a numbered form: nothing is cut in silence, nothing leaves its box, and viewers do not scale it."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pypdf
import pypdfium2
import pytest

from portal.domain.banner import Banner
from portal.domain.documents.bill import BillDocument
from portal.rendering.papers import numbered_form
from portal.rendering.papers.numbered_form import Offset, PaperPrint
from portal.rendering.pdf.fitting import ELLIPSIS
from tests.factories import faces


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return re.sub(r"\s", "", document[0].get_textpage().get_text_bounded())
    finally:
        document.close()


def printed(document: BillDocument) -> bytes:
    return numbered_form.pdf([PaperPrint(document, "99061126 0000000001", "收费员甲")], Offset(), banner=Banner())


SERIAL = "MZ20261201010411997189523e727d1"
NAME = "ABDURAHMAN MUHAMMAD TURSUN HASAN " * 2 + "买买提"


@pytest.mark.parametrize("form", ["outpatient", "inpatient"])
def test_long_texts_are_set_smaller_and_whole(form: str) -> None:
    document = getattr(faces, form)(3, 0)
    items = tuple(
        replace(item, name=f"{item.name}（含门诊综合服务费用及耗材）", remark="自付10%") for item in document.items
    )
    document = replace(
        document, serial=SERIAL, items=items, remark="补开原票遗失", payer=replace(document.payer, name=NAME)
    )
    text = text_of(printed(document))
    for whole in (SERIAL, NAME.replace(" ", ""), "补开原票遗失", *(item.name for item in items), "自付10%"):
        assert whole in text
    assert ELLIPSIS not in text


def test_what_has_no_room_even_so_is_marked() -> None:
    text = text_of(printed(replace(faces.outpatient(3, 0), remark="备注" * 100)))
    assert ELLIPSIS in text


@pytest.mark.parametrize("align", ["left", "right"])
def test_a_text_stays_in_its_box(align: str) -> None:
    for text in ("甲", "甲" * 40, "甲" * 400, "12345678901234567890.00"):
        found = numbered_form.fitted(text, 30, 5, 9, align)
        size, pitch = (float(re.search(rf"{name}:([\d.]+)pt", found)[1]) for name in ("font-size", "line-height"))
        lines = found.count("<br>") + 1
        assert lines * pitch <= 5 * 72 / 25.4 + 0.01 and 0 < size <= 9


def test_markup_in_a_text_stays_text() -> None:
    assert "&lt;b&gt;" in numbered_form.fitted("<b>", 30, 5, 9, "left")


@pytest.mark.parametrize("pdf", [printed(faces.outpatient(3, 0)), numbered_form.calibration_page(Offset())])
def test_viewers_print_it_to_scale(pdf: bytes) -> None:
    root = pypdf.PdfReader(io.BytesIO(pdf)).trailer["/Root"]
    assert root["/ViewerPreferences"]["/PrintScaling"] == "/None"


def test_the_calibration_page_says_how_to_print_and_stays_on_the_sheet() -> None:
    pdf = numbered_form.calibration_page(Offset())
    assert "实际大小" in text_of(pdf)
    document = pypdfium2.PdfDocument(pdf)
    page = document[0].get_textpage()
    boxes = [page.get_charbox(place) for place in range(page.count_chars())]
    assert max(right for _, _, right, _ in boxes) < document[0].get_width()
    document.close()
