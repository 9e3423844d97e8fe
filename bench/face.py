"""Part ``face``: a bill's PDF stamped into the compiled form, against WeasyPrint's layout of the same filled form."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import documents
from bench.amounts import Amounts
from bench.report import in_turns, spread, table
from portal.demo.settings import BANNER
from portal.domain.documents.bill import BillDocument
from portal.rendering import xml
from portal.rendering.pdf import fonts
from portal.rendering.pdf.contents import Look
from portal.rendering.pdf.face import FaceRenderer

SUPERVISED = Look("supervised", True)
FACES = {
    "outpatient, 12 items": documents.outpatient(12, 0),
    "inpatient, 12 items, list of 40": documents.inpatient(12, 40),
}


def _drawing(kind: str, count: int, document: BillDocument, sizes: dict[str, int]) -> Callable[[], float]:
    draw = getattr(FaceRenderer(BANNER), kind)
    attached = xml.write(document)

    def milliseconds() -> float:
        started = time.perf_counter()
        for _ in range(count):
            sizes[kind] = len(draw(document, SUPERVISED, qr_text=documents.LINK, xml=attached))
        return (time.perf_counter() - started) / count * 1000

    return milliseconds


def run(amounts: Amounts) -> None:
    """Measure and print."""
    fonts.ensure()
    counts = {"stamped": amounts.stamped, "plain": 1}
    rows = []
    for title, document in FACES.items():
        sizes: dict[str, int] = {}
        measures = {kind: _drawing(kind, count, document, sizes) for kind, count in counts.items()}
        for warm in measures.values():
            warm()  # forms are compiled, fonts are read
        samples = in_turns(amounts.rounds, measures)
        rows.append(
            (
                title,
                f"{samples.middle('stamped'):.2f}",
                f"{samples.middle('plain'):.0f}",
                spread(samples.ratio("plain", "stamped"), 0),
                f"{sizes['stamped'] / 1000:.0f}",
                f"{sizes['plain'] / 1000:.0f}",
            )
        )
    table(
        "PDF of a bill (aim: ≥ 30 times as fast as plain WeasyPrint, ≤ 50 kB)",
        ("one thread", "stamped ms", "plain ms", "times", "stamped kB", "plain kB"),
        rows,
    )
