"""Page of 印章与模板: the unit's certificate, and every face filled with a specimen."""

from __future__ import annotations

from datetime import timedelta

from asn1crypto import x509
from flask import Response

from admin.kit.groups import basics as group
from admin.kit.page import page
from admin.kit.security import current_staff, requires
from admin.pages.delivery.notice_slips import pdf_response
from portal.access.permissions import Permission
from portal.core.clock import local, now
from portal.domain.documents.bill import BillDocument, InvoicingParty, Item, MedicalExt, PayerParty
from portal.domain.errors import Refusal
from portal.hospital import queries
from portal.web.edge import runtime, services

_MEDICAL = (Item("0801", "诊察费", 2000), Item("0807", "西药费", 10850))
SPECIMENS = {
    "outpatient": _MEDICAL,
    "inpatient": _MEDICAL,
    "general": (Item("040101", "押金", 12850),),
    "donation": (Item("050101", "货币捐赠", 12850),),
}
"""The items that the specimen of each face shows."""


@group.get("/seals")
@requires(Permission.CATALOGUE_VIEW, menu="印章与模板", order=90)
def seals() -> Response:
    """Show the certificate that signs, and the faces."""
    certificate = x509.Certificate.load(services().signer.certificate_der)
    ends = certificate.not_valid_after
    with services().database.read() as connection:
        faces = [face for face in queries.faces(connection) if face.form in SPECIMENS]
    return page(
        "basics/seals.html",
        title="印章与模板",
        subject=certificate.subject.human_friendly,
        issuer=certificate.issuer.human_friendly,
        serial=services().signer.serial_hex,
        begins=certificate.not_valid_before,
        ends=ends,
        left=(ends - now()) // timedelta(days=1),
        faces=faces,
    )


@group.get("/seals/<string:form>/specimen.pdf")
@requires(Permission.CATALOGUE_VIEW, within="basics.seals")
def specimen(form: str) -> Response:
    """Answer a face filled with a specimen; it carries no number of any stock and no signature."""
    if form not in SPECIMENS:
        raise Refusal("PAGE_NOT_FOUND")
    with services().database.read() as connection:
        kind = queries.face(connection, form)
        unit = queries.unit(connection, current_staff().unit_id)
    document = BillDocument(
        name=kind.name,
        code=f"{kind.prefix}00",
        number="0" * 10,
        check_code="000000",
        specimen_code=kind.specimen_code,
        area_code=unit.region_code,
        total_fen=12850,
        issued_at=local(now()),
        unit=InvoicingParty(unit.credit_code, unit.name),
        payer=PayerParty("1", "票样"),
        serial="票样",
        cashier=current_staff().name,
        checker="票样",
        ext=MedicalExt(org_type=unit.org_type, medical_type="票样", insurance_type="票样"),
        items=SPECIMENS[form],
        remark="票样，不是有效票据",
    )
    data = runtime().faces.pdf(document, state="issued", qr_text="票样", xml=b"<specimen/>", supervised=False)
    return pdf_response(data, f"specimen-{form}.pdf")
