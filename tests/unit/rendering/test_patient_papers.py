"""Papers beside the bill: small enough for a phone, and with small fonts what they are with WeasyPrint's own."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pypdf
import pypdfium2
import pytest
from PIL import ImageChops

from portal.domain.banner import Banner
from portal.rendering.papers import numbered_form, patient_papers, slip
from portal.rendering.papers.numbered_form import Offset
from portal.rendering.papers.patient_papers import Line
from portal.rendering.papers.slip import Desk, Paper, Slip
from portal.rendering.pdf import layout
from tests.factories import faces

DESK = Desk("示例市人民医院", "门诊一楼", "0000-0000000", "8:00–17:00")
LINES = [Line("2026-01-05", "门诊", "99060126", "9000000001", "0a1b2c", 1250, 0, 0, 0, 1250)]
SLIP = Slip(
    DESK, "医疗门诊收费票据（电子）", "99060126", "9000000001", "0a1b2c", "测**", 1250, "2026-01-05", faces.LINK
)
AT = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
PAYER = "测试甲"
PAPERS = {
    "cover": partial(patient_papers.cover, DESK, PAYER, LINES, [], "2026-01-05 10:00", Banner()),
    "statement": partial(patient_papers.statement, DESK, PAYER, 2026, LINES, "2026-01-05 10:00", Banner()),
    "poster": partial(patient_papers.poster, DESK, faces.LINK, "https://example.invalid/", "A4", Banner()),
    "voucher": partial(slip.pdf, [replace(SLIP, voucher=True)], Paper.ROLL, Banner(), AT),
    "calibration": partial(numbered_form.calibration_page, Offset()),
}


def seen(pdf: bytes) -> tuple[object, str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return document[0].render(scale=1).to_pil().convert("L"), document[0].get_textpage().get_text_bounded()
    finally:
        document.close()


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_is_small_and_looks_and_reads_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = PAPERS[name]()
    assert len(small) < 60_000
    monkeypatch.setattr(layout, "pdf", lambda source, **_: layout.lay_out(source).write_pdf())
    (picture, text), (oracle, words) = seen(small), seen(PAPERS[name]())
    assert text == words
    different = ImageChops.difference(picture, oracle).point(lambda value: 255 if value > 100 else 0)
    assert different.getbbox() is None


def test_a_screen_reader_finds_the_cells_of_the_statement() -> None:
    """Marked as tagged, with a tree that has a title and the rows of the table."""
    root = pypdf.PdfReader(io.BytesIO(PAPERS["statement"]())).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    kinds: Counter[str] = Counter()

    def walk(node: Any) -> None:
        kinds[str(node.get("/S", ""))] += 1
        below = node.get("/K", [])
        for one in below if isinstance(below, list) else [below]:
            child = one.get_object()
            if isinstance(child, dict) and child.get("/Type") != "/MCR":
                walk(child)

    walk(root["/StructTreeRoot"])
    assert kinds["/H1"] == 1 and kinds["/TR"] == 3 and kinds["/TD"] == 7 and kinds["/TH"] == 13
