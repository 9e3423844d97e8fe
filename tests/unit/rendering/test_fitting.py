"""Texts in slots: whole, smaller, in lines, or cut; never outside their slot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.rendering.pdf.compiled import Ink, Slot
from portal.rendering.pdf.fitting import LEADING, LEAST, Setting, fit
from portal.rendering.pdf.glyphs import glyphs

BLACK = Ink("0 0 0 rg", 1)


def slot(align: str = "left", width: float = 100, height: float = 14, inks: int = 1) -> Slot:
    """A slot of 8 pt text, its corner at (50, 200)."""
    matrix = (1.0, 0.0, 0.0, 1.0, 50.0, 200 + height / 2 - 3)
    return Slot("x", align, matrix, 8, (BLACK,) * inks, (50, 200, 50 + width, 200 + height))


def setting(texts: tuple[str, ...], place: Slot) -> Setting:
    known = glyphs()
    known.learn("".join(texts) + "…")
    return fit(texts, place, known.advances)


def width(line: object) -> float:
    advances = glyphs().advances
    return sum(advances[char] for _, text in line.parts for char in text) * line.size / 1000


def words(result: Setting) -> str:
    return "".join(text for line in result.lines for _, text in line.parts)


def test_what_fits_stands_as_the_form_says() -> None:
    left, right = setting(("诊察费",), slot()), setting(("12.50",), slot("right"))
    middle = setting(("盒",), slot("center"))
    assert [(line.x, line.y, line.size) for line in left.lines] == [(50, 204, 8)]
    assert right.lines[0].x + width(right.lines[0]) == pytest.approx(150)
    assert middle.lines[0].x + width(middle.lines[0]) / 2 == pytest.approx(100)


def test_a_text_a_little_too_long_is_set_smaller() -> None:
    result = setting(("一二三四五六七八九十甲乙丙",), slot(height=9))  # 104 pt
    assert len(result.lines) == 1
    assert LEAST * 8 < result.lines[0].size < 8
    assert result.whole


def test_a_longer_one_takes_lines_and_keeps_words_together() -> None:
    result = setting(("一二三四五六七八九十 amoxicillin 胶囊甲乙丙丁",), slot())
    assert len(result.lines) == 2
    assert any("amoxicillin" in text for line in result.lines for _, text in line.parts)
    assert words(result) == "一二三四五六七八九十 amoxicillin 胶囊甲乙丙丁"


def test_one_without_end_is_cut_with_an_ellipsis() -> None:
    result = setting(("长" * 200,), slot())
    assert words(result).endswith("长…")
    assert not result.whole


def test_figures_are_never_cut_nor_broken() -> None:
    result = setting(("-" + "9876543210" * 4,), slot("right"))
    assert words(result) == "-" + "9876543210" * 4
    assert len(result.lines) == 1


def test_label_and_value_keep_their_inks_over_the_lines() -> None:
    result = setting(("备注：", "冲红原票据代码99060126号码8000000001"), slot(inks=2))
    assert [ink for line in result.lines for ink, _ in line.parts] == [0, 1, 1]


@given(
    st.text(st.sampled_from("一二三费药，（） abcXYZ0123.-"), max_size=120),
    st.sampled_from(["left", "right", "center"]),
    st.floats(12, 300),
    st.floats(9, 40),
)
def test_no_text_leaves_its_slot(text: str, align: str, wide: float, high: float) -> None:
    place = slot(align, wide, high)
    result = setting((text,), place)
    left, bottom, right, top = place.box
    tallest = max((line.size for line in result.lines), default=0)
    assert len(result.lines) * tallest * LEADING <= max(high, tallest * LEADING) + 1e-6
    for line in result.lines:
        assert line.x >= left - 1e-6
        assert line.x + width(line) <= right + 1e-6
        assert bottom - 0.12 * line.size < line.y < top - 0.5 * line.size
    assert words(result).removesuffix("…") == text[: len(words(result).removesuffix("…"))]
