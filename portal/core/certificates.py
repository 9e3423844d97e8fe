"""A small SM2 certificate authority for the demo, and the files its keys live in.

In production the unit's certificate comes from a licensed CA and the key may live in a sign server behind
``portal.core.cms.Signer``; nothing else changes.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import keys, pem, x509

from portal.core.sm2 import PrivateKey

SM2_WITH_SM3 = "1.2.156.10197.1.501"
_YEARS = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the demo's keys are. The finance key is read by the finance simulator only."""

    ca_certificate: Path
    unit_key: Path
    unit_certificate: Path
    finance_key: Path
    finance_certificate: Path


def issue_certificate(subject: str, public: bytes, issuer: str, issuer_key: PrivateKey, *, ca: bool = False) -> bytes:
    """DER of a certificate for the SubjectPublicKeyInfo ``public``, signed SM2-with-SM3 by ``issuer_key``."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=60)
    usage = {"key_cert_sign", "crl_sign"} if ca else {"digital_signature", "non_repudiation"}
    extensions = [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": ca}},
        {"extn_id": "key_usage", "critical": True, "extn_value": usage},
    ]
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": secrets.randbits(120) | 1 << 119,
            "signature": {"algorithm": SM2_WITH_SM3},
            "issuer": x509.Name.build({"country_name": "CN", "common_name": issuer}),
            "validity": {
                "not_before": x509.Time({"utc_time": start}),
                "not_after": x509.Time({"utc_time": start + _YEARS}),
            },
            "subject": x509.Name.build({"country_name": "CN", "common_name": subject}),
            "subject_public_key_info": keys.PublicKeyInfo.load(public),
            "extensions": extensions,
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


def load_certificate(path: Path) -> bytes:
    """DER of a certificate file in PEM or DER."""
    data = path.read_bytes()
    return bytes(pem.unarmor(data)[2]) if pem.detect(data) else data


def ensure_demo_keys(data_dir: Path) -> KeyFiles:
    """Make ``data_dir/keys`` with CA, unit and finance once; processes that start together agree on one set."""
    folder = data_dir / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = KeyFiles(*(folder / name for name in ("ca.crt", "unit.key", "unit.crt", "finance.key", "finance.crt")))
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not files.finance_certificate.exists():
            _make(files)
    return files


def _make(files: KeyFiles) -> None:
    authority, unit, finance = (PrivateKey.generate() for _ in range(3))
    name = "Qupiao demo CA 演示"
    _write(files.ca_certificate, _armor(issue_certificate(name, authority.public_der(), name, authority, ca=True)))
    for key, key_file, certificate_file, subject in (
        (unit, files.unit_key, files.unit_certificate, "演示开票单位"),
        (finance, files.finance_key, files.finance_certificate, "演示财政监制"),
    ):
        _write(key_file, key.to_pem())
        _write(certificate_file, _armor(issue_certificate(subject, key.public_der(), name, authority)))


def _armor(der: bytes) -> bytes:
    return bytes(pem.armor("CERTIFICATE", der))


def _write(path: Path, data: bytes) -> None:
    draft = path.with_suffix(path.suffix + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
