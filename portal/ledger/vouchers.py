"""Reads of vouchers: by number, serial and link; lists; the statement of an admission."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, cast, func, select

from portal.core.services import Services
from portal.domain import link
from portal.domain.documents.voucher import Movement, VoucherForm, VoucherScene
from portal.domain.identity import mask_name, normalise
from portal.domain.numbers import BillNumber, ten_digits
from portal.domain.texts import said_later
from portal.ledger.persons import admission_digest, number_digests
from portal.models.tables import (
    BILL,
    HIS_ACCOUNT,
    POINT,
    VOUCHER,
    VOUCHER_KEY,
    VOUCHER_MOVEMENT,
    VOUCHER_PAPER,
    VOUCHER_PARTY,
    VOUCHER_PAYMENT,
)


@dataclass(frozen=True, slots=True)
class VoucherFacts:
    """What lists and answers say of a voucher; money in fen, ``number`` with its ten digits.

    ``balance_fen`` is what is left of a deposit (0 for a refund or a cancellation); ``cancelled`` and
    ``consumed_fen`` (what bills hold of it now) tell why.
    """

    voucher_id: int
    unit_id: int
    appid: str
    serial: str
    form: VoucherForm
    scene: VoucherScene
    of_id: int | None
    title: str
    code: str
    number: str
    check_code: str
    amount_fen: int
    business_at: datetime
    business_day: date
    issued_at: datetime
    department: str
    cashier: str
    author: str
    reason: str
    remark: str
    warnings: list[str]
    point_code: str
    point_name: str
    link_generation: int
    link_key: str
    balance_fen: int
    consumed_fen: int
    cancelled: bool

    @property
    def pair(self) -> str:
        """Code and number as people read them."""
        return f"{self.code} {self.number}"

    @property
    def state(self) -> str:
        """``open``, ``part`` (something was taken), ``settled`` (nothing is left), ``cancelled``; else its form."""
        if self.form is not VoucherForm.DEPOSIT:
            return self.form.value
        if self.cancelled:
            return "cancelled"
        if not self.balance_fen:
            return "settled"
        return "open" if self.balance_fen == self.amount_fen else "part"

    @property
    def state_title(self) -> str:
        """The word on screen."""
        return STATES[self.state]


STATES = {
    "open": said_later("可用"),
    "part": said_later("部分使用"),
    "settled": said_later("已用完"),
    "cancelled": said_later("已撤销"),
    "refund": "退款凭证",
    "cancellation": "红字凭证",
}


def _sum(*kinds: Movement) -> ColumnElement[int]:
    # PostgreSQL sums big integers to a decimal, which no amount may be
    fen = cast(func.coalesce(func.sum(VOUCHER_MOVEMENT.c.amount_fen), 0), BigInteger)
    counted = select(fen).where(VOUCHER_MOVEMENT.c.voucher_id == VOUCHER.c.id)
    if kinds:
        counted = counted.where(VOUCHER_MOVEMENT.c.kind.in_([kind.value for kind in kinds]))
    return counted.correlate(VOUCHER).scalar_subquery()


def _facts() -> Select[Any]:
    own = [
        VOUCHER.c[name]
        for name in VoucherFacts.__dataclass_fields__
        if name in VOUCHER.c and name not in ("balance_fen", "consumed_fen")
    ]
    return select(
        VOUCHER.c.id.label("voucher_id"),
        *own,
        POINT.c.code.label("point_code"),
        POINT.c.name.label("point_name"),
        HIS_ACCOUNT.c.appid,
        _sum().label("balance_fen"),
        (-_sum(Movement.CONSUMED, Movement.RELEASED)).label("consumed_fen"),
        (_sum(Movement.CANCELLED) != 0).label("cancelled"),
    ).select_from(
        VOUCHER.join(POINT, POINT.c.id == VOUCHER.c.point_id).join(
            HIS_ACCOUNT, HIS_ACCOUNT.c.id == VOUCHER.c.account_id
        )
    )


_FACTS = _facts()


def _read(row: Mapping[Any, Any]) -> VoucherFacts:
    values: dict[str, Any] = dict(row)
    values["number"] = ten_digits(values["number"])
    values["form"], values["scene"] = VoucherForm(values["form"]), VoucherScene(values["scene"])
    values["balance_fen"], values["consumed_fen"] = int(values["balance_fen"]), int(values["consumed_fen"])
    values["cancelled"] = bool(values["cancelled"])
    return VoucherFacts(**values)


def _one(connection: Connection, statement: Select[Any]) -> VoucherFacts | None:
    row = connection.execute(statement).one_or_none()
    return None if row is None else _read(row._mapping)


def by_id(connection: Connection, unit_id: int, voucher_id: int) -> VoucherFacts | None:
    """Return the unit's voucher with this row id."""
    return _one(connection, _FACTS.where(VOUCHER.c.unit_id == unit_id, VOUCHER.c.id == voucher_id))


