"""The interface of a channel, which every adapter implements, and the message that a channel is handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol, runtime_checkable

from sqlalchemy import Connection

from portal.core.services import Services
from portal.domain.states.delivery import Purpose, Result
from portal.domain.states.standing import Standing

FOR_EVER = float("inf")
CODES = "code"
"""The channel of one-time codes, and its lane: a person waits, so no other message goes before."""
PUSH = "app"
"""The lane of the push targets, and the code of a unit's first one; the others are ``app-2``, ``app-3`` …"""


def lane_of(channel: str) -> str:
    """Return the lane of the worker that a channel's messages wait in."""
    return PUSH if channel.startswith(f"{PUSH}-") else channel


PAUSES: tuple[float, ...] = (5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 28800.0)
"""Seconds before try 2, 3, …, in all some 22 hours: a bill stays on its page, so a push need not try for days."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a message is about, by ``kind``: ``bill``, ``voucher``, ``family`` link, ``request``, ``code``, ``phone``.

    ``version`` is that of its delivery; of a voucher that was used, the line of the movement.
    """

    unit_id: int
    kind: str
    object_id: int
    purpose: Purpose
    version: int = 1


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a hospital answers questions: place, phone, hours; each may be empty."""

    place: str = ""
    phone: str = ""
    hours: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message for one address, ready to send; nothing in it is read from the database again.

    Text that reaches the person may name hospital, kind, amount, date, what the bill is good for and the masked payer,
    and nothing else (no name, department, items, number). ``link`` is the bill's own page, ``own_link`` the page of
    what this one message tells of (its bill and those that joined it), ``stop_link`` is "不是我". ``ref`` is ours: tell
    it to the provider with every try. ``first_at`` is when the first try began. ``file_name`` is that of the PDF,
    which is ``whole`` (list pages, data file) or the face alone; ``joined``: how many more bills the message tells of.
    Of a voucher ``document`` is its name, ``news`` what has become of it. A message that is about neither has a
    ``template`` with ``params`` instead of kind, amount, date and links.
    """

    ref: str
    target: Target
    recipient: str
    hospital: str
    what: str
    total_fen: int
    day: date
    link: str
    stop_link: str
    tries: int
    first_at: datetime
    delivery_id: int
    attempt_id: int
    their_ref: str = ""
    template: str = ""
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    own_link: str = ""
    desk: Desk = field(default_factory=Desk)
    payer: str = ""
    standing: Standing = Standing.VALID
    file_name: str = ""
    whole: bool = False
    document: str = ""
    news: str = ""
    joined: int = 0

    @property
    def purpose(self) -> Purpose:
        """Why it is sent."""
        return self.target.purpose


@runtime_checkable
class Channel(Protocol):
    """An adapter to one account of one provider. Safe for many threads; holds no database connection while it calls.

    ``name`` is the code in the order of channels and the topic ``delivery.send.<name>``; ``title`` the word on screen;
    ``setting`` is the flag parameter that turns it off. ``provider`` and ``account`` name what the breaker watches
    (never a secret).
    ``disturbs``: quiet hours hold its messages back. ``receipt_within``: how long a receipt may take; ``None`` when the
    provider sends none, so that being accepted is the end. ``remembers``: for how many seconds after the first try a
    repeat with the same ``ref`` is one effect at the provider (:data:`FOR_EVER`, or 0 when it never is).
    ``once_more``: whether, beyond that, a message of which nothing is known may be repeated once, because its reader is
    shown the repeat as the same. ``pauses``: seconds before each further try after Retry; after the last one it is a
    dead letter.
    """

    name: str
    title: str
    setting: str
    provider: str
    account: str
    disturbs: bool
    receipt_within: timedelta | None
    remembers: float
    once_more: bool
    pauses: tuple[float, ...]

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """Return the person's address on this channel (phone, e-mail, openid); ``""`` when there is none."""

    def send(self, services: Services, message: Message) -> Result:
        """One try. Time-outs under 30 s. Raises nothing that it can name; an exception counts as Unknown."""


@runtime_checkable
class Asking(Protocol):
    """A channel that can be asked, after Unknown, whether the message is there."""

    def find(self, services: Services, message: Message) -> Result | None:
        """Ask what became of a message. Accepted, Done: it went out; None: surely not; Never: failed; Unknown."""


@runtime_checkable
class Naming(Protocol):
    """A channel that knows the provider's number before the provider does: a receipt may be quicker than the answer."""

    def their_ref(self, ref: str) -> str:
        """Return the provider's number of the message that is ``ref`` to us."""


@runtime_checkable
class Pacing(Protocol):
    """A channel that sends to some addresses only so fast; the others do not wait behind them."""

    def pace(self, address: str) -> float:
        """0 to send now, which counts; else the seconds to leave this message alone. It is no try."""


@runtime_checkable
class Family(Protocol):
    """Channels of one lane that come and go while a process runs, each with a code of its own in a unit."""

    name: str

    def member(self, services: Services, connection: Connection, unit_id: int, code: str) -> Channel | None:
        """Return the channel of this code; ``None`` when there is none."""
