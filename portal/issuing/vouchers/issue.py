"""Prepayment vouchers: issue, refund, take back, and their paper (docs/vouchers.md).

A voucher is the hospital's own document, not a fiscal bill: it is numbered from ranges of the kind ``voucher``, but
neither signed nor sent to finance. Every act is one transaction that locks the deposit first and takes its number
last; the database refuses a movement that would leave less than nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from portal import audit
from portal.access import parameters
from portal.access.his.accounts import HisAccount
from portal.access.parameters import Parameter
from portal.core.clock import business_day, now, stamp17
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.characters import spelled
from portal.domain.documents.voucher import Deposit, Movement, Taking, VoucherForm
from portal.domain.errors import Refusal
from portal.domain.money import commas
from portal.domain.numbers import CheckCode
from portal.hospital.references import ReferenceCache
from portal.issuing import numbering
from portal.issuing.events import VOUCHER_CANCELLED, VOUCHER_ISSUED, VOUCHER_REFUNDED
from portal.issuing.vouchers import rows as vouchers_rows
from portal.issuing.vouchers.movements import Move, lock, move
from portal.ledger import vouchers as queries
from portal.ledger.persons import admission_digest
from portal.ledger.vouchers import VoucherFacts
from portal.models.tables import VOUCHER, VOUCHER_KEY, VOUCHER_PARTY, VOUCHER_PAYMENT
from portal.outbox.events import publish
from portal.rendering.pdf import fonts

_EVENTS = {
    VoucherForm.DEPOSIT: VOUCHER_ISSUED,
    VoucherForm.REFUND: VOUCHER_REFUNDED,
    VoucherForm.CANCELLATION: VOUCHER_CANCELLED,
}

SECOND_LOOK = "voucher.second-look-fen"
parameters.declare(
    Parameter(
        SECOND_LOOK,
        "预交金",
        "预交金再次核对的金额",
        "在收费台开具的预交金达到这一金额，须按大写金额再核对一次",
        "money",
        5_000_000,
        least=1,
        guard="up",
    )
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who acts: a person or machine, on the account of a HIS or of the console, to which the serials belong."""

    account: HisAccount
    actor: Actor


def his_sender(account: HisAccount, request_id: str, name: str = "") -> Sender:
    """Return a HIS account as the sender; ``name`` is the cashier it names."""
    return Sender(account, Actor(f"his:{account.appid}", name, account.unit_id, request_id))


@dataclass(frozen=True, slots=True)
class Vouched:
    """What the sender is told. ``duplicate``: this act was done before, and this is what it made."""

    facts: VoucherFacts
    token: str
    duplicate: bool


