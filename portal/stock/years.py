"""The year in a bill code: its numbers are issued in the year that the last two digits name, and in no other."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection

from portal.access import parameters
from portal.access.parameters import Parameter
from portal.core.clock import business_day, local, now
from portal.domain.numbers import bill_code
from portal.domain.states.stock import MONTH_DAY

NEXT_YEAR_FROM = "stock.next-year-from"
parameters.declare(
    Parameter(
        NEXT_YEAR_FROM,
        "库存",
        "次年票据预警日",
        "从这一天起，没有次年号码的票种和开票点会预警，自动补票也下发次年号码；格式 月-日，例如 12-01",
        "text",
        "12-01",
        form=MONTH_DAY,
    )
)


def this_year() -> int:
    """Return the year that it is in the hospital."""
    return local(now()).year


def code_at(prefix: str, moment: datetime) -> str:
    """Return the bill code of a kind in the year of a moment."""
    return bill_code(prefix, local(moment).year)


def code_of(prefix: str, later: int = 0) -> str:
    """Return the bill code of a kind this year, or ``later`` years from now."""
    return bill_code(prefix, this_year() + later)


def year_of(code: str) -> int:
    """Return the year of a bill code, which is within fifty years of the present one."""
    this = this_year()
    return this + (int(code[6:]) - this + 50) % 100 - 50


def is_over(code: str) -> bool:
    """Return whether the year of a bill code has ended."""
    return year_of(code) < this_year()


def days_left(code: str) -> int:
    """Count the days on which numbers of a bill code can still be issued, today included."""
    return max(0, (date(year_of(code), 12, 31) - business_day(now())).days + 1)


def is_announced(connection: Connection, unit_id: int) -> bool:
    """Return whether the day has come from which the next year's numbers should be there."""
    first_day: str = parameters.value(connection, unit_id, NEXT_YEAR_FROM)
    return f"{business_day(now()):%m-%d}" >= first_day
