"""Part ``issue``: bills a second over HTTP against the floor of the same rows."""

from __future__ import annotations

from bench.amounts import Amounts
from bench.client import Load, drive
from bench.floor import PROCESSES, Floor
from bench.his import ISSUED
from bench.report import Samples, in_turns, spread, table
from bench.settlements import PLACES, pushes
from bench.site import Site


def measure(site: Site, amounts: Amounts) -> Samples:
    """Rates (bills a second) and costs (CPU ms a bill) of HTTP and both floors, in turns."""
    costs = Samples()

    def told(name: str, load: Load, cpu: float) -> float:
        costs.add(f"{name} cpu", cpu / load.count * 1000)
        return load.rate

    with site.running("web") as web, Floor(site) as floor:

        def http() -> float:
            requests, before = pushes(amounts.bills), web.web_cpu_seconds()
            load = drive(web.port, requests, ISSUED)
            costs.add("client", load.cpu / load.count * 1000)
            return told("http", load, web.web_cpu_seconds() - before)

        def replay(kind: str) -> float:
            load = floor.run(kind, amounts.bills)
            return told(kind, load, load.cpu)

        measures = {"http": http, "core": lambda: replay("core"), "driver": lambda: replay("driver")}
        drive(web.port, pushes(amounts.bills // 6), ISSUED)  # every thread has its connection, statements are compiled
        floor.run("core", max(amounts.bills // 12, PROCESSES * len(PLACES)))
        samples = in_turns(amounts.rounds, measures)
    samples.values |= costs.values
    return samples


def run(site: Site, amounts: Amounts) -> None:
    """Measure and print."""
    samples = measure(site, amounts)
    rows = [
        (
            title,
            f"{samples.middle(name):.0f}",
            spread(samples.ratio("http", name)) if name != "http" else "",
            f"{samples.middle(f'{name} cpu'):.2f}",
        )
        for name, title in (
            ("http", "issue over HTTP, signed, 12 items"),
            ("core", "floor: the same rows by SQLAlchemy Core"),
            ("driver", "floor: the same rows by the driver alone"),
        )
    ]
    head = ("8 clients, 5 points", "bills/s", "HTTP ÷ floor", "CPU ms")
    table(f"Issue on {site.kind} (aim: ≥ 0.3 of the floor)", head, rows)
    client = samples.middle("client")
    print(f"  The load generator took {client:.2f} ms of CPU a bill beside the server, on the same cores.")
