"""票号地图: a segment as a strip, the one fate of each number by colour and word; a click zooms in or opens a bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, request, url_for

from admin.kit.filters import kind_words
from admin.kit.groups import stock
from admin.kit.page import page, say
from admin.kit.security import current_staff, may, requires
from admin.pages.stock.parts.number_field import read_number
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.domain.numbers import ten_digits
from portal.domain.states.stock import Fate
from portal.listing.values import count
from portal.stock import queries
from portal.stock.books import fates, uses
from portal.stock.books.fates import Run
from portal.web.edge import see_other, services
from portal.web.numbers import row_id

WIDTH, LEAST = 1000.0, 3.0
SINGLE = 100
"""A window of so many numbers shows each of them by itself."""
MOST_CELLS = 240
ROWS = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """One piece of the strip: its place, its fate, its words, the address behind it."""

    x: float
    width: float
    fate: Fate
    label: str
    href: str


def clip(runs: Sequence[Run], low: int, high: int) -> list[Run]:
    """Return the parts of runs that lie between two numbers."""
    return [
        Run(max(run.first, low), min(run.last, high), run.fate, run.point_id)
        for run in runs
        if run.first <= high and low <= run.last
    ]


def pieces(runs: Sequence[Run], low: int, high: int) -> list[Run]:
    """Cut the strip between two numbers: single numbers, the runs, or equal parts by their commonest fate."""
    shown = clip(runs, low, high)
    if high - low < SINGLE:
        return [Run(n, n, run.fate, run.point_id) for run in shown for n in range(run.first, run.last + 1)]
    if len(shown) <= MOST_CELLS:
        return shown
    size = -(-(high - low + 1) // MOST_CELLS)
    parts = []
    for start in range(low, high + 1, size):
        end = min(start + size - 1, high)
        inside = clip(shown, start, end)
        most = max(inside, key=lambda run: sum(each.count for each in inside if each.fate is run.fate))
        parts.append(Run(start, end, most.fate, most.point_id))
    return parts


def strip(code: str, segment_id: int, shown: Sequence[Run]) -> list[Cell]:
    """Return the cells from left to right; a small run is never too narrow to see and to click."""
    total = sum(run.count for run in shown)
    raw = [max(LEAST, WIDTH * run.count / total) for run in shown]
    scale = WIDTH / sum(raw)
    x, cells = 0.0, []
    for run, width in zip(shown, raw, strict=True):
        words = ten_digits(run.first) + (f"–{ten_digits(run.last)}" if run.count > 1 else "")
        if run.count == 1:
            href = url_for("stock.one_number", code=code, number=run.first)
        else:
            href = url_for("stock.number_map", segment_id=segment_id, low=run.first, high=run.last)
        label = f"{words} {run.fate.title} {count(run.count)} 份"
        cells.append(Cell(round(x, 2), round(width * scale, 2), run.fate, label, href))
        x += width * scale
    return cells


def legend(runs: Sequence[Run]) -> list[tuple[Fate, int]]:
    """Return every fate that occurs, with the count of its numbers."""
    return [(fate, total) for fate in Fate if (total := sum(run.count for run in runs if run.fate is fate))]


@stock.get("/map")
@requires(Permission.STOCK_VIEW, menu="票号地图", order=15)
def maps() -> Response:
    """Show every segment as a strip."""
    kind = request.args.get("kind", "")
    shown = []
    with services().database.read() as connection:
        for segment in queries.segments(connection, current_staff().unit_id):
            if not kind or str(segment.kind_id) == kind:
                runs = fates.fate_map(connection, segment.id)
                parts = pieces(runs, segment.first, segment.last)
                shown.append((segment, strip(segment.bill_code, segment.id, parts), legend(runs)))
    return page("stock/maps.html", segments=shown, kinds=kind_words().items(), kind=kind, fates=list(Fate))


@stock.get("/map/<int:segment_id>")
@requires(Permission.STOCK_VIEW, within="stock.maps")
def number_map(segment_id: int) -> Response:
    """Show one segment, or a window of it."""
    with services().database.read() as connection:
        segments = {each.id: each for each in queries.segments(connection, current_staff().unit_id)}
        if segment_id not in segments:
            raise Refusal("PAGE_NOT_FOUND")
        segment = segments[segment_id]
        runs = fates.fate_map(connection, segment_id)
        points = queries.points(connection, current_staff().unit_id)
    low = min(max(request.args.get("low", segment.first, type=row_id), segment.first), segment.last)
    high = min(max(request.args.get("high", segment.last, type=row_id), low), segment.last)
    window = clip(runs, low, high)
    return page(
        "stock/map.html",
        segment=segment,
        low=low,
        high=high,
        whole=(low, high) == (segment.first, segment.last),
        cells=strip(segment.bill_code, segment_id, pieces(runs, low, high)),
        overview=strip(segment.bill_code, segment_id, pieces(runs, segment.first, segment.last)),
        legend=legend(window),
        runs=window[:ROWS],
        more=max(0, len(window) - ROWS),
        points=points,
        single=high - low < SINGLE,
    )


@stock.get("/numbers/<string:code>/<int:number>")
@requires(Permission.STOCK_VIEW, within="stock.maps")
def one_number(code: str, number: int) -> Response:
    """Open the bill of one number when it has one and the person may see it, else show its fate."""
    with services().database.read() as connection:
        segment = next(
            (
                each
                for each in queries.segments(connection, current_staff().unit_id)
                if each.bill_code == code and each.first <= number <= each.last
            ),
            None,
        )
        if segment is None:
            raise Refusal("PAGE_NOT_FOUND")
        user = uses.user_of(connection, code, number)
        run = next(r for r in fates.fate_map(connection, segment.id) if r.first <= number <= r.last)
        points = queries.points(connection, current_staff().unit_id)
        story = queries.movements_of_number(connection, code, number)
    if user is not None and user[0] in ("bill", "paper") and may(Permission.BILLS_VIEW):
        return see_other(url_for("billing.bill", bill_id=user[1]))
    if user is not None and user[0] == "voucher" and may(Permission.VOUCHERS_VIEW):
        return see_other(url_for("billing.voucher", voucher_id=user[1]))
    return page(
        "stock/number.html",
        code=code,
        number=number,
        segment=segment,
        fate=run.fate,
        point=points.get(run.point_id or 0),
        story=story,
        points=points,
    )


@stock.get("/numbers")
@requires(Permission.STOCK_VIEW, within="stock.maps")
def find_number() -> Response:
    """Open the number that was typed into the map's search."""
    code = request.args.get("code", "")[:8]
    try:
        typed = read_number(request.args.get("number", ""))
    except ValueError:
        typed = None
    if typed is None or not code:
        say("请填写票据代码和最多 10 位的票号。", "warning")
        return see_other(url_for("stock.maps"))
    return see_other(url_for("stock.one_number", code=code, number=typed))
