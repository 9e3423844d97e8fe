"""E-mail addresses as people type them: tidied, and the likely slip of the finger in the part after ``@``."""

from __future__ import annotations

import re
import unicodedata

USUAL = (
    "qq.com",
    "163.com",
    "126.com",
    "139.com",
    "189.cn",
    "sina.com",
    "sina.cn",
    "sohu.com",
    "foxmail.com",
    "aliyun.com",
    "yeah.net",
    "outlook.com",
    "hotmail.com",
    "gmail.com",
    "icloud.com",
)


_LABEL = r"[A-Za-z0-9_%+\-]+"
_SHAPE = re.compile(
    rf"(?=.{{1,64}}@){_LABEL}(\.{_LABEL})*@(?=.{{4,190}}$)([A-Za-z0-9]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.)+[A-Za-z]{{2,24}}"
)


def is_address(text: str) -> bool:
    """Return whether mail can go there: plain characters, and dots only between others (RFC 5321, 4.1.2)."""
    return _SHAPE.fullmatch(text) is not None


def tidy(text: str) -> str:
    """Full-width characters become plain, blanks go, ``。`` is a dot, the domain is lower case."""
    text = unicodedata.normalize("NFKC", "".join(text.split())).replace("。", ".").replace(",", ".")
    local, at, domain = text.rpartition("@")
    return f"{local}{at}{domain.lower()}" if at else text


def suggestion(address: str) -> str:
    """Return the address that was probably meant when its domain is one slip away from a usual one; ``""`` otherwise.

    ``zhang@qq.con`` → ``zhang@qq.com``. An address that is not unusual is never questioned.
    """
    local, at, domain = tidy(address).rpartition("@")
    if not at or not local or domain in USUAL:
        return ""
    near = [usual for usual in USUAL if _one_slip(domain, usual)]
    return f"{local}@{near[0]}" if near else ""


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter is wrong, missing, too many, or two neighbours are swapped."""
    if len(typed) == len(meant):
        wrong = [place for place, pair in enumerate(zip(typed, meant, strict=True)) if pair[0] != pair[1]]
        if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
            return typed[wrong[0]] == meant[wrong[1]] and typed[wrong[1]] == meant[wrong[0]]
        return len(wrong) == 1 and not (typed[wrong[0]].isdigit() and meant[wrong[0]].isdigit())
    longer, shorter = (typed, meant) if len(typed) > len(meant) else (meant, typed)
    return len(longer) == len(shorter) + 1 and any(
        longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer))
    )
