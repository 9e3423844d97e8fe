"""The stock's documents as values: reading one by its number (单号), and moving one from state to state."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection, Row, Table, select, update

from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun
from portal.domain.states.stock import (
    ApplicationState,
    DestructionState,
    ReceiptState,
    ReturnState,
    SlipState,
    VoidState,
)
from portal.domain.titled import Titled
from portal.models.tables import (
    STOCK_APPLICATION,
    STOCK_DESTRUCTION,
    STOCK_RECEIPT,
    STOCK_RETURN,
    STOCK_SLIP,
    STOCK_VOID,
)


@dataclass(frozen=True, slots=True)
class Document:
    """What every document has; a kind of document names its table and its states."""

    TABLE: ClassVar[Table]
    STATES: ClassVar[type[Titled]]

    id: int
    unit_id: int
    no: str
    bill_code: str
    made_by: str


F = TypeVar("F", bound=Document)


@dataclass(frozen=True, slots=True)
class ApplicationFacts(Document):
    """票据申领: ``revision`` counts its reports, ``sent_at`` is when one may first have left the house."""

    TABLE: ClassVar[Table] = STOCK_APPLICATION
    STATES: ClassVar[type[Titled]] = ApplicationState

    state: ApplicationState
    revision: int
    kind_id: int
    quantity: int
    reason: str
    made_name: str
    made_at: datetime
    reported_at: datetime | None
    sent_at: datetime | None
    approved: int | None
    opinion: str
    reviewer: str
    reviewed_at: datetime | None

    @property
    def apply_no(self) -> str:
        """The number under which finance knows this report: a new one each time it is reported again."""
        return self.no if self.revision <= 1 else f"{self.no}-{self.revision}"


@dataclass(frozen=True, slots=True)
class ReceiptFacts(Document):
    """票据入库: ``finance_id`` is finance's id of the segment, ``told_at`` when finance heard of the decision."""

    TABLE: ClassVar[Table] = STOCK_RECEIPT
    STATES: ClassVar[type[Titled]] = ReceiptState

    state: ReceiptState
    source: str
    application_id: int | None
    finance_id: str | None
    agency: str
    kind_id: int | None
    first: int
    last: int
    count: int
    issued_on: date | None
    problem: str
    segment_id: int | None
    arrived_at: datetime
    decided_name: str
    decided_at: datetime | None
    told_at: datetime | None


@dataclass(frozen=True, slots=True)
class SlipFacts(Document):
    """票据分发: ``first`` only when the run was chosen by hand, ``automatic`` when a rule handed it out."""

    TABLE: ClassVar[Table] = STOCK_SLIP
    STATES: ClassVar[type[Titled]] = SlipState

    state: SlipState
    point_id: int
    point_name: str
    kind_id: int
    count: int
    first: int | None
    taker: str
    automatic: bool
    made_name: str
    made_at: datetime
    handed_name: str
    handed_at: datetime | None
    accepted_name: str
    accepted_at: datetime | None
    withdrawn_name: str
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunDocument(Document):
    """What the documents about one run of numbers share: returns, voids, destructions."""

    first: int
    last: int
    reason: str
    made_name: str
    made_at: datetime
    decided_at: datetime | None

    @property
    def run(self) -> NumberRun:
        """The numbers that it is about."""
        return NumberRun(self.bill_code, self.first, self.last)


@dataclass(frozen=True, slots=True)
class ReturnFacts(RunDocument):
    """票据申退: ``opinion`` is finance's."""

    TABLE: ClassVar[Table] = STOCK_RETURN
    STATES: ClassVar[type[Titled]] = ReturnState

    state: ReturnState
    opinion: str


@dataclass(frozen=True, slots=True)
class VoidFacts(RunDocument):
    """作废: ``point_id`` of blank forms lost at a point, ``None`` of unit stock."""

    TABLE: ClassVar[Table] = STOCK_VOID
    STATES: ClassVar[type[Titled]] = VoidState

    state: VoidState
    category: str
    point_id: int | None
    decided_name: str


@dataclass(frozen=True, slots=True)
class DestructionFacts(RunDocument):
    """票据销毁: void forms destroyed before a witness."""

    TABLE: ClassVar[Table] = STOCK_DESTRUCTION
    STATES: ClassVar[type[Titled]] = DestructionState

    state: DestructionState
    witness: str
    decided_name: str


def document(connection: Connection, kind: type[F], unit_id: int, no: str, lock: bool = False) -> F:
    """Return a document of the unit by its number; with ``lock`` it is held to the commit.

    Raises Refusal DOCUMENT_UNKNOWN.
    """
    query = select(kind.TABLE).where(kind.TABLE.c.unit_id == unit_id, kind.TABLE.c.no == no)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Refusal("DOCUMENT_UNKNOWN", no=no[:24])
    return facts_of(kind, row)


def facts_of(kind: type[F], row: Row[Any]) -> F:
    """Return the document that a row of its table holds."""
    values = {each.name: getattr(row, each.name) for each in fields(kind)}
    return kind(**(values | {"state": kind.STATES(row.state)}))


def move(connection: Connection, moved: Document, allowed: tuple[Titled, ...], **changes: object) -> None:
    """Change a document whose state is one of ``allowed``; of two at once one wins. Raises Refusal DOCUMENT_STATE."""
    table = moved.TABLE
    changed = connection.execute(
        update(table).where(table.c.id == moved.id, table.c.state.in_(allowed)).values(**changes)
    )
    if changed.rowcount != 1:
        state = connection.scalar(select(table.c.state).where(table.c.id == moved.id))
        raise Refusal("DOCUMENT_STATE", no=moved.no, state=moved.STATES(str(state)).title)
