"""Orders of cards: the permission to put a bill into a card pack, and the order's state. One row for each try.

The authorisation page proves nothing about the person, so an order is opened only for somebody who has proved
to be the patient, with a consent of our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery import bindings
from portal.delivery.engine.channel import Target
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.bills import BillState
from portal.domain.states.delivery import Purpose
from portal.ledger.bills import BillFacts
from portal.models.tables import BILL, BILL_CARD, CONSENT
from portal.outbox import tasks
from portal.outbox.topics import topic

log = structlog.get_logger("qupiao.cards")

WORK_TOPIC, WATCH_TOPIC, CANCEL_TOPIC = topic("card.work"), topic("card.watch"), topic("card.cancel")
CONSENT_TEXT = "2026-12"
"""Version of the text on the page (templates/patient/cards.html)."""
TITLES = {"wechat": "微信卡包", "alipay": "支付宝发票管家"}
REIMBURSED = {"lock": "已被报销单位锁定，正在报销", "closure": "已经报销"}
LIVE = ("offered", "authorised", "handed_over", "inserted")
WORDS = {
    "": "还没有放入",
    "offered": "等您在微信里点“领取”",
    "authorised": "已同意，正在放入",
    "handed_over": "已同意，等财政平台放入；急用请先下载 PDF 报销",
    "inserted": "已放入",
    "cancelled": "已撤销（票据已作废）",
    "refused": "您没有同意放入，可以再试",
    "failed": "没有放成，请下载 PDF 报销",
}


@dataclass(frozen=True, slots=True)
class CardOffer:
    """What a bill's page says of one card pack. ``may_ask``: the person can (again) let the bill in; ``unbound``: once
    their account at the platform is bound."""

    platform: str
    title: str
    state: str
    words: str
    may_ask: bool
    unbound: bool


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a card: ``who`` as the log names them (``patient:…``), ``whole``: they may have detail lines and
    data file; whoever has a slip and a name gets a card with the face alone, and into WeChat only."""

    who: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Order:
    """One order as the work needs it; ``since``: when it came to its state; ``whole`` as of :class:`Asker`."""

    card_id: int
    bill_id: int
    platform: str
    order_id: str
    state: str
    card_code: str
    reason: str
    reimburse: str
    since: datetime
    whole: bool


def card_offers(services: Services, connection: Connection, bill: BillFacts, asker: Asker) -> list[CardOffer]:
    """Return the card packs that are open to who asks, as they stand for a bill; empty when there is none."""
    return [_offer(services, connection, bill, platform) for platform in open_platforms(services, asker.whole)]


def open_platforms(services: Services, whole: bool) -> list[str]:
    """Which card packs are set up; Alipay's, whose account a person binds by a code, only with the ``whole`` bill."""
    settings = services.settings
    found = ["wechat"] if settings.cards != "off" and settings.wechat_service else []
    return found + (["alipay"] if settings.alipay_cards and whole else [])


def _offer(services: Services, connection: Connection, bill: BillFacts, platform: str) -> CardOffer:
    latest = _latest(connection, bill.bill_id, platform)
    state = "" if latest is None else str(latest.state)
    good = bill.state is BillState.SUPERVISED and bill.total_fen >= 0
    may_ask = good and state in ("", "offered", "refused", "failed")
    words = WORDS[state] if good or state else "财政盖章后才能放入"
    unbound = platform == "alipay" and may_ask and not alipay_user(services, connection, bill)
    if unbound:
        may_ask, words = False, "请先绑定支付宝，再放入"
    if state == "offered" and platform == "alipay":
        words = WORDS["authorised"]
    return CardOffer(platform, TITLES[platform], state, words, may_ask, unbound)


def alipay_user(services: Services, connection: Connection, bill: BillFacts) -> str:
    """``open_id:…`` of the patient's bound account; ``""`` for none."""
    target = Target(bill.unit_id, "bill", bill.bill_id, Purpose.REQUESTED)
    return bindings.recipient(services, connection, "alipay", services.settings.alipay_app, target)


def _latest(connection: Connection, bill_id: int, platform: str, lock: bool = False) -> Any:
    found = (
        select(BILL_CARD)
        .where(BILL_CARD.c.bill_id == bill_id, BILL_CARD.c.platform == platform)
        .order_by(BILL_CARD.c.try_no.desc())
        .limit(1)
    )
    return connection.execute(found.with_for_update() if lock else found).first()


