"""Part ``lookup``: whether the time of an answer tells a stored identity from an unknown one.

A thousand stored and a thousand unknown numbers (ID cards, phones, cards) in random order, each from an address of
its own, through all three steps: number and name, the page that asks for the code, a wrong code. Web server, worker
and the SMS simulator run as deployed. What the answers say is compared as well: tokens aside they must be one.
"""

from __future__ import annotations

import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlencode

from bench.amounts import Amounts
from bench.client import Connection, request
from bench.his import issue
from bench.report import table
from bench.settlements import twelve
from bench.site import Site
from portal.demo.hospital import UNIT_CODE
from portal.domain.identity import id_check_character

LIMIT_SECONDS = 60.0
"""On a slow machine fewer are asked; the table says how many."""
STEPS = ("number and name", "page for the code", "wrong code")
_SESSION = re.compile(rb"(?i)\r\nset-cookie: qp_session=([^;]+)")
_FORM = re.compile(rb"(?i)\r\nset-cookie: qp_form=([^;]+)")
_CSRF = re.compile(rb'name="csrf_token" value="([^"]+)"')
_VARYING = (
    re.compile(rb'(?<=name="csrf_token" value=")[^"]+'),
    re.compile(rb"(?i)(?<=\nset-cookie: qp_session=)[^;]+"),
    re.compile(rb"(?i)(?<=\nset-cookie: qp_form=)[^;]+"),
    re.compile(rb"(?i)(?<=\nx-request-id: )[^\r\n]+"),
    re.compile(rb"(?i)(?<=\ndate: )[^\r\n]+"),
    re.compile(rb"(?<='nonce-)[^']+"),
    re.compile(rb'(?<= nonce=")[^"]+'),
    # The page for the code says what the typed number looks like: known to whoever typed it.
    re.compile("<p>按[^<]+查询。</p>\n?".encode()),
    re.compile(rb"(?i)(?<=content-length: )\d+"),
)
"""What differs from answer to answer by design and tells nothing about the identity."""


@dataclass(frozen=True)
class Asked:
    """One identity to ask for."""

    stored: bool
    number: str
    name: str


def _people(rng: random.Random, count: int) -> Iterator[tuple[str, str, str, str]]:
    for number in range(count):
        name = rng.choice("林陈梁黄关许冯谭何李") + rng.choice("演样测例试示") + rng.choice("海霞强英明芳华平安乐")
        first = f"000000{rng.randrange(1940, 2020)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{number:03d}"
        yield (
            name,
            first + id_check_character(first),
            f"100{rng.randrange(10**8):08d}",
            f"98{rng.randrange(10**10):010d}",
        )


def identities(site: Site, count: int, rng: random.Random) -> list[Asked]:
    """Return stored numbers (three kinds a bill) and as many unknown ones, in random order."""
    asked: list[Asked] = []
    people = list(_people(rng, 2 * (count // 3 + 1)))
    half = len(people) // 2
    with site.app() as app:
        for place, (name, id_no, phone, card) in enumerate(people):
            if place < half:
                numbers = {"idCardNo": id_no, "cardNo": card, "tel": phone}
                issue(app, twelve(f"look-{id_no}", payer=name, **numbers))
            asked += [Asked(place < half, number, name) for number in (id_no, phone, card)]
    rng.shuffle(asked)
    return asked


class Visitor:
    """One browser at an address of its own, with the form's token."""

    def __init__(self, port: int, address: str) -> None:
        self._connection = Connection(port, address)
        page = self._connection.exchange(request("GET", f"/h/{UNIT_CODE}"))
        self._cookies = f"qp_form={_found(_FORM, page)}"
        self._token = _found(_CSRF, page)

    def steps(self, asked: Asked) -> list[tuple[float, bytes]]:
        """Milliseconds and answer of every step of :data:`STEPS`."""
        first = self._post(f"/h/{UNIT_CODE}", number=asked.number, name=asked.name)
        self._cookies += f"; qp_session={_found(_SESSION, first[1])}"
        second = self._timed(request("GET", f"/h/{UNIT_CODE}/code", Cookie=self._cookies))
        return [first, second, self._post(f"/h/{UNIT_CODE}/code", code="x00000")]

    def _post(self, path: str, **form: str) -> tuple[float, bytes]:
        body = urlencode(form | {"csrf_token": self._token}).encode()
        kind = "application/x-www-form-urlencoded"
        return self._timed(request("POST", path, body, Cookie=self._cookies, Content_Type=kind))

    def _timed(self, sent: bytes) -> tuple[float, bytes]:
        started = time.perf_counter()
        answer = self._connection.exchange(sent)
        return (time.perf_counter() - started) * 1000, answer

    def leave(self) -> None:
        """Hang up."""
        self._connection.close()


def without_varying(answer: bytes) -> bytes:
    """Return a whole answer, head and body, without what differs by design."""
    for pattern in _VARYING:
        answer = pattern.sub(b"*", answer)
    return answer


def _found(pattern: re.Pattern[bytes], answer: bytes) -> str:
    found = pattern.search(answer)
    assert found is not None, answer[:600]
    return found[1].decode()


def separation(known: Sequence[float], unknown: Sequence[float]) -> float:
    """Area under the curve of a threshold on time: 0.5 tells nothing, 1 tells everything."""
    values = sorted([(value, True) for value in known] + [(value, False) for value in unknown])
    ranks = sum(rank for rank, (_, stored) in enumerate(values, 1) if stored)
    area = (ranks - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown))
    return max(area, 1 - area)


def run(site: Site, amounts: Amounts) -> None:
    """Measure and print."""
    rng = random.Random(1)
    everyone = identities(site, amounts.identities, rng)
    times: dict[tuple[str, bool], list[float]] = defaultdict(list)
    answers: dict[str, set[bytes]] = defaultdict(set)
    with site.running("simulators", "worker", "web") as installation:
        deadline = time.monotonic() + LIMIT_SECONDS
        for place, asked in enumerate(everyone):
            if time.monotonic() > deadline:
                break
            visitor = Visitor(installation.port, f"127.{rng.randrange(1, 255)}.{place // 250}.{place % 250 + 1}")
            for step, (spent, answer) in zip(STEPS, visitor.steps(asked), strict=True):
                times[step, asked.stored].append(spent)
                answers[step].add(without_varying(answer))
            visitor.leave()
    rows = []
    for step in STEPS:
        known, unknown = times[step, True], times[step, False]
        difference = median(known) - median(unknown)
        rows.append(
            (
                step,
                f"{len(known)} + {len(unknown)}",
                f"{median(known):.2f}",
                f"{median(unknown):.2f}",
                f"{difference:+.2f}",
                f"{separation(known, unknown):.3f}",
                "one" if len(answers[step]) == 1 else f"{len(answers[step])} DIFFER",
            )
        )
    table(
        f"Stored and unknown identities on {site.kind} (aim: medians within 5 ms, separation ≤ 0.55, one answer)",
        ("step", "asked", "stored ms", "unknown ms", "difference", "separation", "answers"),
        rows,
    )
