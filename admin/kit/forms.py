"""Forms of the console: WTForms with Chinese messages and fields of the house (money in fen, trimmed text, days)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from flask import request
from werkzeug.datastructures import CombinedMultiDict
from wtforms import (
    BooleanField,
    DateField,
    FileField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    validators,
)
from wtforms import (
    Form as PlainForm,
)
from wtforms.fields.choices import SelectChoice

from portal.domain.money import fen_of, yuan

__all__ = [
    "BooleanField",
    "DayField",
    "FileField",
    "Form",
    "IntegerField",
    "PasswordField",
    "RadioField",
    "SelectField",
    "SelectMultipleField",
    "Text",
    "TextArea",
    "YuanField",
    "between",
    "choices",
    "length",
    "optional",
    "required",
]


def choices(pairs: Iterable[tuple[str | int, str]]) -> list[SelectChoice]:
    """Make the choices of a ``SelectField`` from pairs of value and word."""
    return [SelectChoice(value, word) for value, word in pairs]


required = validators.InputRequired("必填")
optional = validators.Optional()


def length(least: int = 0, most: int = 200) -> validators.Length:
    """Make the check that a text has so many characters."""
    return validators.Length(least, most, f"{least} 至 {most} 个字符" if least else f"最多 {most} 个字符")


def between(least: int, most: int) -> validators.NumberRange:
    """Make the check that a number lies between two others."""
    return validators.NumberRange(least, most, f"应在 {least} 至 {most} 之间")


class Form(PlainForm):
    """A form of the console. The token against forged requests is checked for the whole application, not here."""

    class Meta:
        """Messages in Chinese."""

        locales = ("zh",)

    def __init__(self, obj: Any = None, fresh: bool = False, **values: Any) -> None:
        """``fresh`` takes nothing from the request: for a form beside the one that was posted."""
        posted: Any = None
        if request.method == "POST" and not fresh:
            posted = CombinedMultiDict[str, Any]([request.files, request.form])
        super().__init__(posted, obj, **values)

    def accepted(self) -> bool:
        """Tell whether the form was posted and every field is right; errors stand at the fields."""
        return request.method == "POST" and bool(self.validate())


def _tidy(value: str | None) -> str:
    """Tidy typed text: full-width digits and letters become plain, outer spaces go."""
    return unicodedata.normalize("NFKC", value or "").strip()


class Text(StringField):
    """One line of text, tidied."""

    def __init__(self, label: str, checks: Sequence[Any] = (), **more: Any) -> None:
        super().__init__(label, [*checks, length(0, more.pop("most", 200))], filters=[_tidy], **more)


class TextArea(TextAreaField):
    """Several lines of text; outer spaces go."""

    def __init__(self, label: str, checks: Sequence[Any] = (), **more: Any) -> None:
        limits = length(0, more.pop("most", 1000))
        super().__init__(label, [*checks, limits], filters=[lambda value: (value or "").strip()], **more)


class DayField(DateField):
    """A calendar day."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read ``2026-11-24``."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("请写成 2026-11-24 的样子") from None


class YuanField(StringField):
    """Money typed in yuan; ``data`` is fen."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else yuan(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read yuan with at most two decimals; commas between thousands are let go."""
        text = _tidy(valuelist[0] if valuelist else "").replace(",", "").removesuffix("元")
        self.data = None
        if text:
            try:
                self.data = fen_of(text)
            except ValueError as error:
                raise ValueError(f"金额{error}") from None