def ask(services: Services, bill: BillFacts, platform: str, asker: Asker) -> Order:
    """Take consent and order of a card in one act; the order's work comes after it. Audited.

    A new try where the last one was refused or failed; else the order that is already open, which has no more than
    each of its askers may have: whoever holds its link takes the card. Raises CARD_UNAVAILABLE.
    """
    if platform not in open_platforms(services, asker.whole):
        raise Refusal("CARD_UNAVAILABLE", why="本院没有开通")
    with services.database.write() as connection:
        offer = _offer(services, connection, bill, platform)
        if not offer.may_ask:
            raise Refusal("CARD_UNAVAILABLE", why=offer.words)
        latest = _latest(connection, bill.bill_id, platform, lock=True)
        if latest is not None and latest.state == "offered":
            if latest.whole and not asker.whole:
                connection.execute(update(BILL_CARD).where(BILL_CARD.c.id == latest.id).values(whole=False))
            return _order(latest)
        moment, number = now(), 1 if latest is None else latest.try_no + 1
        card_id = new_id()
        state = "offered" if platform == "wechat" else "authorised"
        subject = alipay_user(services, connection, bill) if platform == "alipay" else ""
        values = {
            "id": card_id,
            "bill_id": bill.bill_id,
            "platform": platform,
            "try_no": number,
            "order_id": f"{bill.bill_id}-{number}" if platform == "wechat" else f"a{bill.bill_id}-{number}",
            "state": state,
            "state_at": moment,
            "subject": services.cipher.encrypt("bill_card.subject", card_id, subject) if subject else None,
            "card_code": "",
            "reimburse": "",
            "reason": "",
            "whole": asker.whole,
            "created_at": moment,
        }
        connection.execute(insert(BILL_CARD), values)
        consent = {
            "unit_id": bill.unit_id,
            "bill_id": bill.bill_id,
            "purpose": f"card.{platform}",
            "given_by": asker.who,
        }
        connection.execute(
            insert(CONSENT),
            {"id": new_id(), "text_version": CONSENT_TEXT, "given_at": moment, "withdrawn_at": None, **consent},
        )
        audit.record(connection, Actor(asker.who), "card.asked", ("bill", bill.bill_id), {"platform": platform})
        if state == "authorised":
            tasks.enqueue(connection, WORK_TOPIC, f"{WORK_TOPIC}:{card_id}", {"card": card_id})
        return Order(card_id, bill.bill_id, platform, str(values["order_id"]), state, "", "", "", moment, asker.whole)


def _order(row: Any) -> Order:
    told = (row.card_code, row.reason, row.reimburse, row.state_at, row.whole)
    return Order(row.id, row.bill_id, row.platform, row.order_id, row.state, *told)


def load(services: Services, card_id: int) -> Order | None:
    """One order by its row."""
    with services.database.read() as connection:
        row = connection.execute(select(BILL_CARD).where(BILL_CARD.c.id == card_id)).one_or_none()
    return None if row is None else _order(row)


def authorised(services: Services, order_id: str, openid: str) -> bool:
    """Begin the work of an order that the person has let in, as the platform says. Safe to repeat."""
    with services.database.write() as connection:
        row = connection.execute(
            select(BILL_CARD).where(BILL_CARD.c.order_id == order_id).with_for_update()
        ).one_or_none()
        if row is None or row.state != "offered":
            return False
        sealed = services.cipher.encrypt("bill_card.subject", row.id, openid) if openid else None
        _move(connection, row.id, "authorised", row.state, subject=sealed)
        tasks.enqueue(connection, WORK_TOPIC, f"{WORK_TOPIC}:{row.id}", {"card": row.id})
    return True


def refused(services: Services, order_id: str) -> None:
    """End an order to which the person or the platform said no; a new try has another number."""
    with services.database.write() as connection:
        mine = (BILL_CARD.c.order_id == order_id) & (BILL_CARD.c.state == "offered")
        connection.execute(update(BILL_CARD).where(mine).values(state="refused", state_at=now()))


def reimbursed(services: Services, card_code: str, state: str) -> None:
    """Note that a reimburser has locked, closed or freed the card: ``lock``, ``closure``, ``""``."""
    with services.database.write() as connection:
        row = (
            connection.execute(select(BILL_CARD).where(BILL_CARD.c.card_code == card_code)).first()
            if card_code
            else None
        )
        _reimburse(connection, row, state)


