"""手工开票: drafts on the server, and their way through the one issuing service.

A draft's id is the serial of its bill (``SG…``), unless a serial was typed. So a double click, a second tab or a
crash between the bill and the draft's note of it end at the same bill.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from portal.access import parameters
from portal.access.his import accounts
from portal.access.parameters import Parameter
from portal.core.clock import business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.bill import BillDocument
from portal.domain.documents.manual_input import Entry, entry
from portal.domain.documents.settlement import Scene, Settlement
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name
from portal.domain.numbers import BillNumber
from portal.issuing.bills import document
from portal.issuing.bills.issue import Issued, IssuingService
from portal.issuing.manual import catalogue, known_payers
from portal.issuing.manual.entry import ANONYMOUS, OWN_SERIAL, Checked, Context, check
from portal.ledger import bills
from portal.models.tables import BILL, DESK_DRAFT, HIS_ACCOUNT, NUMBER_RANGE, POINT
from portal.stock.years import code_of

KEEP = timedelta(days=30)
"""A draft that nobody touches for so long is removed."""

SECOND_LOOK = "desk.second-look-fen"
parameters.declare(
    Parameter(
        SECOND_LOOK,
        "手工开票",
        "手工开票再次核对的金额",
        "手工开具的票据达到这一金额，须按大写金额再核对一次",
        "money",
        5_000_000,
        least=1,
        guard="up",
    )
)

MOST_DRAFTS = 100
STAYING = ("checker", "point_code")
"""What stays of an issued draft, as a proposal for the next one; all else is in the bill."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft, opened for its owner. ``pending`` is what arrived after the session had ended."""

    id: int
    version: int
    entry: Entry
    updated_at: datetime
    pending: Entry | None = None
    bill_id: int | None = None

    @property
    def serial(self) -> str:
        """The serial of its bill when none is typed."""
        return f"{OWN_SERIAL}{self.id}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A draft in the list of its owner."""

    id: int
    kind: Scene
    payer: str
    total_fen: int
    updated_at: datetime


def elsewhere(connection: Connection, account_id: int, unit_id: int, serials: list[str]) -> dict[str, str]:
    """Which of these serials already have a bill of another account of the unit: serial → bill code and number."""
    others = select(HIS_ACCOUNT.c.id).where(HIS_ACCOUNT.c.unit_id == unit_id, HIS_ACCOUNT.c.id != account_id)
    found = connection.execute(
        select(BILL.c.serial, BILL.c.bill_code, BILL.c.number).where(
            BILL.c.account_id.in_(others), BILL.c.serial.in_(serials)
        )
    )
    return {row.serial: str(BillNumber(row.bill_code, row.number)) for row in found}


