"""SM2 certificates: issued for a public key, and read from files.

A production unit's certificate comes from a licensed CA, and its key may live in a sign server behind
``portal.core.crypto.cms.Signer``.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import keys, pem, x509

from portal.core.crypto.sm2 import PrivateKey

SM2_WITH_SM3 = "1.2.156.10197.1.501"
_YEARS = timedelta(days=3650)
_EARLIER = timedelta(days=60)
"""Certificates issued here begin before the present, so that they cover bills of days gone by."""


def issue_certificate(
    subject: str,
    public: bytes,
    issuer: str,
    issuer_key: PrivateKey,
    *,
    ca: bool = False,
    validity: tuple[datetime, datetime] | None = None,
) -> bytes:
    """DER of a certificate for the SubjectPublicKeyInfo ``public``, signed SM2-with-SM3 by ``issuer_key``.

    ``ca`` makes a certificate that may only issue others; all others may only sign. ``validity`` is its first
    and last moment; by default ten years from 60 days ago on.
    """
    begin = datetime.now(UTC) - _EARLIER
    first, last = validity or (begin, begin + _YEARS)
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": secrets.randbits(120) | 1 << 119,
            "signature": {"algorithm": SM2_WITH_SM3},
            "issuer": x509.Name.build({"country_name": "CN", "common_name": issuer}),
            "validity": {"not_before": _time(first), "not_after": _time(last)},
            "subject": x509.Name.build({"country_name": "CN", "common_name": subject}),
            "subject_public_key_info": keys.PublicKeyInfo.load(public),
            "extensions": _extensions(public, issuer_key, ca),
        }
    )
    whole = x509.Certificate(
        {
            "tbs_certificate": body,
            "signature_algorithm": {"algorithm": SM2_WITH_SM3},
            "signature_value": issuer_key.sign(body.dump()),
        }
    )
    return bytes(whole.dump())


def _extensions(public: bytes, issuer_key: PrivateKey, ca: bool) -> list[dict[str, object]]:
    usage = {"key_cert_sign", "crl_sign"} if ca else {"digital_signature", "non_repudiation"}
    issuer_id = keys.PublicKeyInfo.load(issuer_key.public_der()).sha1  # a name of the key, not a protection (RFC 5280)
    return [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": ca}},
        {"extn_id": "key_usage", "critical": True, "extn_value": usage},
        {"extn_id": "key_identifier", "extn_value": keys.PublicKeyInfo.load(public).sha1},
        {"extn_id": "authority_key_identifier", "extn_value": {"key_identifier": issuer_id}},
    ]


def _time(moment: datetime) -> x509.Time:
    kind = "utc_time" if moment.year < 2050 else "general_time"  # RFC 5280 §4.1.2.5
    return x509.Time({kind: moment.replace(microsecond=0)})


def load_certificate(path: Path) -> bytes:
    """DER of a certificate file in PEM or DER. Raises OSError, ValueError."""
    data = path.read_bytes()
    return bytes(pem.unarmor(data)[2]) if pem.detect(data) else data