def by_serial(connection: Connection, account_id: int, serial: str) -> VoucherFacts | None:
    """Return the voucher of an account's serial."""
    return _one(connection, _FACTS.where(VOUCHER.c.account_id == account_id, VOUCHER.c.serial == serial))


def by_number(connection: Connection, unit_id: int, code: str, number: str) -> VoucherFacts | None:
    """Return the unit's voucher with this code and number (leading zeros do not matter)."""
    if not (number.isascii() and number.isdigit() and len(number) <= 10):
        return None
    where = (VOUCHER.c.unit_id == unit_id, VOUCHER.c.code == code, VOUCHER.c.number == int(number))
    return _one(connection, _FACTS.where(*where))


def by_link(connection: Connection, link_digest: bytes) -> VoucherFacts | None:
    """Return the voucher whose link has this keyed hash."""
    return _one(connection, _FACTS.where(VOUCHER.c.link_digest == link_digest))


NEWEST = (VOUCHER.c.issued_at, VOUCHER.c.id)
"""The order of the list of vouchers."""


def of_form(form: str) -> ColumnElement[bool]:
    """Return the condition that a voucher has a form."""
    return VOUCHER.c.form == form


def of_unit(unit_id: int) -> Select[Any]:
    """Select the vouchers of a unit with point, balance and sealed payer; add conditions on ``VOUCHER`` columns."""
    owner = func.coalesce(VOUCHER.c.of_id, VOUCHER.c.id)
    rows = _FACTS.add_columns(VOUCHER_PARTY.c.name.label("sealed_payer"), VOUCHER_PARTY.c.voucher_id.label("owner_id"))
    return rows.join(VOUCHER_PARTY, VOUCHER_PARTY.c.voucher_id == owner).where(VOUCHER.c.unit_id == unit_id)


def facts_of(row: Any) -> VoucherFacts:
    """Return the facts of a row of :func:`of_unit`."""
    return _read({name: row._mapping[name] for name in VoucherFacts.__dataclass_fields__})


def masked_payer(services: Services, row: Any) -> str:
    """Return the payer of a row of :func:`of_unit`, masked (林**)."""
    return mask_name(services.cipher.decrypt_text("voucher_party.name", row.owner_id, row.sealed_payer))


def deposits_of(services: Services, connection: Connection, unit_id: int, text: str) -> list[VoucherFacts]:
    """Return the unit's deposits that a typed number finds, newest first: a number of the patient, the hospital
    number, or
    the voucher's own (its code may stand before it)."""
    typed = normalise(text)
    either: ColumnElement[bool] = VOUCHER.c.id.in_(
        select(VOUCHER_KEY.c.voucher_id).where(VOUCHER_KEY.c.digest.in_(number_digests(services, typed)))
    )
    if hospital := admission_digest(services.index, unit_id, "hospital", typed):
        either |= VOUCHER.c.hospital_digest == hospital
    if typed.isascii() and typed.isdigit() and len(typed) in (10, 18):
        document = (VOUCHER.c.number == int(typed[-10:])) & (VOUCHER.c.code.startswith(typed[:-10]))
        either |= VOUCHER.c.id.in_(select(func.coalesce(VOUCHER.c.of_id, VOUCHER.c.id)).where(document))
    wanted = _FACTS.where(VOUCHER.c.unit_id == unit_id, VOUCHER.c.form == VoucherForm.DEPOSIT.value, either)
    rows = connection.execute(wanted.order_by(VOUCHER.c.issued_at.desc(), VOUCHER.c.id.desc()).limit(100))
    return [_read(row._mapping) for row in rows]


