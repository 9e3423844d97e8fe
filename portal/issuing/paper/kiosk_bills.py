"""What a kiosk shows of what was read: the bills that may be exchanged, by person, and nothing of protected persons.

A card may stand on bills of several persons: a family's, or one that somebody else showed. They are told apart by the
masked name and the end of their document's number, which a person knows of themselves and nobody learns a name from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from portal.core.clock import now
from portal.core.services import Services
from portal.domain.identity import normalise, normalise_name
from portal.hospital import protected_persons
from portal.ledger import bills
from portal.ledger import paper as ledger_paper
from portal.ledger.bill_lists import shown_payer
from portal.ledger.bills import BillFacts
from portal.ledger.paper import Unprinted
from portal.models.tables import BILL

DAYS = 7
"""So many days back a kiosk looks for bills, as kiosks of the field do."""
MOST = 20
TAIL = 2
"""So many last characters of a document tell persons of one card apart."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the list: the masked name, the end of the document's number or "", and their bills."""

    name: str
    tail: str
    bills: tuple[BillFacts, ...]


def found(services: Services, connection: Connection, unit_id: int, key: bytes) -> list[BillFacts]:
    """Return the bills that may be exchanged: the slip's one, or the person's of the last days.

    A bill of a protected person is not among them: whoever stands at a kiosk has not shown who they are.
    """
    offered = _of_key(services, connection, unit_id, key)
    if not protected_persons.of_bills(connection, unit_id, [bill.bill_id for bill in offered]):
        return offered
    return [bill for bill in offered if not protected_persons.of_bills(connection, unit_id, [bill.bill_id])]


def _of_key(services: Services, connection: Connection, unit_id: int, key: bytes) -> list[BillFacts]:
    digest = key[1:]
    if key[:1] == b"L":
        linked = bills.by_link(services, connection, digest)
        if linked is None or linked[0].unit_id != unit_id:
            return []
        query = ledger_paper.without_sheet(bills.FACTS.where(BILL.c.id == linked[0].bill_id))
        return [bills.read_facts(row) for row in connection.execute(query)]
    wanted = Unprinted(unit_id, begins=now() - timedelta(days=DAYS), digests=[digest])
    return ledger_paper.unprinted(connection, wanted, 0, MOST)[1]


def persons(services: Services, connection: Connection, shown: Sequence[BillFacts]) -> list[Person]:
    """Sort bills by the persons whom they name, in the order of the bills.

    A bill without a document belongs to the person of the same name, as long as the name is one person's.
    """
    parties = [(bill, bills.party(services, connection, bill.bill_id)) for bill in shown]
    documents: dict[str, set[str]] = defaultdict(set)
    for _, party in parties:
        documents[normalise_name(party["name"])] |= {normalise(party.get("id_no", ""))} - {""}
    of_person: dict[tuple[str, str], list[tuple[BillFacts, str]]] = defaultdict(list)
    for bill, party in parties:
        name, document = normalise_name(party["name"]), normalise(party.get("id_no", ""))
        if len(documents[name]) == 1:
            [document] = documents[name]
        of_person[name, document].append((bill, shown_payer(bill.payer_kind, party["name"])))
    return [
        Person(their[0][1], document[-TAIL:] if len(document) > 2 * TAIL else "", tuple(bill for bill, _ in their))
        for (_, document), their in of_person.items()
    ]
