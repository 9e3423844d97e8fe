"""The movements of deposits: their lock and balance, consumption by a bill, release by its red bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from portal import audit
from portal.access.his.accounts import HisAccount
from portal.core.database import lock_row
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.settlement import Settlement, VoucherUse
from portal.domain.documents.voucher import Movement, VoucherForm
from portal.domain.errors import Refusal
from portal.domain.identity import normalise_name
from portal.domain.money import commas
from portal.domain.numbers import ten_digits
from portal.issuing.events import VOUCHER_CONSUMED
from portal.ledger.persons import admission_digest, person_keys
from portal.models.tables import VOUCHER, VOUCHER_KEY, VOUCHER_MOVEMENT, VOUCHER_PARTY
from portal.outbox.events import publish

POLICY = "vouchers"
"""The account's switch for payMentVoucher: ``refuse`` (default), ``warn``, ``ignore``."""


def lock(connection: Connection, voucher_id: int) -> int:
    """Hold the deposit until commit and return its balance. Deposits are always locked before ranges of numbers."""
    lock_row(connection, select(VOUCHER.c.id).where(VOUCHER.c.id == voucher_id))
    return _last(connection, voucher_id)[1]


def _last(connection: Connection, voucher_id: int) -> tuple[int, int]:
    row = connection.execute(
        select(VOUCHER_MOVEMENT.c.line, VOUCHER_MOVEMENT.c.balance_fen)
        .where(VOUCHER_MOVEMENT.c.voucher_id == voucher_id)
        .order_by(VOUCHER_MOVEMENT.c.line.desc())
        .limit(1)
    ).one_or_none()
    return (0, 0) if row is None else (row.line, row.balance_fen)


@dataclass(frozen=True, slots=True)
class Move:
    """A movement of a deposit. ``amount_fen`` is positive, its kind gives the sign; the bill or document caused it."""

    voucher_id: int
    kind: Movement
    amount_fen: int
    at: datetime
    bill_id: int | None = None
    document_id: int | None = None


def move(connection: Connection, actor: Actor, order: Move) -> int:
    """Write the next movement of a deposit that the caller holds (:func:`lock`); returns the balance after it.

    The database refuses a movement that does not follow from the one before.
    """
    line, balance = _last(connection, order.voucher_id)
    signed = order.kind.sign * order.amount_fen
    connection.execute(
        insert(VOUCHER_MOVEMENT),
        {
            "voucher_id": order.voucher_id,
            "line": line + 1,
            "kind": order.kind.value,
            "amount_fen": signed,
            "balance_fen": balance + signed,
            "at": order.at,
            "actor": actor.label,
            "bill_id": order.bill_id,
            "document_id": order.document_id,
        },
    )
    return balance + signed


@dataclass(frozen=True, slots=True)
class Consumption:
    """A settlement whose bill is paid with deposits."""

    account: HisAccount
    settlement: Settlement
    bill_id: int
    at: datetime


def consume(services: Services, connection: Connection, actor: Actor, order: Consumption) -> list[str]:
    """Take the parts that ``settlement.vouchers`` names, in the transaction of its bill; returns warnings.

    By the account's policy ``vouchers`` a row that names no deposit, another patient's deposit, or more than is left
    is refused (VOUCHER_USE naming every such row), or (``warn``) told on the bill: then of an unknown or cancelled
    voucher nothing is taken, of a short one what is left. ``ignore``: the list is not looked at.
    """
    account, settlement, bill_id, at = order.account, order.settlement, order.bill_id, order.at
    policy = account.policies.get(POLICY, "refuse")
    if policy == "ignore" or not settlement.vouchers:
        return []
    problems: list[str] = []
    for voucher_id, use in _found(connection, account.unit_id, settlement.vouchers, problems):
        balance = lock(connection, voucher_id)
        if not _is_theirs(services, connection, account.unit_id, settlement, voucher_id):
            problems.append(f"预交金凭证 {use.pair} 不属于该患者")
        if use.amount_fen > balance:
            problems.append(f"预交金凭证 {use.pair} 余额 {commas(balance)} 元，不足扣款 {commas(use.amount_fen)} 元")
        if (problems and policy == "refuse") or not balance:
            continue
        amount = min(use.amount_fen, balance)
        move(connection, actor, Move(voucher_id, Movement.CONSUMED, amount, at, bill_id=bill_id))
        details = {"amount_fen": amount, "bill": str(bill_id)}
        audit.record(connection, actor, "voucher.consumed", ("voucher", voucher_id), details, at=at)
        publish(connection, VOUCHER_CONSUMED, f"{voucher_id}:{bill_id}", {"voucher": voucher_id, "bill": bill_id}, at)
    if problems and policy == "refuse":
        raise Refusal("VOUCHER_USE", problems="；".join(problems))
    return problems


