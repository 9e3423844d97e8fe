"""The keys of an invented installation, made on its first start: master key, CA, unit and finance certificates."""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import pem

from portal.core.crypto.certificates import issue_certificate
from portal.core.crypto.keyring import MasterKeyMissing
from portal.core.crypto.sm2 import PrivateKey

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


def ensure_master_key(data_dir: Path) -> bytes:
    """Return the master key in ``data_dir/keys``, made once. Raises MasterKeyMissing for a damaged file."""
    path = data_dir / "keys" / "master.key"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (path.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            draft = path.with_suffix(".new")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        key = path.read_bytes()
    if len(key) != 32:
        raise MasterKeyMissing(f"{path.name} 已损坏（应为 32 字节）：请从备份恢复，没有它已存的个人信息无法解密")
    return key
