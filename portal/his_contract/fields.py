"""Reading the fields of a business message: every problem is collected and names path, rule and remedy.

What HISs really send is read here: numbers as text and text as numbers; missing, ``null`` and ``""`` are one.
A problem never repeats what was sent, since that may be personal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from portal.core.clock import SHANGHAI
from portal.domain.identity import normalise
from portal.domain.money import fen_of, micro_of

MOST_FEN = 10**14
MOST_MICRO = 10**18
"""N14,2 has twelve digits before the point; millionths of that still fit 64 bits."""
SHOWN_PROBLEMS = 20

FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
"""What neither XML nor a printed face can carry, and marks that turn the direction of writing."""
_LINE_BREAKS = re.compile(r"[\t\r\n]+")
_MOMENT = re.compile(r"\d{14}(?:\d{3})?", re.ASCII)
_DAY = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})", re.ASCII)
_ABSENT = (None, "")
_NO_DAY = date(1, 1, 1)
"""What .NET sends for a day that was never set."""


class Problems:
    """What is wrong with one message, in the order found."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.count = 0

    def add(self, path: str, title: str, rule: str, remedy: str) -> None:
        """Note one problem: field path, its Chinese name, the rule it breaks, what to do."""
        self.count += 1
        if self.count <= SHOWN_PROBLEMS:
            self.found.append(f"{path}（{title}）{rule}，{remedy}")

    def text(self) -> str:
        """All of it for people; beyond :data:`SHOWN_PROBLEMS` only the count is told."""
        rest = f"；……共 {self.count} 处" if self.count > SHOWN_PROBLEMS else ""
        return "；".join(self.found) + rest


class Fields:
    """One JSON object of the message with its path. Readers return a neutral value where there is a problem."""

    __slots__ = ("path", "problems", "values")

    def __init__(self, values: Mapping[str, Any], problems: Problems, path: str = "") -> None:
        self.values = values
        self.problems = problems
        self.path = path

    def problem(self, name: str, title: str, rule: str, remedy: str) -> None:
        """Note a problem of the field ``name``."""
        self.problems.add(self.path + name, title, rule, remedy)

    def has(self, name: str) -> bool:
        """Whether anything but ``null`` and ``""`` was sent."""
        return self.values.get(name) not in _ABSENT

    def text(self, name: str, title: str, most: int, required: bool = False, folded: bool = False) -> str:
        """Return text of at most ``most`` characters; numbers are taken as text. ``folded``: line breaks → blank."""
        value = self.values.get(name)
        if value.__class__ is not str:
            value = self._as_text(name, title, value)
        value = value.strip()
        if not value:
            if required:
                self.problem(name, title, "不能为空", f"请填写{title}")
            return ""
        if folded:
            value = _LINE_BREAKS.sub(" ", value)
        if len(value) > most:
            self.problem(name, title, f"超过 {most} 个字符", "请缩短后重新推送")
            return ""
        if FORBIDDEN.search(value):
            self.problem(name, title, "含有控制字符或不完整的字符", "请去除不可见字符后重新推送")
            return ""
        return value

    def _as_text(self, name: str, title: str, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, Decimal):
            return format(value, "f")
        self.problem(name, title, "应为文本", "请按接口文档的类型传送")
        return ""

    def number(self, name: str, title: str, most: int) -> str:
        """Return an identity or card number; placeholders such as ``无``, ``-``, ``******`` count as absent."""
        value = self.text(name, title, most)
        return value if value and normalise(value) else ""

    def fen(self, name: str, title: str, required: bool = False) -> int:
        """Yuan with at most two decimals → fen; absent is 0."""
        return self.fen_or_none(name, title, required) or 0

    def fen_or_none(self, name: str, title: str, required: bool = False) -> int | None:
        """As :meth:`fen`; absent is ``None``."""
        return self._amount(name, title, required, fen_of, MOST_FEN)

    def micro(self, name: str, title: str, required: bool = False) -> int | None:
        """Return a price, quantity or list amount with at most six decimals → millionths; absent is ``None``."""
        return self._amount(name, title, required, micro_of, MOST_MICRO)

    def _amount(self, name: str, title: str, required: bool, read: Any, most: int) -> int | None:
        value = self.values.get(name)
        if value in _ABSENT or (value.__class__ is str and not value.strip()):
            if required:
                self.problem(name, title, "不能为空", "请填写数字，没有则填 0")
            return None
        try:
            amount: int = read(value)
        except ValueError as error:
            self.problem(name, title, str(error), "请更正为普通小数，如 12.50")
            return None
        if abs(amount) >= most:
            self.problem(name, title, "整数部分超过 12 位", "请核对金额单位（元）")
            return None
        return amount

    def moment(self, name: str, title: str) -> datetime | None:
        """Return a required time ``yyyyMMddHHmmssSSS`` (or without milliseconds) of the hospital's clock → aware
        UTC."""
        value = self.text(name, title, 17, required=True)
        if not value:
            return None
        if _MOMENT.fullmatch(value):
            try:
                found = datetime.strptime(value[:14], "%Y%m%d%H%M%S")
                if 1990 <= found.year <= 2099:
                    millis = int(value[14:] or 0)
                    return found.replace(microsecond=millis * 1000, tzinfo=SHANGHAI).astimezone(UTC)
            except ValueError:
                pass
        self.problem(name, title, "不是有效的时间", "格式为 yyyyMMddHHmmssSSS（17 位数字），没有毫秒时补 000")
        return None

    def day(self, name: str, title: str) -> date | None:
        """Return a day ``yyyy-MM-dd`` or ``yyyyMMdd`` of 1900 to 2099; absent, or .NET's empty day, is ``None``."""
        value = self.text(name, title, 10)
        if not value:
            return None
        if found := _DAY.fullmatch(value):
            try:
                day = date(int(found[1]), int(found[3]), int(found[4]))
                if day == _NO_DAY:
                    return None
                if 1900 <= day.year <= 2099:
                    return day
            except ValueError:
                pass
        self.problem(name, title, "不是有效的日期", "格式为 yyyy-MM-dd 或 yyyyMMdd")
        return None

    def rows(self, name: str, title: str, most: int, required: bool = False, single: bool = False) -> list[Fields]:
        """Return the objects of a list; ``[]``, ``""``, ``null`` are all empty. ``single``: one object stands for a
        list."""
        value = self.values.get(name)
        if single and isinstance(value, dict):
            value = [value]
        if value in (None, "", []):
            if required:
                self.problem(name, title, "不能为空", f"请至少传送一行{title}")
            return []
        if not isinstance(value, list):
            self.problem(name, title, "应为列表", "请按接口文档传送 JSON 数组")
            return []
        if len(value) > most:
            self.problem(name, title, f"超过 {most} 行", "请合并或拆分后重新推送")
            return []
        found = []
        for place, row in enumerate(value):
            if isinstance(row, dict):
                found.append(Fields(row, self.problems, f"{self.path}{name}[{place}]."))
            else:
                self.problem(f"{name}[{place}]", title, "应为对象", "请按接口文档传送 JSON 对象")
        return found
