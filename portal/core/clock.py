"""Time: stored in UTC, shown and compared by business day in Asia/Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has had no daylight saving since 1991, so a fixed offset is exact for every bill."""


def now() -> datetime:
    """Return the present, aware, in UTC."""
    return datetime.now(UTC)


def local(moment: datetime) -> datetime:
    """Return the same moment as a clock in the hospital shows it."""
    return moment.astimezone(SHANGHAI)


def business_day(moment: datetime) -> date:
    """Return the hospital's calendar day of a moment."""
    return local(moment).date()


def stamp17(moment: datetime) -> str:
    """``yyyyMMddHHmmssSSS`` in the hospital's time, as the HIS contract writes times."""
    moment = local(moment)
    return moment.strftime("%Y%m%d%H%M%S") + f"{moment.microsecond // 1000:03d}"


def midnight(day: date) -> datetime:
    """Return the beginning of a business day."""
    return datetime.combine(day, time(), SHANGHAI)
