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
from portal.domain import characters
from portal.domain.identity import normalise
from portal.domain.money import number_of, rounded

MOST_FEN = 10**14
MOST_MICRO = 10**18
"""N14,2 has twelve digits before the point; millionths of that still fit 64 bits."""
SHOWN_PROBLEMS = 20

FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffd-\uffff\ud800-\udfff]")
"""What neither XML nor a printed face can carry, marks that turn the direction of writing, and U+FFFD, which stands for
a character that a wrong decoding has lost."""
_BREAKS = re.compile(r"[\t\r\n]+")
_MOMENT = re.compile(
    r"(\d{4})([-/.]?)(\d{2})\2(\d{2})(?:(?:[T ]|(?<=\d))(\d{2})(:?)(\d{2})\6(\d{2})(?:\.?(\d{1,3}))?)?", re.ASCII
)
"""``yyyyMMdd`` or ``yyyy-MM-dd``, and a time of day behind it: clients append milliseconds without their zeros, and
date types print separators."""
_LONGEST_MOMENT = 23
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d{1,20})?", re.ASCII)
_EXPONENT = re.compile(r"[+-]?\d{1,17}(?:\.\d{1,20})?[eE][+-]?\d{1,2}", re.ASCII)
_NOISE = Decimal("0.00001")
"""What a difference of two binary fractions leaves behind is no decimal of anybody: dropped without a word."""
_ABSENT = (None, "")
_NO_DAY = date(1, 1, 1)
"""What .NET sends for a day that was never set."""


class Problems:
    """What is wrong with one message, in the order found."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.count = 0
        self.warnings: list[str] = []

    def add(self, path: str, title: str, rule: str, remedy: str) -> None:
        """Note one problem: field path, its Chinese name, the rule it breaks, what to do."""
        self.count += 1
        if self.count <= SHOWN_PROBLEMS:
            self.found.append(f"{path}（{title}）{rule}，{remedy}")

    def warn(self, path: str, title: str, what: str) -> None:
        """Note what was put right so that the bill need not wait: kept with the bill."""
        if len(self.warnings) < SHOWN_PROBLEMS:
            self.warnings.append(f"{path}（{title}）{what}")

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

    def text(self, name: str, title: str, most: int, required: bool = False, cut: bool = False) -> str:
        """Return text of at most ``most`` characters, tabs and line breaks as blanks; numbers are taken as text.

        ``cut``: of a text that only describes, what is too long is cut off with a warning.
        """
        value = self.values.get(name)
        if value.__class__ is not str:
            value = self._as_text(name, title, value)
        value = characters.mended(value).strip()
        if not value:
            if required:
                self.problem(name, title, "不能为空", f"请填写{title}")
            return ""
        value = _BREAKS.sub(" ", value)
        if FORBIDDEN.search(value):
            self.problem(name, title, "含有控制字符或不完整的字符", "请去除不可见字符后重新推送")
            return ""
        if len(value) <= most:
            return value
        if cut:
            self.problems.warn(self.path + name, title, f"超过 {most} 个字符，已截断")
            return value[:most].rstrip()
        self.problem(name, title, f"超过 {most} 个字符", "请缩短后重新推送")
        return ""

    def name(self, name: str, title: str, most: int, required: bool = False) -> str:
        """Return a person's or unit's name; one whose characters are lost already is a problem."""
        value = self.text(name, title, most, required)
        if value and characters.is_lost(value):
            self.problem(name, title, "汉字已变成问号或乱码", "请检查 HIS 的字符编码，按 UTF-8 推送")
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

    def exact_fen(self, name: str, title: str) -> int:
        """Return the required sum of an act, yuan with at most two decimals, as fen."""
        return self._amount(name, title, True, 2, MOST_FEN, exact=True) or 0

    def fen(self, name: str, title: str, required: bool = False) -> int:
        """Yuan → fen, rounded; absent is 0."""
        return self.fen_or_none(name, title, required) or 0

    def fen_or_none(self, name: str, title: str, required: bool = False) -> int | None:
        """As :meth:`fen`; absent is ``None``."""
        return self._amount(name, title, required, 2, MOST_FEN)

    def micro(self, name: str, title: str, required: bool = False) -> int | None:
        """Return a price, quantity or list amount in millionths, rounded; absent is ``None``."""
        return self._amount(name, title, required, 6, MOST_MICRO)

    def _amount(
        self, name: str, title: str, required: bool, places: int, most: int, *, exact: bool = False
    ) -> int | None:
        """Return a number in units of its last place. Some clients count with more decimals than the contract has."""
        value = self.values.get(name)
        if value in _ABSENT or (value.__class__ is str and not value.strip()):
            if required:
                self.problem(name, title, "不能为空", "请填写数字，没有则填 0")
            return None
        try:
            number = number_of(_plain(value) if value.__class__ is str else value)
            near = rounded(number, places)
            if near != number and exact:
                raise ValueError(f"小数超过{places}位")
        except ValueError as error:
            self.problem(name, title, str(error), "请更正为普通小数，如 12.50")
            return None
        if abs(near - number) > _NOISE.scaleb(2 - places):
            self.problems.warn(self.path + name, title, f"小数超过{places}位，已四舍五入")
        amount = int(near.scaleb(places))
        if abs(amount) >= most:
            self.problem(name, title, "整数部分超过 12 位", "请核对金额单位（元）")
            return None
        return amount

    def moment(self, name: str, title: str) -> datetime | None:
        """Return a required time of the hospital's clock → aware UTC.

        ``yyyyMMddHHmmssSSS`` with three, two, one or no digits of milliseconds, or ``yyyy-MM-dd HH:mm:ss``.
        """
        value = self.text(name, title, _LONGEST_MOMENT, required=True)
        if not value:
            return None
        found = _MOMENT.fullmatch(value)
        if found and found[5]:
            year, month, day, hour, minute, second = (int(found[place]) for place in (1, 3, 4, 5, 7, 8))
            try:
                if 1990 <= year <= 2099:
                    micro = int(found[9] or 0) * 1000
                    local = datetime(year, month, day, hour, minute, second, micro, tzinfo=SHANGHAI)
                    return local.astimezone(UTC)
            except ValueError:
                pass
        self.problem(name, title, "不是有效的时间", "格式为 yyyyMMddHHmmssSSS（17 位数字），没有毫秒时补 000")
        return None

    def day(self, name: str, title: str, required: bool = False) -> date | None:
        """Return a day ``yyyy-MM-dd`` or ``yyyyMMdd`` of 1900 to 2099, or the day of a time.

        Absent, a placeholder such as ``--``, or .NET's empty day is ``None``.
        """
        value = self.text(name, title, _LONGEST_MOMENT, required)
        if not normalise(value):
            return None
        if found := _MOMENT.fullmatch(value):
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


def _plain(text: str) -> str:
    """Return a number as text without commas between thousands and without an exponent."""
    text = text.strip()
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    elif _EXPONENT.fullmatch(text):
        text = format(Decimal(text), "f")
    return text.removeprefix("+")