class VoucherService:
    """The voucher service over the shared reference snapshots."""

    def __init__(self, services: Services, references: ReferenceCache) -> None:
        self.services = services
        self.references = references

    def issue(self, sender: Sender, deposit: Deposit, at: datetime | None = None) -> Vouched:
        """Issue the voucher of a deposit, or return the one its serial already has.

        Raises SERIAL_CONFLICT, SERIAL_REVERSED, KIND_MISSING, POINT_UNKNOWN, NAME_UNRENDERABLE, STOCK_EXHAUSTED, BUSY.
        """
        sent = vouchers_rows.digests(self.services.index, deposit)
        if missing := fonts.missing(deposit.payer.name):
            raise Refusal("NAME_UNRENDERABLE", characters=spelled(missing))

        def write(connection: Connection) -> Vouched:
            voucher_id, moment = new_id(), at or now()
            admission, index = deposit.admission, self.services.index
            made = vouchers_rows.children(self.services, deposit, voucher_id)
            connection.execute(insert(VOUCHER_PARTY), made.party)
            for table, rows in ((VOUCHER_KEY, made.keys), (VOUCHER_PAYMENT, made.payments)):
                if rows:
                    connection.execute(insert(table), rows)
            move(connection, sender.actor, Move(voucher_id, Movement.ISSUED, deposit.amount_fen, moment))
            row = {
                "scene": deposit.scene.value,
                "amount_fen": deposit.amount_fen,
                "own_balance_fen": deposit.own_balance_fen,
                "hospital_digest": admission_digest(index, sender.account.unit_id, "hospital", admission.hospital_no),
                "visit_digest": admission_digest(index, sender.account.unit_id, "visit", admission.visit_no),
                "department": admission.department,
                "department_code": admission.department_code,
                "cashier": deposit.cashier,
                "author": deposit.author or deposit.cashier,
                "reason": "",
                "remark": deposit.remark,
                "content": sent,
                "warnings": list(deposit.warnings),
            }
            head = _Head(voucher_id, VoucherForm.DEPOSIT, None, deposit.serial, deposit.point_code, moment)
            return self._finish(connection, sender, head, deposit.business_at, row, "voucher.issued")

        def again(known: VoucherFacts, content: Mapping[str, str]) -> Vouched:
            if differing := vouchers_rows.differing(content, sent):
                raise _Conflict(known, differing)
            if known.cancelled:
                raise Refusal("SERIAL_REVERSED", serial=known.serial, bill=known.pair)
            return self._told(sender, known, True)

        return self._act(sender, deposit.serial, again, write)

    def refund(self, sender: Sender, taking: Taking) -> Vouched:
        """Give back part or all of what is left of a deposit, by a refund voucher of its own.

        The same deposit, time of business and amount again is the same refund (the contract has no other key).
        Raises VOUCHER_NOT_FOUND; VOUCHER_STATE for all that is left while its paper is valid; VOUCHER_BALANCE,
        VOUCHER_NEEDS_APPROVAL, SERIAL_CONFLICT, POINT_UNKNOWN, STOCK_EXHAUSTED, BUSY.
        """
        known = self._deposit(sender, taking)
        return self._act(
            sender,
            _refund_serial(known, taking),
            lambda made, _content: self._refunded(sender, made, taking),
            lambda connection: self._refund(connection, sender, known, taking),
        )

    def _refund(self, connection: Connection, sender: Sender, known: VoucherFacts, taking: Taking) -> Vouched:
        balance, serial = lock(connection, known.voucher_id), _refund_serial(known, taking)
        if made := queries.by_serial(connection, sender.account.id, serial):
            return self._refunded(sender, made, taking)  # its twin was quicker while we waited for the lock
        amount = balance if taking.amount_fen is None else taking.amount_fen
        if amount > balance or not amount:
            raise Refusal("VOUCHER_BALANCE", voucher=known.pair, balance=commas(balance), amount=commas(amount))
        if amount == balance and (sheet := queries.valid_paper(connection, known.voucher_id)):
            # Whoever holds the sheet would hold a valid deposit of which nothing is left.
            state, remedy = f"已打印纸质凭证 {sheet}", "请先收回并作废纸质凭证，再全部退款"
            raise Refusal("VOUCHER_STATE", voucher=known.pair, state=state, next=remedy)
        return self._take(connection, sender, _TakingOrder(known, VoucherForm.REFUND, serial, taking, amount))

    def _refunded(self, sender: Sender, made: VoucherFacts, taking: Taking) -> Vouched:
        if taking.amount_fen is not None and made.amount_fen != taking.amount_fen:
            raise _Conflict(made, ["金额"])
        return self._told(sender, made, True)

    def cancel(self, sender: Sender, taking: Taking) -> Vouched:
        """Take a wrongly issued deposit back: a red voucher over all that is left of it. A second call is the same.

        Raises VOUCHER_NOT_FOUND; VOUCHER_STATE while a bill holds a part of it, while its paper is valid, or when
        nothing is left; VOUCHER_NEEDS_APPROVAL, POINT_UNKNOWN, STOCK_EXHAUSTED, BUSY.
        """
        known = self._deposit(sender, taking)
        return self._act(
            sender,
            _cancel_serial(known),
            lambda made, _content: self._told(sender, made, True),
            lambda connection: self._cancel(connection, sender, known, taking),
        )

    def _cancel(self, connection: Connection, sender: Sender, known: VoucherFacts, taking: Taking) -> Vouched:
        balance = lock(connection, known.voucher_id)
        made = queries.cancellation(connection, known.voucher_id)
        if made is not None:
            return self._told(sender, made, True)
        self._refuse_cancel(connection, known.voucher_id, known.pair, balance)
        if taking.amount_fen is not None and taking.amount_fen != balance:  # not what was approved
            raise Refusal(
                "VOUCHER_BALANCE", voucher=known.pair, balance=commas(balance), amount=commas(taking.amount_fen)
            )
        order = _TakingOrder(known, VoucherForm.CANCELLATION, _cancel_serial(known), taking, balance)
        return self._take(connection, sender, order)

    def take_on(self, connection: Connection, sender: Sender, form: VoucherForm, taking: Taking) -> Vouched:
        """Refund or cancel in the caller's transaction (an approval's decision); raises as these."""
        act = self._refund if form is VoucherForm.REFUND else self._cancel
        return act(connection, sender, self._deposit(sender, taking), taking)

    def _refuse_cancel(self, connection: Connection, voucher_id: int, pair: str, balance: int) -> None:
        if bills := queries.holding_bills(connection, voucher_id):
            state, remedy = f"已用于结算 {'、'.join(bills)}", "请先冲红该票据，预交金退回后再撤销"
        elif sheet := queries.valid_paper(connection, voucher_id):
            state, remedy = f"已打印纸质凭证 {sheet}", "请先收回并作废纸质凭证，再撤销"
        elif not balance:
            state, remedy = "余额为 0，已全部退款", "不需要撤销"
        else:
            return
        raise Refusal("VOUCHER_STATE", voucher=pair, state=state, next=remedy)

    def _deposit(self, sender: Sender, taking: Taking) -> VoucherFacts:
        with self.services.database.read() as connection:
            known = queries.by_number(connection, sender.account.unit_id, taking.code, taking.number)
        if known is None:
            raise Refusal("VOUCHER_NOT_FOUND", voucher=f"{taking.code} {taking.number}")
        if known.form is not VoucherForm.DEPOSIT:
            raise Refusal("VOUCHER_STATE", voucher=known.pair, state=f"是{known.form.title}", next="请填写原预交金凭证")
        return known

    def _take(self, connection: Connection, sender: Sender, order: _TakingOrder) -> Vouched:
        known, form, taking, amount = order.deposit, order.form, order.taking, order.amount_fen
        given = amount + queries.given_back(connection, known.voucher_id)
        if taking.limit_fen is not None and not taking.approver and given >= taking.limit_fen:
            limit = commas(taking.limit_fen)
            raise Refusal("VOUCHER_NEEDS_APPROVAL", voucher=known.pair, total=commas(given), limit=limit)
        voucher_id, moment = new_id(), now()
        kind = Movement.REFUNDED if form is VoucherForm.REFUND else Movement.CANCELLED
        move(connection, sender.actor, Move(known.voucher_id, kind, amount, moment, document_id=voucher_id))
        row: dict[str, Any] = {
            "scene": known.scene.value,
            "amount_fen": amount,
            "own_balance_fen": None,
            "hospital_digest": None,
            "visit_digest": None,
            "department": known.department,
            "department_code": "",
            "cashier": taking.operator,
            "author": taking.operator,
            "reason": taking.reason,
            "remark": taking.remark,
            "content": {},
            "warnings": [],
        }
        head = _Head(voucher_id, form, known.voucher_id, order.serial, taking.point_code, moment, taking.approver)
        return self._finish(connection, sender, head, taking.business_at, row, f"voucher.{kind.value}")

    def _finish(
        self,
        connection: Connection,
        sender: Sender,
        head: _Head,
        business_at: datetime,
        row: dict[str, Any],
        action: str,
    ) -> Vouched:
        """Audit, event, number and document row, the number last: it locks the point's range until commit."""
        references, title = self.references.get(sender.account.unit_id), head.form.title
        place = numbering.numbering(references, head.point_code, "voucher", title, head.moment)
        audit.record(
            connection,
            sender.actor,
            action,
            ("voucher", head.of_id or head.voucher_id),
            {"amount_fen": row["amount_fen"]}
            | ({"document": str(head.voucher_id)} if head.of_id else {})
            | ({"approver": head.approver} if head.approver else {}),
            at=head.moment,
        )
        publish(connection, _EVENTS[head.form], head.voucher_id, {"voucher": head.voucher_id}, head.moment)
        taken = numbering.take(connection, place)
        token = queries.token(self.services, sender.account.unit_code, sender.account.appid, head.serial)
        connection.execute(
            insert(VOUCHER),
            row
            | {
                "id": head.voucher_id,
                "unit_id": sender.account.unit_id,
                "account_id": sender.account.id,
                "point_id": place.point_id,
                "kind_id": place.kind_id,
                "range_id": taken.range_id,
                "serial": head.serial,
                "form": head.form.value,
                "of_id": head.of_id,
                "code": taken.pair.code,
                "number": taken.pair.number,
                "check_code": CheckCode.draw(),
                "title": title,
                "business_at": business_at,
                "business_day": business_day(business_at),
                "issued_at": head.moment,
                "link_digest": self.services.index.digest("link", token),
                "link_generation": 0,
                "link_key": token[0],
            },
        )
        facts = queries.by_id(connection, sender.account.unit_id, head.voucher_id)
        assert facts is not None
        return Vouched(facts, token, False)

    def _act(
        self,
        sender: Sender,
        serial: str,
        again: Callable[[VoucherFacts, Mapping[str, str]], Vouched],
        write: Callable[[Connection], Vouched],
    ) -> Vouched:
        """As :meth:`_once`. A conflict is kept in the audit log when the transaction that met it has ended."""
        try:
            return self._once(sender, serial, again, write)
        except _Conflict as conflict:
            with self.services.database.write() as connection:
                audit.record(
                    connection,
                    sender.actor,
                    "voucher.conflict",
                    ("voucher", conflict.voucher_id),
                    {"parts": conflict.differing},
                )
            raise

    def _once(
        self,
        sender: Sender,
        serial: str,
        again: Callable[[VoucherFacts, Mapping[str, str]], Vouched],
        write: Callable[[Connection], Vouched],
    ) -> Vouched:
        """Answer with what the serial has, or write it; whoever loses a race answers with the winner's."""

        def attempt() -> Vouched:
            with self.services.database.read() as connection:
                known = queries.by_serial(connection, sender.account.id, serial)
                content = _content(connection, known.voucher_id) if known else {}
            if known is not None:
                return again(known, content)
            with self.services.database.write() as connection:
                return write(connection)

        return self.services.database.repeat(attempt)

    def _told(self, sender: Sender, facts: VoucherFacts, duplicate: bool) -> Vouched:
        return Vouched(facts, queries.token_of(self.services, sender.account.unit_code, facts), duplicate)


