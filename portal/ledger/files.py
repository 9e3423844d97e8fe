"""The files of a bill: its PDF, made on demand from the signed bytes, and its signed XML."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from portal.core.services import Services
from portal.domain.documents.bill import BillDocument
from portal.domain.identity import mask_card, mask_id, mask_name
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.ledger.paper import valid_sheet
from portal.models.tables import UNIT
from portal.rendering import xml
from portal.rendering.pdf.face import FaceRenderer, face_alone


@dataclass(frozen=True, slots=True)
class File:
    """A file to hand out."""

    name: str
    mimetype: str
    data: bytes


def bill_pdf(
    services: Services, connection: Connection, faces: FaceRenderer, bill: BillFacts, *, whole: bool = True
) -> File:
    """Make the bill's PDF from the signed bytes, which it carries; not ``whole``: its face alone, since list pages name
    drugs and department, and the signed bytes hold the whole ID number.
    """
    stored = bills.stored_document(services, connection, bill.bill_id)
    unit_code = connection.execute(select(UNIT.c.code).where(UNIT.c.id == bill.unit_id)).scalar_one()
    data = faces.pdf(
        xml.read(stored.signed),
        state=bill.state.value,
        qr_text=bills.address_of(services, unit_code, bill),
        xml=stored.einvoice_xml,
        supervised=stored.supervisor_element is not None,
        exchanged=valid_sheet(connection, bill.bill_id) is not None,
    )
    return File(f"{bill.code}-{bill.number}.pdf", "application/pdf", data if whole else face_alone(data))


def bill_xml(services: Services, connection: Connection, bill: BillFacts) -> File:
    """Return the signed document itself."""
    document = bills.stored_document(services, connection, bill.bill_id)
    return File(f"{bill.code}-{bill.number}.xml", "application/xml", document.einvoice_xml)


HIDDEN = "已遮盖，不是票面原件"
"""What the code of a masked picture says instead of the bill's link."""


def masked_picture(
    services: Services, connection: Connection, faces: FaceRenderer, bill: BillFacts, width: int
) -> File:
    """Draw the face ``width`` pixels wide with the payer masked, for who has no reason to see more.

    Numbers of the patient are masked; detail lines, which are somebody's treatment, and free texts are left out; its
    code opens nothing.
    """
    stored = bills.stored_document(services, connection, bill.bill_id)
    data = faces.pdf(
        _masked(xml.read(stored.signed)),
        state=bill.state.value,
        qr_text=HIDDEN,
        xml=b"",
        supervised=stored.supervisor_element is not None,
        exchanged=bill.exchanged,
    )
    return File(f"{bill.code}-{bill.number}.png", "image/png", faces.png(data, width))


def _masked(document: BillDocument) -> BillDocument:
    ext, payer = document.ext, document.payer
    person = payer.kind == "1"
    return replace(
        document,
        payer=replace(payer, name=mask_name(payer.name), code=mask_id(payer.code)) if person else payer,
        ext=replace(
            ext,
            extras=(),
            insurance_id=mask_card(ext.insurance_id),
            patient_number=mask_card(ext.patient_number),
            hospitalization_number=mask_card(ext.hospitalization_number),
            case_number=mask_card(ext.case_number),
        ),
        aux_items=(),
        remark=document.remark if ext.related_number else "",
    )
