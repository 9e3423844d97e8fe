"""Characters as they should have arrived: private codes of old GBK, decomposed letters, invisible marks.

A database in GBK keeps characters that Unicode took in later under private codes: 䶮 arrives as U+E863. The clerk sees
it right on the screen, no font prints it, and no patient types it. Letters arrive decomposed (``e`` and an accent of
its own) from some systems, and invisible marks from copied texts.
"""

from __future__ import annotations

import re
import unicodedata

_GBK = (
    "⺁𠂇𠂉𠃌⺄㑳㑇⺈⺋龴㖞㘚㘎⺌⺗㥮㤘龵㧏㧟㩳㧐龶龷㭎㱮㳠⺧𡗗龸⺪䁖䅟⺮䌷⺳⺶⺷𢦏䎱"
    "䎬⺻䏝䓖䙡䙌龹䜣䜩䝼䞍⻊䥇䥺䥽䦂䦃䦅䦆䦟䦛䦷䦶龺𤇾䲣䲟䲠䲡䱷䲢䴓䴔䴕䴖䴗䴘䴙䶮龻"
)
"""U+E815 … U+E864 (GBK FE50 … FEA0) in order."""
_PRIVATE = (
    {0xE815 + place: ord(character) for place, character in enumerate(_GBK)}
    | dict(zip(range(0xE78D, 0xE797), (0xFE10, 0xFE12, 0xFE11, *range(0xFE13, 0xFE1A)), strict=True))
    | {0xE7C7: 0x1E3F, 0xE7C8: 0x01F9, 0xE7E7: 0x303E}
    | dict(zip(range(0xE7E8, 0xE7F4), range(0x2FF0, 0x2FFC), strict=True))
)
"""Private code → character: the 80 of GBK, and those that GB 18030 of 2000 and 2022 gave a place."""

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
)
"""Members of a character class: what takes no place on paper and that nobody can type."""
_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_DROPPED = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u200b-\u200d\u2060\u3164\ufe00-\ufe0f\uffa0]"
)
"""Of these what falls away by itself; marks that turn the direction of writing are refused where a field is read."""
_PRIVATE_FOUND = re.compile("[\ue78d-\ue796\ue7c7\ue7c8\ue7e7-\ue7f3\ue815-\ue864]")
_LOST_NAME = re.compile(r"[?？\s]*[?？]+[?？\s]*|.*锟斤拷.*|.*烫烫烫.*", re.DOTALL)


def unprivate(text: str) -> str:
    """Return the text with private codes of GBK as the characters they stand for."""
    return text.translate(_PRIVATE) if _PRIVATE_FOUND.search(text) else text


def mended(text: str) -> str:
    """Return a text from outside as it was meant: no private codes, composed letters, no invisible marks."""
    if text.isascii():
        return text
    text = _DROPPED.sub("", unprivate(text))
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def is_lost(name: str) -> bool:
    """Whether a name's characters are lost already: question marks only, or what a wrong decoding leaves."""
    return "\ufffd" in name or _LOST_NAME.fullmatch(name) is not None


def spelled(characters: str) -> str:
    """Return characters so that a reader can tell them: what leaves no ink is written as ``U+200B``."""
    return "".join(
        f"U+{ord(one):04X} " if not one.isprintable() or one.isspace() or _INVISIBLE.match(one) else one
        for one in characters
    ).strip()
