"""Days as people and their programs write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

_AROUND = re.compile(r"\s*([-/.年月日])\s*")
_DAY = re.compile(
    r"((?:19|20)\d\d)(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d\d)(\d\d))"
    r"(?:[T ]?(?<=[T 日])\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?",
    re.ASCII,
)
"""Digits without separators are a day only with all eight of them: 2026111 is 11 January as well as 1 November."""


def day_of(text: str) -> date:
    """``2026-01-05``, ``2026/1/5``, ``20260105``, ``2026年1月5日`` → the day; a time of day behind it is left out.

    Full-width characters are read. Raises ValueError for anything else and for a day that does not exist.
    """
    found = _DAY.fullmatch(_AROUND.sub(r"\1", unicodedata.normalize("NFKC", text).strip()))
    if found is None:
        raise ValueError("不是日期")
    year, month, day = (int(part) for part in found.groups() if part)
    return date(year, month, day)
