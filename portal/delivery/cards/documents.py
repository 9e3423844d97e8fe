"""What goes into a card: facts, payer and PDF of a bill."""

from __future__ import annotations

from sqlalchemy import select

from portal.core.services import Services
from portal.core.settings import Settings
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.ledger.paper import valid_sheet
from portal.models.tables import UNIT
from portal.rendering import xml
from portal.rendering.pdf.face import FaceRenderer


class Paper:
    """Reads and draws bills for cards. Safe for many threads."""

    def __init__(self, settings: Settings) -> None:
        self._faces = FaceRenderer(settings.demo, settings.face_insurance_whole)

    def facts(self, services: Services, bill_id: int) -> BillFacts:
        """The facts. Raises LookupError."""
        with services.database.read() as connection:
            found = bills.by_id(connection, bill_id)
        if found is None:
            raise LookupError("no such bill")
        return found

    def payer(self, services: Services, bill_id: int) -> str:
        """The payer's full name: the card is the person's own, who has consented."""
        with services.database.read() as connection:
            return bills.payer_name(services, connection, bill_id)

    def pdf(self, services: Services, bill_id: int) -> bytes:
        """The bill as PDF, from the signed bytes."""
        facts = self.facts(services, bill_id)
        with services.database.read() as connection:
            stored = bills.stored_document(services, connection, bill_id)
            exchanged = valid_sheet(connection, bill_id) is not None
            code = connection.execute(select(UNIT.c.code).where(UNIT.c.id == facts.unit_id)).scalar_one()
        return self._faces.pdf(
            xml.read(stored.signed),
            state=facts.state.value,
            qr_text=f"{services.settings.outside}/b/{bills.token_of(services, code, facts)}",
            xml=stored.einvoice_xml,
            supervised=stored.supervisor_element is not None,
            exchanged=exchanged,
        )
