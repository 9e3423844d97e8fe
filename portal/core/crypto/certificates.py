"""A small SM2 certificate authority for the demo, and the files its keys live in.

In production the unit's certificate comes from a licensed CA and the key may live in a sign server behind
``portal.core.crypto.cms.Signer``; nothing else changes.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import keys, pem, x509

from portal.core.crypto.sm2 import PrivateKey

SM2_WITH_SM3 = "1.2.156.10197.1.501"
_YEARS = timedelta(days=3650)
_EARLIER = timedelta(days=60)  # the demo's invented bills are signed for days before the first start
_AUTHORITY = "Qupiao demo CA 演示"


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the demo's keys are. The finance key is read by the finance simulator only."""

    ca_key: Path
    ca_certificate: Path
    unit_key: Path
    unit_certificate: Path
    finance_key: Path
    finance_certificate: Path


def issue_certificate(
    subject: str,
    public: bytes,
    issuer: str,
    issuer_key: PrivateKey,
    *,
    ca: bool = False,
    start: datetime | None = None,
    lifetime: timedelta = _YEARS,
) -> bytes:
    """DER of a certificate for the SubjectPublicKeyInfo ``public``, signed SM2-with-SM3 by ``issuer_key``.

    ``ca`` makes a certificate that may only issue others; all others may only sign. ``start`` defaults to 60 days ago.
    """
    start = (start or datetime.now(UTC) - _EARLIER).replace(microsecond=0)
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": secrets.randbits(120) | 1 << 119,
            "signature": {"algorithm": SM2_WITH_SM3},
            "issuer": x509.Name.build({"country_name": "CN", "common_name": issuer}),
            "validity": {"not_before": _time(start), "not_after": _time(start + lifetime)},
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
    return x509.Time({"utc_time" if moment.year < 2050 else "general_time": moment})  # RFC 5280 §4.1.2.5


def load_certificate(path: Path) -> bytes:
    """DER of a certificate file in PEM or DER. Raises OSError, ValueError."""
    data = path.read_bytes()
    return bytes(pem.unarmor(data)[2]) if pem.detect(data) else data


def ensure_demo_keys(data_dir: Path) -> KeyFiles:
    """Complete ``data_dir/keys``: CA, unit and finance, each a key and a certificate; what is there stays.

    Files appear whole and readable by their owner only; processes that start together agree on one set. A pair
    whose key or certificate was removed is issued again by the same CA, so older signatures still verify.
    Raises CryptoError for a damaged key file.
    """
    folder = data_dir / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = KeyFiles(*(folder / f"{owner}.{kind}" for owner in ("ca", "unit", "finance") for kind in ("key", "crt")))
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _complete(files)
    return files


def _complete(files: KeyFiles) -> None:
    pairs = (
        (files.unit_key, files.unit_certificate, "演示开票单位"),
        (files.finance_key, files.finance_certificate, "演示财政监制"),
    )
    if files.ca_certificate.exists() and all(key.exists() and certificate.exists() for key, certificate, _ in pairs):
        return
    if not files.ca_key.exists():  # a new CA: what an unknown one issued would not verify
        for certificate in (files.ca_certificate, files.unit_certificate, files.finance_certificate):
            certificate.unlink(missing_ok=True)
    authority = _key(files.ca_key)
    if not files.ca_certificate.exists():
        _write(
            files.ca_certificate,
            _armor(issue_certificate(_AUTHORITY, authority.public_der(), _AUTHORITY, authority, ca=True)),
        )
    for key_file, certificate, subject in pairs:
        if key_file.exists() and certificate.exists():
            continue
        certificate.unlink(missing_ok=True)  # first: a crash from here on must not leave it beside another key
        public = _key(key_file).public_der()
        _write(certificate, _armor(issue_certificate(subject, public, _AUTHORITY, authority)))


def _key(path: Path) -> PrivateKey:
    if path.exists():
        return PrivateKey.from_pem(path.read_bytes())
    key = PrivateKey.generate()
    _write(path, key.to_pem())
    return key


def _armor(der: bytes) -> bytes:
    return bytes(pem.armor("CERTIFICATE", der))


def _write(path: Path, data: bytes) -> None:
    draft = path.with_suffix(path.suffix + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