def expensed(services: Services, platform: str, code: str, number: str, state: str) -> None:
    """Note the same of the card of a bill by code and number; what is closed stays so, whatever push comes late."""
    mine = (BILL.c.bill_code == code) & (BILL_CARD.c.platform == platform) & BILL_CARD.c.state.in_(LIVE)
    mine &= BILL.c.number == (int(number) if re.fullmatch("[0-9]{10}", number) else -1)
    found = (
        select(BILL_CARD)
        .join(BILL, BILL.c.id == BILL_CARD.c.bill_id)
        .where(mine)
        .order_by(BILL_CARD.c.try_no.desc())
        .limit(1)
    )
    with services.database.write() as connection:
        row = connection.execute(found).first()
        if row is None:
            log.warning("cards.reimbursement_of_nothing", platform=platform)
        elif row.reimburse != "closure":
            _reimburse(connection, row, state)


def _reimburse(connection: Connection, row: Any, state: str) -> None:
    if row is not None and row.reimburse != state:
        connection.execute(update(BILL_CARD).where(BILL_CARD.c.id == row.id).values(reimburse=state))
        details = {"platform": row.platform, "state": state or "init"}
        audit.record(connection, Actor("worker:cards"), "card.reimbursed", ("bill", row.bill_id), details)


def in_reimbursement(connection: Connection, bill_id: int) -> str:
    """Return what the platform last told of the reimbursement of the bill's card, in words; ``""``: nothing, or no
    card."""
    found = select(BILL_CARD.c.platform, BILL_CARD.c.reimburse).where(
        BILL_CARD.c.bill_id == bill_id, BILL_CARD.c.state.in_(LIVE), BILL_CARD.c.reimburse != ""
    )
    row = connection.execute(found.limit(1)).one_or_none()
    return f"{TITLES[row.platform]}中的这张票{REIMBURSED[row.reimburse]}" if row is not None else ""


def finish(services: Services, order: Order, state: str, **values: Any) -> None:
    """Bring an order to ``state``; audited. Changes nothing once the order has left the state it had."""
    with services.database.write() as connection:
        if not _move(connection, order.card_id, state, order.state, **values):
            return
        if state == "handed_over" and services.settings.card_bureau_url:
            tasks.enqueue(connection, WATCH_TOPIC, f"{WATCH_TOPIC}:{order.card_id}", {"card": order.card_id})
        details = {"platform": order.platform, "order": order.order_id, "reason": str(values.get("reason", ""))[:100]}
        audit.record(connection, Actor("worker:cards"), f"card.{state}", ("bill", order.bill_id), details)


def note(services: Services, order: Order, reason: str) -> None:
    """Write down what the next try must know."""
    with services.database.write() as connection:
        connection.execute(update(BILL_CARD).where(BILL_CARD.c.id == order.card_id).values(reason=reason))


def _move(connection: Connection, card_id: int, state: str, was: str, **values: Any) -> bool:
    kept = {name: value for name, value in values.items() if value is not None}
    mine = (BILL_CARD.c.id == card_id) & (BILL_CARD.c.state == was)
    return connection.execute(update(BILL_CARD).where(mine).values(state=state, state_at=now(), **kept)).rowcount == 1


def subject(services: Services, order: Order) -> str:
    """Whose card it is, opened."""
    with services.database.read() as connection:
        sealed = connection.scalar(select(BILL_CARD.c.subject).where(BILL_CARD.c.id == order.card_id))
    return services.cipher.decrypt_text("bill_card.subject", order.card_id, sealed) if sealed else ""


def bill_reversed(services: Services, bill_id: int) -> None:
    """End the orders of a reversed bill and have its cards cancelled at the platforms. Safe to repeat."""
    with services.database.write() as connection:
        rows = connection.execute(
            select(BILL_CARD).where(BILL_CARD.c.bill_id == bill_id, BILL_CARD.c.state.in_(LIVE)).with_for_update()
        ).all()
        for row in rows:
            if row.state == "offered":
                _move(connection, row.id, "cancelled", row.state)
            tasks.enqueue(connection, CANCEL_TOPIC, f"{CANCEL_TOPIC}:{row.id}", {"card": row.id})


def waiting(connection: Connection, since: datetime, until: datetime, most: int = 100) -> list[Order]:
    """WeChat orders that were offered between two moments and of which nothing was heard."""
    found = (
        select(BILL_CARD)
        .where(
            BILL_CARD.c.platform == "wechat", BILL_CARD.c.state == "offered", BILL_CARD.c.state_at.between(since, until)
        )
        .order_by(BILL_CARD.c.state_at)
        .limit(most)
    )
    return [_order(row) for row in connection.execute(found)]
