"""Notice slips stamped into their compiled form: small, with the words of the laid-out slip, and a code that reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2
import pytest

from portal.domain.banner import Banner
from portal.rendering import qr
from portal.rendering.papers import slip
from portal.rendering.papers.slip import Desk, Paper, Slip
from portal.rendering.pdf.compiled import FormError
from tests.factories import faces

DESK = Desk("示例市人民医院", "门诊一楼", "0000-0000000", "8:00–17:00")
AT = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
PLAIN = Slip(
    DESK, "医疗门诊收费票据（电子）", "99060126", "9000000001", "0a1b2c", "测**", 1250, "2026-01-05", faces.LINK
)
SLIPS = {
    "plain": PLAIN,
    "again": replace(PLAIN, printed=3),
    "reversed": replace(PLAIN, state="已冲红", amount_fen=-123_456_789_012),
    "fetched": replace(PLAIN, fetch_code="QP7KM2XPTA"),
    "rare": replace(PLAIN, payer="㛃**", name="医疗住院收费票据（电子）" * 3),
    "without a phone": replace(PLAIN, desk=replace(DESK, phone="")),
}
BANNER = Banner("演示", "演示数据", "演示票据在官方平台查不到。")


def words(data: bytes) -> list[str]:
    """The words of each page, without blanks and line ends."""
    document = pypdfium2.PdfDocument(data)
    found = ["".join(page.get_textpage().get_text_range().split()) for page in document]
    document.close()
    return found


@pytest.mark.parametrize("paper", Paper)
@pytest.mark.parametrize("name", SLIPS)
def test_a_stamped_slip_says_what_the_laid_out_one_says(
    name: str, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    for banner in (Banner(), BANNER):
        stamped = slip.pdf([SLIPS[name]], paper, banner, AT)
        assert len(stamped) <= 45_000
        with monkeypatch.context() as patched:
            patched.setattr(slip, "_stamped", _no_form)
            laid_out = slip.pdf([SLIPS[name]], paper, banner, AT)
        assert sorted(words(stamped)[0]) == sorted(words(laid_out)[0])
        assert b"/PrintScaling/None" in stamped, "printed in its true size"


def _no_form(*_: object) -> None:
    raise FormError("none")


def test_many_slips_are_one_small_file() -> None:
    many = [replace(PLAIN, number=f"{9_000_000_000 + one}") for one in range(50)]
    data = slip.pdf(many, Paper.ROLL, Banner(), AT)
    pages = words(data)
    assert len(data) <= 50 * 4_000 and len(pages) == 50
    assert all(f"票据号码{one.grouped.replace(' ', '')}" in page for one, page in zip(many, pages, strict=True))


@pytest.mark.parametrize("paper", Paper)
def test_the_code_stands_whole_on_white(paper: Paper) -> None:
    page, _ = slip._stamped(PLAIN, paper, Banner(), "")
    [slot] = [item for item in page.items if getattr(item, "key", "") == "qr"]
    document = pypdfium2.PdfDocument(slip.pdf([PLAIN], paper, Banner(), AT))
    picture = document[0].render(scale=6).to_pil().convert("L")
    document.close()
    modules = qr.matrix(PLAIN.link)
    size = (slot.box[2] - slot.box[0]) / (len(modules) + 2)
    for y in range(-4, len(modules) + 4):
        for x in range(-4, len(modules) + 4):
            left, top = slot.box[0] + (x + 1.5) * size, page.height - slot.box[3] + (y + 1.5) * size
            dark = 0 <= x < len(modules) and 0 <= y < len(modules) and modules[y][x]
            assert (picture.getpixel((left * 6, top * 6)) < 128) is dark, (x, y)
