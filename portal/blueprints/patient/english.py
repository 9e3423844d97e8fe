"""The patients' main path in English: hospital code, look-up, code, list, bill, its list lines, a link, refusals.

One gettext catalogue (``translations/en/LC_MESSAGES/patient.po``), Chinese text → English, asked through Jinja's own
gettext functions (``_("…")`` in templates, the filter ``said`` for what comes from code). The wish is a cookie; a page
of :data:`PAGES` is then in English, any other stays Chinese and says so. The bill's face and the names on it are
Chinese by law. A test finds a text without its English.
"""

from __future__ import annotations

import io
from datetime import datetime
from gettext import GNUTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import g
from jinja2 import Environment
from markupsafe import Markup

import portal
from portal.core.clock import local
from portal.web import cookies

COOKIE = "qp_english"
_ENGLISH_PAGES = "home find code list bill details link pass share reimbursement error more_proof"
PAGES = frozenset(f"{name}.html" for name in _ENGLISH_PAGES.split())
"""Templates that are in English as a whole, with what they include."""

_CATALOGUE = Path(portal.__file__).parent / "translations" / "en" / "LC_MESSAGES" / "patient.po"


def read_catalogue(path: Path = _CATALOGUE) -> GNUTranslations:
    """Compile a catalogue in memory. Raises PoFileError for one that cannot be read."""
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, abort_invalid=True))
    compiled.seek(0)
    return GNUTranslations(compiled)


_ENGLISH = read_catalogue()


def wanted() -> bool:
    """Whether this browser has asked for English."""
    return cookies.read(COOKIE) == "1"


def said(text: str) -> str:
    """Return a text in the language of the page that is being made; one without English stays as it is."""
    return _ENGLISH.gettext(text) if text and g.get("english") else text


def _counted(one: str, many: str, count: int) -> str:
    return _ENGLISH.ngettext(one, many, count) if g.get("english") else one


def known(text: str) -> bool:
    """Whether a text has its English, which is never the same as the Chinese."""
    return _ENGLISH.gettext(text) != text


def chinese(text: str) -> str:
    """Return a Chinese name, marked as such inside an English sentence (WCAG 3.1.2)."""
    return Markup('<span lang="zh-CN">{}</span>').format(text) if text and g.get("english") else text


def said_kind(kind: str) -> str:
    """Return the words of :func:`portal.domain.identity.spoken_kind` in the page's language."""
    return " or ".join(map(said, kind.split("，或"))) if g.get("english") else kind


def spoken_day(moment: datetime) -> str:
    """``11 月 18 日``, or ``2026-11-18`` on an English page."""
    moment = local(moment)
    return f"{moment:%Y-%m-%d}" if g.get("english") else f"{moment.month} 月 {moment.day} 日"


FILTERS = {"said": said, "said_kind": said_kind, "zh": chinese, "spoken_day": spoken_day}


def prepare(jinja: Environment) -> None:
    """Give an application's templates the gettext functions; texts of other audiences pass as they are."""
    jinja.add_extension("jinja2.ext.i18n")
    jinja.install_gettext_callables(gettext=said, ngettext=_counted, newstyle=True)  # type: ignore[attr-defined]  # the extension's
