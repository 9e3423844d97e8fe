"""The application's clock, moved: every ``now()`` of this process, whoever asks."""

from __future__ import annotations

import datetime as dt
from typing import Self

import pytest

from portal.core import clock


def move(monkeypatch: pytest.MonkeyPatch, moment: dt.datetime) -> None:
    """Let it be this moment now; time goes on from there."""
    ahead = moment - dt.datetime.now(dt.UTC)

    class Moved(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Self:
            return super().now(tz) + ahead

    monkeypatch.setattr(clock, "datetime", Moved)