def documents_of(connection: Connection, voucher_id: int) -> list[VoucherFacts]:
    """Refunds and the cancellation of a deposit, oldest first."""
    rows = connection.execute(_FACTS.where(VOUCHER.c.of_id == voucher_id).order_by(VOUCHER.c.issued_at, VOUCHER.c.id))
    return [_read(row._mapping) for row in rows]


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """One movement of a deposit; ``other`` is code and number of the bill or document that caused it, or ``""``."""

    voucher_id: int
    voucher: str
    line: int
    kind: Movement
    amount_fen: int
    balance_fen: int
    at: datetime
    actor: str
    bill_id: int | None
    document_id: int | None
    other: str


def movements(connection: Connection, voucher_ids: Sequence[int]) -> list[MoveFacts]:
    """Return the ledger of these deposits, oldest first."""
    document = VOUCHER.alias("document")
    statement = (
        select(
            VOUCHER_MOVEMENT,
            VOUCHER.c.code,
            VOUCHER.c.number,
            BILL.c.bill_code,
            BILL.c.number.label("bill_number"),
            document.c.code.label("document_code"),
            document.c.number.label("document_number"),
        )
        .select_from(
            VOUCHER_MOVEMENT.join(VOUCHER, VOUCHER.c.id == VOUCHER_MOVEMENT.c.voucher_id)
            .outerjoin(BILL, BILL.c.id == VOUCHER_MOVEMENT.c.bill_id)
            .outerjoin(document, document.c.id == VOUCHER_MOVEMENT.c.document_id)
        )
        .where(VOUCHER_MOVEMENT.c.voucher_id.in_(voucher_ids))
        .order_by(VOUCHER_MOVEMENT.c.at, VOUCHER_MOVEMENT.c.voucher_id, VOUCHER_MOVEMENT.c.line)
    )
    return [_move(row) for row in connection.execute(statement)]


@dataclass(frozen=True, slots=True)
class MoveSum:
    """What one movement took or gave (fen, with its sign), and when."""

    line: int
    amount_fen: int
    at: datetime


_MOVE_SUM = select(*(VOUCHER_MOVEMENT.c[name] for name in MoveSum.__slots__))


def movement(connection: Connection, voucher_id: int, line: int) -> MoveSum:
    """Read one line of a deposit's ledger, which is there."""
    of_line = (VOUCHER_MOVEMENT.c.voucher_id == voucher_id) & (VOUCHER_MOVEMENT.c.line == line)
    return MoveSum(*connection.execute(_MOVE_SUM.where(of_line)).one())


def consumed_by(connection: Connection, voucher_id: int, bill_id: int) -> MoveSum | None:
    """Read the line by which a bill took its part of a deposit."""
    of_bill = (VOUCHER_MOVEMENT.c.voucher_id == voucher_id) & (VOUCHER_MOVEMENT.c.bill_id == bill_id)
    taken = _MOVE_SUM.where(of_bill, VOUCHER_MOVEMENT.c.kind == Movement.CONSUMED.value)
    row = connection.execute(taken).one_or_none()
    return None if row is None else MoveSum(*row)


