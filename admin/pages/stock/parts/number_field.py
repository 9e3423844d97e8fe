"""The form field of a bill number: ten digits, blanks and separators ignored."""

from __future__ import annotations

import unicodedata

from wtforms import StringField


class NumberField(StringField):
    """``90 0000 0412`` → 9000000412; ``data`` is an int or ``None``."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data:010d}"

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read up to ten digits."""
        self.data = read_number(valuelist[0] if valuelist else "")


def read_number(typed: str) -> int | None:
    """Read a number as people type or copy it; ``None`` for nothing. Raises ValueError with a Chinese reason."""
    text = "".join(each for each in unicodedata.normalize("NFKC", typed) if each not in " -–")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError("票号是最多 10 位的数字")
    return int(text)