class _Conflict(Refusal):
    """SERIAL_CONFLICT, found perhaps inside a transaction, which its audit entry must outlive."""

    def __init__(self, known: VoucherFacts, differing: list[str]) -> None:
        super().__init__("SERIAL_CONFLICT", serial=known.serial, bill=known.pair, fields="、".join(differing))
        self.voucher_id, self.differing = known.voucher_id, differing


@dataclass(frozen=True, slots=True)
class _TakingOrder:
    """Money that is taken out of a deposit by a document of its own, a refund or a cancellation."""

    deposit: VoucherFacts
    form: VoucherForm
    serial: str
    taking: Taking
    amount_fen: int


@dataclass(frozen=True, slots=True)
class _Head:
    voucher_id: int
    form: VoucherForm
    of_id: int | None
    serial: str
    point_code: str
    moment: datetime
    approver: str = ""


def _refund_serial(known: VoucherFacts, taking: Taking) -> str:
    return taking.serial or f"TK{known.code}{known.number}{stamp17(taking.business_at)}"


def _cancel_serial(known: VoucherFacts) -> str:
    return f"CX{known.code}{known.number}"


def _content(connection: Connection, voucher_id: int) -> dict[str, str]:
    found: dict[str, str] = connection.execute(select(VOUCHER.c.content).where(VOUCHER.c.id == voucher_id)).scalar_one()
    return found
