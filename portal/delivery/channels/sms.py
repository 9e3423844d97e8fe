"""Bill notices by SMS to the phone that the HIS has on file."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.engine.channel import FOR_EVER, PAUSES, Message, Target
from portal.domain.delivery import Purpose, Result
from portal.domain.identity import is_phone
from portal.ledger import vouchers
from portal.models.tables import BILL_PARTY
from portal.providers import sms

TEMPLATES = {Purpose.REVERSED: "reversed", Purpose.READY: "bill"}
"""The approved template of a purpose; all others say that the bill is there."""


def phone_of(services: Services, connection: Connection, target: Target) -> str:
    """Return the phone on file of a payer; ``""`` when there is none or it is no mobile number."""
    if target.kind == "voucher":
        voucher = vouchers.by_id(connection, target.unit_id, target.object_id)
        phone = "" if voucher is None else vouchers.phone(services, connection, voucher)
    else:
        sealed = connection.scalar(select(BILL_PARTY.c.phone).where(BILL_PARTY.c.bill_id == target.object_id))
        phone = services.cipher.decrypt_text("bill_party.phone", target.object_id, sealed) if sealed else ""
    return phone if is_phone(phone) else ""


class Sms:
    """The gateway of our own contract, which remembers ``out_id`` for good: a repeat is one message."""

    name = "sms"
    title = "短信"
    setting = "delivery.sms"
    provider = "gateway"
    disturbs = True
    receipt_within: timedelta | None = None
    remembers: float = FOR_EVER
    once_more = False
    pauses: tuple[float, ...] = PAUSES

    def __init__(self, settings: Settings, client: sms.SmsClient | None = None) -> None:
        self.account = settings.sms_app_id
        self.provider = settings.sms_provider
        self._client = client or sms.client(settings)

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """The phone on file."""
        return phone_of(services, connection, target)

    def send(self, services: Services, message: Message) -> Result:
        """Send one message by the template of its purpose; it names the hospital and nobody."""
        template = TEMPLATES.get(message.purpose, "bill")
        # Operators refuse links inside variables: the address before the token is part of the approved text .
        params = {"hospital": message.hospital, sms.STOP: message.stop_link.rpartition("/")[2]}
        return self._client.send(message.recipient, template, params, message.ref)


class CloudSms(Sms):
    """A cloud, which forgets our number but sends receipts: asked before anything is repeated."""

    receipt_within: timedelta | None = timedelta(hours=72)
    remembers: float = 0.0

    def find(self, services: Services, message: Message) -> Result | None:
        """Whether it has the message."""
        client = self._client
        if not isinstance(client, sms.AskableSmsClient):
            raise TypeError("this provider cannot be asked")
        return client.find(message.recipient, message.ref, message.first_at)


def channel_of(settings: Settings, client: sms.SmsClient) -> Sms:
    """Make the channel that fits the client: of a provider that remembers our number, or of a cloud."""
    return (Sms if client.remembers else CloudSms)(settings, client)
