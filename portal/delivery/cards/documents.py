"""The facts, the payer and the PDF of a bill that go into a card."""

from __future__ import annotations

from portal.core.services import Services
from portal.core.settings import Settings
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.ledger.files import bill_pdf
from portal.rendering.pdf.face import FaceRenderer


class Paper:
    """Reads and draws bills for cards. Safe for many threads."""

    def __init__(self, settings: Settings) -> None:
        self._faces = FaceRenderer(settings.banner, settings.face_insurance_whole)

    def facts(self, services: Services, bill_id: int) -> BillFacts:
        """Read the facts. Raises LookupError."""
        with services.database.read() as connection:
            found = bills.by_id(connection, bill_id)
        if found is None:
            raise LookupError("no such bill")
        return found

    def payer(self, services: Services, bill_id: int) -> str:
        """Read the payer's full name: the card is the person's own, who has consented."""
        with services.database.read() as connection:
            return bills.payer_name(services, connection, bill_id)

    def pdf(self, services: Services, bill_id: int, whole: bool = True) -> bytes:
        """Make the bill's PDF from the signed bytes; not ``whole``: its face alone."""
        facts = self.facts(services, bill_id)
        with services.database.read() as connection:
            return bill_pdf(services, connection, self._faces, facts, whole=whole).data