class ManualIssueService:
    """Manual issuing for one process. Every act is bounded to the actor's unit and to the actor's own drafts."""

    def __init__(self, services: Services, desk: IssuingService) -> None:
        self.services = services
        self.desk = desk

    def start(self, actor: Actor, kind: Scene) -> Draft:
        """Return a new draft of a kind, with today's date and the checker of the actor's latest draft of that kind."""
        typed = {"payer_kind": "1"} | ({"scene": Scene.OUTPATIENT.value} if kind is Scene.OUTPATIENT else {})
        return self.start_from(actor, entry(kind, typed, [], []))

    def start_from(self, actor: Actor, content: Entry, point_code: str = "") -> Draft:
        """Return a new draft with this content, today's date, and checker and point of the actor's latest draft of that
        kind; ``point_code`` is the point where the actor works now."""
        moment, kind = now(), content.kind
        with self.services.database.write() as connection:
            mine = self._mine(actor, open_only=False) & (DESK_DRAFT.c.scene == kind.value)
            mine &= DESK_DRAFT.c.content.is_not(None)
            latest = select(DESK_DRAFT).where(mine).order_by(DESK_DRAFT.c.updated_at.desc()).limit(1)
            previous = connection.execute(latest).one_or_none()
            office = {"business_day": business_day(moment).isoformat()}
            if previous is not None:
                before = self._open(previous).entry.fields
                office |= {name: before[name] for name in STAYING}
            if point_code:
                office["point_code"] = point_code
            made = Draft(new_id(), 1, replace(content, fields=content.fields | office), moment)
            connection.execute(
                insert(DESK_DRAFT),
                {
                    "id": made.id,
                    "unit_id": actor.unit_id,
                    "owner": actor.label,
                    "scene": kind.value,
                    "version": 1,
                    "content": self._seal(made.id, made.entry),
                    "state": "open",
                    "created_at": moment,
                    "updated_at": moment,
                },
            )
        return made

    def drafts(self, actor: Actor) -> list[Listed]:
        """Return the actor's open drafts, last changed first; payers masked."""
        opened_drafts = self.open_drafts(actor)
        with self.services.database.read() as connection:
            known = catalogue.load(connection, actor.unit_id)
        found = []
        for opened in opened_drafts:
            name, kind = opened.entry.fields["payer_name"], opened.entry.kind
            payer = name if opened.entry.fields["payer_kind"] == "2" else mask_name(name)
            total = check(opened.entry, self._context(actor, opened, known)).total_fen
            found.append(Listed(opened.id, kind, payer, total, opened.updated_at))
        return found

    def open_drafts(self, actor: Actor) -> list[Draft]:
        """Return the actor's open drafts with what they hold, last changed first."""
        statement = select(DESK_DRAFT).where(self._mine(actor)).order_by(DESK_DRAFT.c.updated_at.desc())
        with self.services.database.read() as connection:
            return [self._open(row) for row in connection.execute(statement.limit(MOST_DRAFTS))]

    def get(self, actor: Actor, draft_id: int) -> Draft:
        """Return a draft of the actor, open or issued. Raises DRAFT_UNKNOWN.

        An open draft whose bill exists (the process died in between) is closed on the way.
        """
        with self.services.database.read() as connection:
            mine = (
                self._mine(actor, open_only=False) & (DESK_DRAFT.c.id == draft_id) & (DESK_DRAFT.c.state != "discarded")
            )
            row = connection.execute(select(DESK_DRAFT).where(mine)).one_or_none()
        if row is None:
            raise Refusal("DRAFT_UNKNOWN")
        found = self._open(row)
        if found.bill_id is None:
            account = accounts.console(self.services.database, actor.unit_id)
            with self.services.database.read() as connection:
                facts = bills.by_serial(connection, account.id, found.serial)
            if facts is not None:
                self._close(actor, found, facts.bill_id, None)
                return self.get(actor, draft_id)
        return found

    def save(self, actor: Actor, draft_id: int, version: int, typed: Entry) -> Draft:
        """Keep what was typed; returns the draft with its new version. Raises DRAFT_UNKNOWN, DRAFT_CHANGED.

        The same content again is no change, so that a form that is sent twice is not refused the second time.
        """
        moment = now()
        with self.services.database.write() as connection:
            mine = (
                self._mine(actor, open_only=False) & (DESK_DRAFT.c.id == draft_id) & (DESK_DRAFT.c.state != "discarded")
            )
            row = connection.execute(select(DESK_DRAFT).where(mine).with_for_update()).one_or_none()
            if row is None:
                raise Refusal("DRAFT_UNKNOWN")
            known = self._open(row)
            typed = replace(typed, replaces=known.entry.replaces)
            if row.state == "issued" or known.entry == typed:
                return known
            if row.version != version or typed.kind is not known.entry.kind:
                raise Refusal("DRAFT_CHANGED")
            connection.execute(
                update(DESK_DRAFT)
                .where(DESK_DRAFT.c.id == draft_id)
                .values(
                    content=self._seal(draft_id, typed),
                    pending=None,
                    version=DESK_DRAFT.c.version + 1,
                    updated_at=moment,
                )
            )
        return Draft(draft_id, row.version + 1, typed, moment)

    def discard(self, actor: Actor, draft_id: int) -> None:
        """Throw a draft away, with what was typed. Raises DRAFT_UNKNOWN."""
        with self.services.database.write() as connection:
            mine = self._mine(actor) & (DESK_DRAFT.c.id == draft_id)
            values: dict[str, Any] = {"state": "discarded", "content": None, "pending": None}
            if not connection.execute(update(DESK_DRAFT).where(mine).values(**values)).rowcount:
                raise Refusal("DRAFT_UNKNOWN")

    def check(self, actor: Actor, found: Draft) -> Checked:
        """Everything that is wrong with a draft, and its sums."""
        with self.services.database.read() as connection:
            known = catalogue.load(connection, actor.unit_id)
        return check(found.entry, self._context(actor, found, known))

    def preview(self, actor: Actor, found: Draft) -> BillDocument | None:
        """Return the document as it would be issued now, without number and check code; ``None`` while something is
        wrong."""
        settlement = self.check(actor, found).settlement
        if settlement is None:
            return None
        references = self.desk.references.get(actor.unit_id)
        kind = references.kinds.get(settlement.scene.form)
        if kind is None:
            raise Refusal("KIND_MISSING", scene=settlement.scene.title)
        return document.document(settlement, references, code_of(kind.prefix))

    def issue(self, actor: Actor, draft_id: int, version: int) -> Issued | Checked:
        """Issue the bill of a draft as it was last saved; what is wrong with it when that cannot be.

        Asked again it returns the same bill. Raises DRAFT_UNKNOWN, DRAFT_CHANGED, SERIAL_ELSEWHERE and what
        :meth:`IssuingService.issue` raises.
        """
        found = self.get(actor, draft_id)
        if found.bill_id is not None:
            return self.issued(actor, found)
        if found.version != version:
            raise Refusal("DRAFT_CHANGED")
        checked = self.check(actor, found)
        if checked.settlement is None:
            return checked
        account = accounts.console(self.services.database, actor.unit_id)
        settlement, serial = checked.settlement, checked.settlement.serial
        with self.services.database.read() as connection:
            others = elsewhere(connection, account.id, actor.unit_id, [serial])
            if found.entry.replaces:
                settlement = _instead(self.services, connection, settlement, found.entry.replaces)
        if others:
            raise Refusal("SERIAL_ELSEWHERE", serial=serial, bill=others[serial])
        issued = self.desk.issue(account, settlement, actor.request_id, actor=actor.label)
        self._close(actor, found, issued.bill_id, checked)
        return issued

    def issued(self, actor: Actor, found: Draft) -> Issued:
        """Return the bill of an issued draft. Raises BILL_NOT_FOUND for one that has none."""
        account = accounts.console(self.services.database, actor.unit_id)
        with self.services.database.read() as connection:
            facts = bills.by_id(connection, found.bill_id) if found.bill_id else None
        if facts is None or facts.unit_id != actor.unit_id:
            raise Refusal("BILL_NOT_FOUND")
        token = self.desk.token(account, facts.serial, facts.link_key, facts.link_generation)
        return Issued(
            facts.bill_id,
            facts.code,
            facts.number,
            facts.check_code,
            facts.issued_at,
            facts.business_at,
            facts.serial,
            token,
            duplicate=True,
        )

    def places(self, actor: Actor, kind: Scene) -> list[tuple[str, str, int]]:
        """Points that can issue this kind today: code, name, how many numbers are left there."""
        form = self.desk.references.get(actor.unit_id).kinds.get(kind.form)
        if form is None:
            return []
        left = func.sum(NUMBER_RANGE.c.last - NUMBER_RANGE.c.next + 1)
        statement = (
            select(POINT.c.code, POINT.c.name, left)
            .join(NUMBER_RANGE, NUMBER_RANGE.c.point_id == POINT.c.id)
            .where(
                POINT.c.unit_id == actor.unit_id,
                POINT.c.active,
                NUMBER_RANGE.c.bill_code == code_of(form.prefix),
                NUMBER_RANGE.c.state == "open",
                NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last,
            )
            .group_by(POINT.c.code, POINT.c.name)
            .order_by(POINT.c.code)
        )
        with self.services.database.read() as connection:
            return [(code, name, int(count)) for code, name, count in connection.execute(statement)]

    def keep_token(self, actor: Actor, draft_id: int) -> str:
        """Proves that the form of this draft was drawn for its owner; stands hidden in the form."""
        return self._keep_token(draft_id, actor.label)

    def keep(self, draft_id: int, token: str, typed: Entry) -> bool:
        """Keep a form that arrives after its session ended, for its owner; returns whether it was theirs."""
        with self.services.database.write() as connection:
            row = connection.execute(
                select(DESK_DRAFT).where(DESK_DRAFT.c.id == draft_id, DESK_DRAFT.c.state == "open")
            ).one_or_none()
            if row is None or token != self._keep_token(draft_id, row.owner) or row.scene != typed.kind.value:
                return False
            typed = replace(typed, replaces=self._open(row).entry.replaces)
            sealed = self.services.cipher.encrypt("desk_draft.pending", draft_id, typed.text())
            connection.execute(update(DESK_DRAFT).where(DESK_DRAFT.c.id == draft_id).values(pending=sealed))
        return True

    def _keep_token(self, draft_id: int, owner: str) -> str:
        return self.services.index.digest("draft.keep", f"{draft_id}\0{owner}").hex()

    def _mine(self, actor: Actor, open_only: bool = True) -> Any:
        mine = (DESK_DRAFT.c.unit_id == actor.unit_id) & (DESK_DRAFT.c.owner == actor.label)
        return mine & (DESK_DRAFT.c.state == "open") if open_only else mine

    def _context(self, actor: Actor, found: Draft, known: catalogue.Catalogue) -> Context:
        references = self.desk.references.get(actor.unit_id)
        return Context(
            catalogue=known,
            points=references.points.keys(),
            cashier=actor.name,
            author=actor.name,
            serial=found.serial,
            moment=now(),
            org_type=str(references.unit.org_type),
        )

    def _seal(self, draft_id: int, typed: Entry) -> bytes:
        return self.services.cipher.encrypt("desk_draft.content", draft_id, typed.text())

    def _open(self, row: Any) -> Draft:
        cipher = self.services.cipher
        content, pending = row.content, row.pending
        known = Entry.of_text(cipher.decrypt_text("desk_draft.content", row.id, content)) if content else None
        late = Entry.of_text(cipher.decrypt_text("desk_draft.pending", row.id, pending)) if pending else None
        nothing = entry(Scene(row.scene), {}, [], [])
        return Draft(row.id, row.version, known or nothing, row.updated_at, late, row.bill_id)

    def _close(self, actor: Actor, found: Draft, bill_id: int, checked: Checked | None) -> None:
        """Note the bill, drop what was typed (the bill holds it now), and remember the payer when asked to."""
        moment, payer = now(), checked.settlement.payer if checked and checked.settlement else None
        left = entry(found.entry.kind, {name: found.entry.fields[name] for name in STAYING}, [], [])
        done = {"state": "issued", "bill_id": bill_id, "pending": None, "updated_at": moment}
        with self.services.database.write() as connection:
            mine = (DESK_DRAFT.c.id == found.id) & (DESK_DRAFT.c.state == "open")
            closed = connection.execute(
                update(DESK_DRAFT).where(mine).values(**done, content=self._seal(found.id, left))
            )
            if closed.rowcount and payer and found.entry.fields["remember"] and payer.name != ANONYMOUS:
                known_payers.remember(self.services, connection, actor.unit_id, payer, moment)


def _instead(services: Services, connection: Connection, settlement: Settlement, replaced_id: int) -> Settlement:
    """Return the settlement with the bill that it replaces and that bill's card of the payer, for which the form has no
    field, so that whoever looks up the old bill by it finds the new one."""
    party = bills.party(services, connection, replaced_id)
    payer, card = settlement.payer, {name: party.get(name, "") for name in ("card_type", "card_no")}
    same = payer.name == party["name"] or (payer.id_no and payer.id_no == party.get("id_no"))
    return replace(settlement, replaced_bill=replaced_id, payer=replace(payer, **card) if same else payer)


def clean(connection: Connection) -> int:
    """Remove drafts untouched for :data:`KEEP`, and what is left of the issued ones; returns how many."""
    return connection.execute(delete(DESK_DRAFT).where(DESK_DRAFT.c.updated_at < now() - KEEP)).rowcount
