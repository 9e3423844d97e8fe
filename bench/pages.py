"""Part ``pages``: the patient's pages with a session, against a bare Flask page in the same kind of server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice

from sqlalchemy import select

from bench.amounts import Amounts
from bench.client import Connection, drive, request
from bench.his import issue
from bench.installation import Installation
from bench.report import Samples, in_turns, spread, table
from bench.settlements import twelve
from bench.site import Site
from portal.demo.hospital import UNIT_CODE
from portal.demo.settlements import PERSONS, Person
from portal.domain.identity import normalise_name
from portal.ledger.persons import number_digest
from portal.models.tables import BILL
from portal.retrieval.proof import sessions

VALUES = (
    "title",
    "bill_code",
    "number",
    "check_code",
    "total_fen",
    "department",
    "cashier",
    "serial",
    "scene",
    "state",
)


@dataclass(frozen=True)
class Visit:
    """One bill of a person who is logged in: the cookie, the bill's id and its link."""

    cookie: str
    bill_id: int
    token: str


def visits(site: Site, people: int, bills_each: int) -> list[Visit]:
    """Issue bills to as many people and open a session for each of them."""
    with site.app() as app:
        services, made = app.extensions["qupiao"].services, []

        def push(person: Person, number: int) -> str:
            identity = {"payer": person.name, "cardNo": person.id_no, "tel": person.phone}
            answer = issue(app, twelve(f"page-{person.id_no}-{number}", **identity))
            return str(answer["pictureUrl"]).rpartition("/")[2]

        for person in PERSONS[:people]:
            tokens = {
                services.index.digest("link", token): token for token in (push(person, n) for n in range(bills_each))
            }
            claim = sessions.Claim(
                number_digest(services, person.id_no).hex(),
                services.index.digest("name", normalise_name(person.name)).hex(),
            )
            with services.database.write() as connection:
                cookie = sessions.start(services, connection, 1, 2, claim)
            with services.database.read() as connection:
                mine = select(BILL.c.id, BILL.c.link_digest).where(BILL.c.link_digest.in_(tokens))
                made += [Visit(cookie, row.id, tokens[row.link_digest]) for row in connection.execute(mine)]
    return made


def _get(path: str, visit: Visit) -> bytes:
    return request("GET", path, Cookie=f"qp_session={visit.cookie}")


PAGES: dict[str, Callable[[Visit], bytes]] = {
    "bill": lambda visit: _get(f"/h/{UNIT_CODE}/bills/{visit.bill_id}", visit),
    "list": lambda visit: _get(f"/h/{UNIT_CODE}/bills", visit),
    "link": lambda visit: _get(f"/b/{visit.token}", visit),
}
TITLES = {
    "bill": "a bill, in plain words",
    "list": "the list of their bills",
    "link": "a bill's link (level 0)",
    "bare": "floor: bare Flask, one row, same size",
}


def template(html: str) -> str:
    """Return the real page as a template of its size: fixed text with values of one row in it."""
    parts, names = html.split("</dd>"), cycle(VALUES)
    return parts[0] + "".join(f"{{{{ bill.{next(names)} }}}}</dd>{part}" for part in parts[1:])


def measure(site: Site, amounts: Amounts) -> tuple[Samples, int]:
    """Rates and CPU costs of the pages and of the bare one, in turns; and the bytes of the bill's page."""
    everyone, costs = visits(site, amounts.people, amounts.bills_each), Samples()
    with site.running("web") as real:
        connection = Connection(real.port)
        head, _, html = connection.exchange(PAGES["bill"](everyone[0])).partition(b"\r\n\r\n")
        connection.close()
        assert b" 200 " in head.splitlines()[0], head
        sample = site.data_dir / f"bare-{site.kind}.html"
        sample.write_text(template(html.decode()), encoding="utf-8")
        page_file = {"BENCH_PAGE": str(sample)}
        with site.running("web", application="bench.bare:gateway", more=page_file) as bare:

            def load(name: str, server: Installation, made: list[bytes]) -> float:
                before = server.web_cpu_seconds()
                done = drive(server.port, list(islice(cycle(made), amounts.pages)), b"HTTP/1.1 200 ")
                costs.add(f"{name} cpu", (server.web_cpu_seconds() - before) / done.count * 1000)
                costs.add("client", done.cpu / done.count * 1000)
                return done.rate

            def page(name: str) -> Callable[[], float]:
                made = [PAGES[name](visit) for visit in everyone]
                return lambda: load(name, real, made)

            rows = [request("GET", f"/bill/{visit.bill_id}") for visit in everyone]
            samples = in_turns(
                amounts.rounds, {name: page(name) for name in PAGES} | {"bare": lambda: load("bare", bare, rows)}
            )
    samples.values |= costs.values
    return samples, len(html)


def run(site: Site, amounts: Amounts) -> None:
    """Measure and print."""
    samples, size = measure(site, amounts)
    rows = [
        (
            title,
            f"{samples.middle(name):.0f}",
            spread(samples.ratio(name, "bare")) if name != "bare" else "",
            f"{samples.middle(f'{name} cpu'):.2f}",
        )
        for name, title in TITLES.items()
    ]
    table(
        f"Patient pages on {site.kind} (aim for the bill: ≥ 0.5 of the bare page; it has {size / 1000:.1f} kB)",
        ("8 clients, logged in", "pages/s", "page ÷ bare", "CPU ms"),
        rows,
    )
    print(f"  The load generator took {samples.middle('client'):.2f} ms of CPU a page beside the server.")
