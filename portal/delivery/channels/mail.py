"""Bills by e-mail over SMTP: a link to the bill's page, or its PDF, as the unit has chosen; never both.

The Message-ID is made from our number, so that a repeat is the same message to whoever reads it, and a bounce names it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr

from sqlalchemy import Connection

from portal.access import parameters, pass_rows
from portal.access.parameters import Parameter
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery import mail_text
from portal.delivery.engine.channel import PAUSES, Channel, Family, Message, Target
from portal.domain import mail_address
from portal.domain.states.delivery import Bug, Purpose, Result
from portal.ledger import bills, vouchers
from portal.ledger.files import bill_pdf
from portal.providers.clients import Providers
from portal.providers.mail.client import MailClient
from portal.providers.pace import Pace
from portal.rendering.pdf.face import FaceRenderer

TITLES = {"mail": "电子邮件"}
parameters.declare(Parameter("delivery.mail", "交付", "电子邮件", "是否使用电子邮件渠道", "flag", True))

MOST_BYTES = 10 * 1024 * 1024
_HOST = re.compile(r"@([A-Za-z0-9.-]+)")


class Mail:
    """One SMTP account."""

    name = "mail"
    title = "电子邮件"
    setting = "delivery.mail"
    provider = "smtp"
    disturbs = False
    receipt_within: timedelta | None = None
    remembers = 0.0
    once_more = True
    pauses: tuple[float, ...] = PAUSES

    def __init__(self, settings: Settings) -> None:
        self.account = f"{settings.smtp}/{settings.smtp_user}"
        self._settings = settings
        self._pace = Pace(settings.mail_per_domain)
        self._faces = FaceRenderer(settings.banner, settings.face_insurance_whole)
        found = _HOST.search(settings.mail_from)
        self._domain = found[1] if found else "localhost"
        self._client = MailClient(settings, self._domain)

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """Return the e-mail address that the HIS has on file."""
        address = ""
        if target.kind == "bill":
            address = bills.party(services, connection, target.object_id).get("email", "")
        elif target.kind == "voucher":
            voucher = vouchers.by_id(connection, target.unit_id, target.object_id)
            address = vouchers.identity(services, connection, voucher).get("email", "") if voucher else ""
        return address if mail_address.is_address(address) else ""

    def pace(self, address: str) -> float:
        """Big providers throttle senders that they do not know: so many a minute to one domain."""
        return self._pace.wait(address.rpartition("@")[2].lower())

    def send(self, services: Services, message: Message) -> Result:
        """Compose and hand over to the mail server; the link of a bill is good for a week and asks for the name."""
        with services.database.read() as connection:
            form, details = (
                parameters.value(connection, message.target.unit_id, key)
                for key in ("delivery.mail-form", "patient.slip-details")
            )
        message = replace(message, whole=message.whole or details)
        bill = message.target.kind == "bill"
        attached = form == "pdf" and bill and message.purpose is not Purpose.REVERSED
        if bill and not attached:
            bill_id = message.target.object_id
            token, _ = pass_rows.for_message(services, message.target.unit_id, bill_id, pass_rows.MAIL_LIVES)
            message = replace(message, link=services.settings.pass_address(token))
        data = self._pdf(services, message) if attached else b""
        if len(data) > MOST_BYTES:
            return Bug("attachment", "TOO_LARGE")
        mail = self.compose(message, data)
        pause = self.pauses[min(max(message.tries, 1), len(self.pauses)) - 1]
        return self._client.send(mail, message.recipient, pause)

    def compose(self, message: Message, pdf: bytes = b"") -> EmailMessage:
        """Return the e-mail of a message as text and as HTML; with ``pdf`` it is attached and the link left out."""
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = mail_text.subject(message)
        mail["From"] = Address(message.hospital, addr_spec=parseaddr(self._settings.mail_from)[1])
        mail["To"] = message.recipient
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = f"<{message.ref}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        paragraphs = mail_text.paragraphs(message, bool(pdf))
        mail.set_content(mail_text.plain(paragraphs))
        mail.add_alternative(mail_text.html(paragraphs), subtype="html")
        if pdf:
            mail.add_attachment(pdf, maintype="application", subtype="pdf", filename=message.file_name)
            # Old readers look for the name here only; in ASCII, it needs none of the codings that they do not know.
            list(mail.iter_attachments())[-1].set_param("name", message.file_name)
        return mail

    def _pdf(self, services: Services, message: Message) -> bytes:
        with services.database.read() as connection:
            facts = bills.by_id(connection, message.target.object_id)
            if facts is None:
                raise LookupError("no such bill")
            return bill_pdf(services, connection, self._faces, facts, whole=message.whole).data


def channels(services: Services, _providers: Providers) -> list[Channel | Family]:
    """Build the channel when a mail server is set up."""
    return [Mail(services.settings)] if services.settings.smtp else []
