"""Bringing a database to the present schema."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from alembic import command
from alembic.config import Config

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
HEAD = SCRIPTS / "HEAD"
"""Holds the newest revision. Two branches that each add one change this line, and git says so when they meet."""
_BEFORE_THE_BASELINE = re.compile(r"00(0[1-9]|1\d|2[0-2])")


class UnknownRevision(RuntimeError):
    """The database is at a revision from which there is no way to the present one; the text says what to do."""


def config(url: str) -> Config:
    """Alembic's configuration for the database at ``url``."""
    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS))
    settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    settings.attributes["url"] = url
    return settings


def migrate(url: str, revision: str = "head") -> None:
    """Upgrade the database at ``url`` to ``revision``; creates a missing SQLite file with its folder.

    Raises UnknownRevision when the database is older than the baseline, or newer than this program.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command.upgrade(config(url), revision)


def refuse_unknown(found: Collection[str], known: Collection[str]) -> None:
    """Raise UnknownRevision when a revision ``found`` in the database is none of those ``known`` to this program."""
    for revision in found:
        if revision in known:
            continue
        if _BEFORE_THE_BASELINE.fullmatch(revision):
            raise UnknownRevision(
                f"数据库停在第 {revision} 版，本程序只能从第 0023 版开始升级：在此之前没有正式发布过任何版本，"
                "更早的开发数据库不再支持。演示数据请换一个空的 DATA_DIR 重新开始；要保留数据，"
                "请先用 2026 年 11 月的代码（提交 89356e2）执行 qupiao migrate 升级到第 0023 版，再用本程序升级。"
                "数据库没有被改动。"
            )
        newest = HEAD.read_text(encoding="ascii").strip()
        raise UnknownRevision(
            f"数据库是第 {revision} 版，本程序最新只到第 {newest} 版：它已被更新的程序升级过。"
            "请改用那个版本或更新的程序。数据库没有被改动。"
        )
