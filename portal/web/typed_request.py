"""What browsers send in forms and addresses, without characters that nobody can type and no page may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import RequestEntityTooLarge

_PLANES = "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
_UNTYPED = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef{_PLANES}]")
"""Control characters and what Unicode says is none. Characters that this Python does not know yet stay, or people with
rare names would not find their bills."""


MOST_BYTES, MOST_FIELDS = 1_000_000, 5_000
"""Of a form without files."""


class _Typed(ImmutableMultiDict[str, Any]):
    def __init__(self, mapping: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        given = mapping.items() if isinstance(mapping, Mapping) else mapping or ()
        super().__init__([(name, clean(value) if isinstance(value, str) else value) for name, value in given])


def clean(text: str) -> str:
    """Return the text without such characters; tabs and line ends stay."""
    return _UNTYPED.sub("", text)


class TypedRequest(Request):
    """A request whose ``form`` and ``args`` hold clean text."""

    parameter_storage_class = _Typed

    def _load_form_data(self) -> None:
        """Refuse a form of more bytes or fields than any of ours before each is read: reading them costs seconds."""
        fresh = "form" not in self.__dict__ and self.mimetype == "application/x-www-form-urlencoded"
        if fresh and ((self.content_length or 0) > MOST_BYTES or self.get_data().count(b"&") > MOST_FIELDS):
            raise RequestEntityTooLarge
        super()._load_form_data()