def _move(row: Any) -> MoveFacts:
    other = ""
    if row.bill_id is not None:
        other = str(BillNumber(row.bill_code, row.bill_number))
    elif row.document_id is not None:
        other = str(BillNumber(row.document_code, row.document_number))
    return MoveFacts(
        row.voucher_id,
        str(BillNumber(row.code, row.number)),
        row.line,
        Movement(row.kind),
        row.amount_fen,
        row.balance_fen,
        row.at,
        row.actor,
        row.bill_id,
        row.document_id,
        other,
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """预交金对账单 of one admission: its deposits, their movements, and the sum of each kind, fen."""

    deposits: list[VoucherFacts]
    movements: list[MoveFacts]
    sums: dict[Movement, int]
    balance_fen: int


def statement(services: Services, connection: Connection, unit_id: int, hospital_no: str, visit_no: str) -> Statement:
    """Return the statement of hospitalNo, of one visitNo of it where that is given. Empty when nothing was paid in."""
    hospital = admission_digest(services.index, unit_id, "hospital", hospital_no)
    wanted = VOUCHER.c.hospital_digest == hospital
    if visit := admission_digest(services.index, unit_id, "visit", visit_no):
        wanted &= VOUCHER.c.visit_digest == visit
    return _statement(connection, (VOUCHER.c.unit_id == unit_id) & wanted)


def statement_with(connection: Connection, voucher: VoucherFacts) -> Statement:
    """Return the statement of the admission of this deposit; of the deposit alone when it names no admission."""
    own = connection.execute(
        select(VOUCHER.c.hospital_digest, VOUCHER.c.visit_digest).where(VOUCHER.c.id == voucher.voucher_id)
    ).one()
    if own.hospital_digest is None:
        return _statement(connection, VOUCHER.c.id == voucher.voucher_id)
    visit = VOUCHER.c.visit_digest == own.visit_digest if own.visit_digest else VOUCHER.c.visit_digest.is_(None)
    same = (VOUCHER.c.unit_id == voucher.unit_id) & (VOUCHER.c.hospital_digest == own.hospital_digest) & visit
    return _statement(connection, same)


def _statement(connection: Connection, same: ColumnElement[bool]) -> Statement:
    wanted = _FACTS.where(VOUCHER.c.form == VoucherForm.DEPOSIT.value, same)
    deposits = [_read(row._mapping) for row in connection.execute(wanted.order_by(VOUCHER.c.issued_at, VOUCHER.c.id))]
    moved = movements(connection, [row.voucher_id for row in deposits])
    sums = {kind: sum(row.amount_fen for row in moved if row.kind is kind) for kind in Movement}
    return Statement(deposits, moved, sums, sum(sums.values()))


def cancellation(connection: Connection, voucher_id: int) -> VoucherFacts | None:
    """Return the red voucher that took this deposit back."""
    return _one(
        connection, _FACTS.where(VOUCHER.c.of_id == voucher_id, VOUCHER.c.form == VoucherForm.CANCELLATION.value)
    )


def given_back(connection: Connection, voucher_id: int) -> int:
    """Return what was refunded or cancelled of this deposit so far, in fen."""
    back = (Movement.REFUNDED.value, Movement.CANCELLED.value)
    given = select(func.sum(VOUCHER_MOVEMENT.c.amount_fen)).where(
        VOUCHER_MOVEMENT.c.voucher_id == voucher_id, VOUCHER_MOVEMENT.c.kind.in_(back)
    )
    return -int(connection.scalar(given) or 0)


def holding_bills(connection: Connection, voucher_id: int) -> list[str]:
    """Code and number of the bills that hold a part of this deposit now."""
    statement = (
        select(BILL.c.bill_code, BILL.c.number)
        .select_from(VOUCHER_MOVEMENT.join(BILL, BILL.c.id == VOUCHER_MOVEMENT.c.bill_id))
        .where(VOUCHER_MOVEMENT.c.voucher_id == voucher_id)
        .group_by(BILL.c.id, BILL.c.bill_code, BILL.c.number)
        .having(func.sum(VOUCHER_MOVEMENT.c.amount_fen) < 0)
    )
    return [str(BillNumber(row.bill_code, row.number)) for row in connection.execute(statement)]


def valid_paper(connection: Connection, voucher_id: int) -> str:
    """Code and number of the valid sheet of a voucher, or ``""``."""
    sheet = sheet_in_force(connection, voucher_id)
    return "" if sheet is None else sheet.printed


def sheet_in_force(connection: Connection, voucher_id: int) -> VoucherSheet | None:
    """Read the sheet that stands for a voucher now."""
    valid = (VOUCHER_PAPER.c.voucher_id == voucher_id) & VOUCHER_PAPER.c.void_at.is_(None)
    row = connection.execute(SHEETS.where(valid)).one_or_none()
    return None if row is None else VoucherSheet(*row)


def payments(connection: Connection, voucher_id: int) -> list[tuple[str, int]]:
    """Channel and fen of every payment of a voucher."""
    rows = select(VOUCHER_PAYMENT.c.channel, VOUCHER_PAYMENT.c.amount_fen).where(
        VOUCHER_PAYMENT.c.voucher_id == voucher_id
    )
    return [(row.channel, row.amount_fen) for row in connection.execute(rows.order_by(VOUCHER_PAYMENT.c.line))]


@dataclass(frozen=True, slots=True)
class VoucherSheet:
    """A sheet on which a voucher was printed; ``void_at`` is None while it stands."""

    id: int
    voucher_id: int
    paper_code: str
    paper_number: str
    printed_at: datetime
    printed_by: str
    void_at: datetime | None
    void_reason: str

    @property
    def printed(self) -> str:
        """Code and number as they stand on the sheet."""
        return f"{self.paper_code} {self.paper_number}"


SHEETS = select(*(VOUCHER_PAPER.c[name] for name in VoucherSheet.__dataclass_fields__))
"""The columns of :class:`VoucherSheet`, in its order."""


def papers(connection: Connection, voucher_id: int) -> list[VoucherSheet]:
    """Read the printed sheets of a voucher, the newest first."""
    wanted = SHEETS.where(VOUCHER_PAPER.c.voucher_id == voucher_id).order_by(VOUCHER_PAPER.c.id.desc())
    return [VoucherSheet(*row) for row in connection.execute(wanted)]


@dataclass(frozen=True, slots=True)
class VoucherRecord:
    """The few columns of a voucher that the acts on it judge by."""

    id: int
    unit_id: int
    kind_id: int
    form: VoucherForm
    code: str
    number: int
    title: str

    @property
    def pair(self) -> BillNumber:
        """Code and number."""
        return BillNumber(self.code, self.number)


def record(connection: Connection, voucher_id: int) -> VoucherRecord | None:
    """Read the columns of a voucher that the acts on it judge by."""
    columns = (VOUCHER.c[name] for name in VoucherRecord.__dataclass_fields__)
    row = connection.execute(select(*columns).where(VOUCHER.c.id == voucher_id)).one_or_none()
    return None if row is None else VoucherRecord(**dict(row._mapping) | {"form": VoucherForm(row.form)})


def payer_name(services: Services, connection: Connection, voucher: VoucherFacts) -> str:
    """Return the payer's full name, opened. The caller masks or audits."""
    owner = voucher.of_id or voucher.voucher_id
    sealed = connection.execute(select(VOUCHER_PARTY.c.name).where(VOUCHER_PARTY.c.voucher_id == owner)).scalar_one()
    return services.cipher.decrypt_text("voucher_party.name", owner, sealed)


def identity(services: Services, connection: Connection, voucher: VoucherFacts) -> dict[str, str]:
    """Return the sealed identity fields, opened. The caller masks or audits."""
    owner = voucher.of_id or voucher.voucher_id
    sealed = connection.execute(
        select(VOUCHER_PARTY.c.identity).where(VOUCHER_PARTY.c.voucher_id == owner)
    ).scalar_one()
    found: dict[str, str] = json.loads(services.cipher.decrypt_text("voucher_party.identity", owner, sealed))
    return found


def phone(services: Services, connection: Connection, voucher: VoucherFacts) -> str:
    """Return the phone on file, opened, or ``""``. The caller masks or audits."""
    owner = voucher.of_id or voucher.voucher_id
    sealed = connection.execute(select(VOUCHER_PARTY.c.phone).where(VOUCHER_PARTY.c.voucher_id == owner)).scalar_one()
    return services.cipher.decrypt_text("voucher_party.phone", owner, sealed) if sealed else ""


def token(services: Services, unit_code: str, appid: str, serial: str, key_id: str = "", generation: int = 0) -> str:
    """Return the token of a voucher's link; by a key of its own, so that a bill of an equal serial has another."""
    key_id = key_id or services.settings.link_key_ids[0]
    key = services.keyring.link_key(key_id, f"voucher:{appid}")
    return link.token(key, key_id, unit_code, serial, generation)


def token_of(services: Services, unit_code: str, voucher: VoucherFacts) -> str:
    """Return the token of this voucher's link, computed again (only its keyed hash is stored)."""
    return token(services, unit_code, voucher.appid, voucher.serial, voucher.link_key, voucher.link_generation)


def address_of(services: Services, unit_code: str, voucher: VoucherFacts) -> str:
    """Return the one address of this voucher's page, for slips, messages and answers."""
    return services.settings.bill_address(token_of(services, unit_code, voucher))
