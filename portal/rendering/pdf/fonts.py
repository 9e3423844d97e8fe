"""The fonts of the faces: Debian's fonts-noto-cjk, with fonts-hanazono for the rarest characters."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import uharfbuzz as hb

_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
_FILES = (
    ("NotoSerifCJK-Regular.ttc", "fonts-noto-cjk", True),
    ("NotoSansCJK-Regular.ttc", "fonts-noto-cjk", True),
    ("HanaMinA.ttf", "fonts-hanazono", False),
    ("HanaMinB.ttf", "fonts-hanazono", False),
)
FAMILIES = '"Noto Serif CJK SC", "Noto Sans CJK SC", "HanaMinA", "HanaMinB", serif'


class FontMissing(RuntimeError):
    """A font that every face needs is not installed; the text names the Debian package."""


@cache
def files() -> tuple[Path, ...]:
    """Return the font files in force. Raises :class:`FontMissing`."""
    found = []
    for name, package, required in _FILES:
        path = next((file for folder in _FOLDERS if folder.is_dir() for file in folder.rglob(name)), None)
        if path is not None:
            found.append(path)
        elif required:
            raise FontMissing(f"缺少字体 {name}：请安装 Debian 软件包 {package}")
    return tuple(found)


def index(path: Path) -> int:
    """Which font of the file is the one for Simplified Chinese."""
    return 2 if path.suffix == ".ttc" else 0


@cache
def _covered() -> frozenset[int]:
    points: set[int] = set()
    for path in files():
        points.update(hb.Face(hb.Blob.from_file_path(path), index(path)).unicodes)
    return frozenset(points)


def missing(text: str) -> str:
    """Return the characters of ``text`` that no font can draw, each once."""
    if text.isascii():
        return ""
    covered = _covered()
    return "".join(dict.fromkeys(char for char in text if ord(char) not in covered))


def ensure() -> None:
    """Check the fonts at start, so that a missing one is told then and not at the first bill."""
    files()
    _covered()