def _found(
    connection: Connection, unit_id: int, uses: tuple[VoucherUse, ...], problems: list[str]
) -> list[tuple[int, VoucherUse]]:
    """Return the deposits that are named, each once with the sum of its rows, in the order in which they are locked."""
    wanted: dict[tuple[str, int], VoucherUse] = {}
    for use in uses:
        if not (use.number.isascii() and use.number.isdigit() and len(use.number) <= 10):
            problems.append(f"预交金凭证 {use.pair} 不存在")
            continue
        key = (use.code, int(use.number))
        before = wanted[key].amount_fen if key in wanted else 0
        wanted[key] = VoucherUse(use.code, ten_digits(int(use.number)), before + use.amount_fen)
    found = []
    for (code, number), use in wanted.items():
        voucher_id = connection.execute(
            select(VOUCHER.c.id).where(
                VOUCHER.c.unit_id == unit_id,
                VOUCHER.c.code == code,
                VOUCHER.c.number == number,
                VOUCHER.c.form == VoucherForm.DEPOSIT.value,
            )
        ).scalar_one_or_none()
        if voucher_id is None:
            problems.append(f"预交金凭证 {use.pair} 不存在")
        else:
            found.append((voucher_id, use))
    return sorted(found, key=lambda one: one[0])


def _is_theirs(
    services: Services, connection: Connection, unit_id: int, settlement: Settlement, voucher_id: int
) -> bool:
    """Whether deposit and settlement are one patient's: the same hospitalNo, or a number in common (a phone is a
    family's and does not count); where neither side has anything to compare, the same name."""
    hospital = connection.execute(select(VOUCHER.c.hospital_digest).where(VOUCHER.c.id == voucher_id)).scalar_one()
    sent_hospital = admission_digest(services.index, unit_id, "hospital", settlement.visit.hospital_no)
    if hospital is not None and hospital == sent_hospital:
        return True
    own = set(
        connection.scalars(
            select(VOUCHER_KEY.c.digest).where(VOUCHER_KEY.c.voucher_id == voucher_id, VOUCHER_KEY.c.kind != "phone")
        )
    )
    sent = {digest for digest, kind in person_keys(services, settlement.payer).items() if kind != "phone"}
    if own & sent:
        return True
    if (own and sent) or (hospital is not None and sent_hospital is not None):
        return False
    name = connection.execute(
        select(VOUCHER_PARTY.c.name_digest).where(VOUCHER_PARTY.c.voucher_id == voucher_id)
    ).scalar_one()
    return bool(name == services.index.digest("name", normalise_name(settlement.payer.name)))


def release(connection: Connection, bill_id: int, actor: Actor, at: datetime) -> list[tuple[int, int]]:
    """Give back to the deposits what this bill consumed; call it in the transaction that reverses the bill.

    Safe to call twice: what was released is not released again. Locks the deposits, so call it before a number is
    taken. Returns (voucher id, fen) of each. ``portal.issuing.bills.reverse`` calls it.
    """
    consumed = select(VOUCHER_MOVEMENT.c.voucher_id, VOUCHER_MOVEMENT.c.amount_fen).where(
        VOUCHER_MOVEMENT.c.bill_id == bill_id, VOUCHER_MOVEMENT.c.kind == Movement.CONSUMED.value
    )
    done = []
    for voucher_id, fen in connection.execute(consumed.order_by(VOUCHER_MOVEMENT.c.voucher_id)).all():
        lock(connection, voucher_id)
        released = select(VOUCHER_MOVEMENT.c.line).where(
            VOUCHER_MOVEMENT.c.voucher_id == voucher_id,
            VOUCHER_MOVEMENT.c.bill_id == bill_id,
            VOUCHER_MOVEMENT.c.kind == Movement.RELEASED.value,
        )
        if connection.execute(released).one_or_none() is not None:
            continue
        move(connection, actor, Move(voucher_id, Movement.RELEASED, -fen, at, bill_id=bill_id))
        details = {"amount_fen": -fen, "bill": str(bill_id)}
        audit.record(connection, actor, "voucher.released", ("voucher", voucher_id), details, at=at)
        done.append((voucher_id, -fen))
    return done
