"""Verification that a supervision signature covers exactly our bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import x509

from portal.core.clock import now
from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import SignatureInvalid, verify_detached
from portal.providers.finance.messages import SupervisionGiven
from portal.providers.finance.national.envelope import SKEW
from portal.rendering import xml


@dataclass(frozen=True, slots=True)
class VerifiedSupervision:
    """A supervision whose signature holds: the element as it goes into ``einvoice.xml``, the certificate, the time."""

    element: bytes
    certificate_serial: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose supervision counts: the authority's certificate (DER) and, when pinned, the serial finance signs with."""

    roots: tuple[bytes, ...]
    certificate_serial: str | None = None

    @classmethod
    def load(cls, folder: Path) -> Trust:
        """Load ``ca.crt`` and, when it is there, ``finance.crt``. One authority signs for units and finance alike,
        so without the pin any unit could supervise itself. Raises OSError."""
        pinned = folder / "finance.crt"
        serial = None
        if pinned.exists():
            serial = f"{x509.Certificate.load(load_certificate(pinned)).serial_number:x}"
        return cls((load_certificate(folder / "ca.crt"),), serial)


def verify(
    trust: Trust, signed: bytes, unit_element: bytes, issued_at: datetime, answer: SupervisionGiven
) -> VerifiedSupervision:
    """Check an answer against the stored bytes. Raises SignatureInvalid with a Chinese reason.

    The element must be exactly the canonical form of its fields, so that nothing rides along unsigned.
    """
    try:
        fields = xml.signature_fields(answer.supervisor_signature)
    except ValueError:
        raise SignatureInvalid("监制签名元素无法解析") from None
    canonical = xml.supervisor_signature_element("SM3withSM2", fields.time, fields.serial_hex, fields.value)
    if answer.supervisor_signature != canonical:
        raise SignatureInvalid("监制签名元素不是约定的形式")
    if not issued_at - SKEW <= fields.time <= now() + SKEW:
        raise SignatureInvalid("监制时间早于开票时间或在将来")
    signer = verify_detached(fields.value, xml.supervised_bytes(signed, unit_element), list(trust.roots), fields.time)
    if signer.serial_hex != fields.serial_hex or trust.certificate_serial not in (None, signer.serial_hex):
        raise SignatureInvalid("签名证书不是财政监制证书")
    seal = xml.read(signed).supervisor_seal
    if seal is not None and answer.seal.get("SealId") != seal.id:
        raise SignatureInvalid("监制章与票据中的不同")
    return VerifiedSupervision(canonical, signer.serial_hex, fields.time)
