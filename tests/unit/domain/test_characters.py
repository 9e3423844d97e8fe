"""Characters as they should have arrived, and what a bill does not print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.characters import is_lost, mended, pictures, spelled, unprivate


@pytest.mark.parametrize(
    ("arrived", "meant"),
    [
        ("王\ue863", "王䶮"),
        ("\ue815\ue864", "⺁龻"),
        ("\ue78d\ue78e\ue78f\ue796", "︐︒︑︙"),
        ("\ue7c7\ue7c8\ue7e7", "ḿǹ〾"),
        ("\ue7e8\ue7f3", "⿰⿻"),
        ("林演安", "林演安"),
        ("\ue000", "\ue000"),
    ],
)
def test_private_codes_are_the_characters_they_stand_for(arrived: str, meant: str) -> None:
    assert unprivate(arrived) == meant


@pytest.mark.parametrize(
    ("arrived", "meant"),
    [
        ("plain", "plain"),
        ("Jose\u0301", "José"),
        ("José", "José"),
        ("林\u200b演\ufe0f安\u00ad", "林演安"),
        ("王\ue863\u3164", "王䶮"),
        ("林\u202e安", "林\u202e安"),
    ],
)
def test_a_text_from_outside_is_mended(arrived: str, meant: str) -> None:
    assert mended(arrived) == meant


@given(st.text(max_size=30))
def test_mending_twice_changes_nothing(text: str) -> None:
    assert mended(mended(text)) == mended(text)


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("???", True),
        ("？ ？", True),
        ("林\ufffd安", True),
        ("锟斤拷", True),
        ("林锟斤拷安\n", True),
        ("烫烫烫烫", True),
        ("林演安", False),
        ("林?安", False),
        ("", False),
        ("烫烫", False),
    ],
)
def test_a_name_of_question_marks_or_wrong_decoding_is_lost(name: str, lost: bool) -> None:
    assert is_lost(name) is lost


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("abc :-)", ""),
        ("林演安", ""),
        ("林😀安😀🎈", "😀🎈"),
        ("\U0001f000", "\U0001f000"),
        ("👍🏻", "👍🏻"),
        ("☀", "☀"),
        ("\u2600\u27bf", "\u2600\u27bf"),
        ("★☆♀♂✓✔✗✘", ""),
        ("①㎎℃→■", ""),
        ("𠮷", ""),
        ("\u2768", ""),
    ],
)
def test_emoji_are_no_writing_and_signs_are(text: str, found: str) -> None:
    assert pictures(text) == found


@pytest.mark.parametrize(
    ("characters", "written"),
    [
        ("𠮷字", "𠮷字"),
        ("\u202e", "U+202E"),
        ("\x01字\u3000", "U+0001 字U+3000"),
        ("\u3164\u00a0", "U+3164 U+00A0"),
        ("\u034f", "U+034F"),
    ],
)
def test_what_leaves_no_ink_is_written_as_its_code(characters: str, written: str) -> None:
    assert spelled(characters) == written
