"""All secret keys of an installation, derived from one master secret (see docs/keys.md)."""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import secrets
from pathlib import Path

from portal.core.fieldcrypt import BlindIndex, FieldCipher, hmac_sm3

LINK_KEY_ID = "A"
"""Key id of the bill links made now (design D16)."""


class MasterKeyMissing(RuntimeError):
    """The installation has no usable master secret; the text says what to do."""


class Keyring:
    """Subkeys by label: HMAC-SM3 of the master secret."""

    def __init__(self, master: bytes) -> None:
        self._master = master

    @classmethod
    def open(cls, data_dir: Path, master: str, demo: bool) -> Keyring:
        """From ``QUPIAO_MASTER_KEY`` (Base64 of ≥ 32 bytes), or in the demo a file made once.

        Raises :class:`MasterKeyMissing` outside the demo when the secret is missing, short or plainly not random.
        """
        if master:
            try:
                key = base64.b64decode(master, validate=True)
            except binascii.Error as error:
                raise MasterKeyMissing("QUPIAO_MASTER_KEY 不是 Base64") from error
            if len(key) < 32 or len(set(key)) < 12:
                raise MasterKeyMissing("QUPIAO_MASTER_KEY 太短或不随机：请用 openssl rand -base64 32 生成")
            return cls(key)
        if not demo:
            raise MasterKeyMissing("没有设置 QUPIAO_MASTER_KEY：请用 openssl rand -base64 32 生成，并妥善备份")
        return cls(_demo_key(data_dir / "keys" / "master.key"))

    def derive(self, label: str) -> bytes:
        """32 bytes for one purpose."""
        return hmac_sm3(self._master, f"qupiao/{label}".encode())

    def cipher(self) -> FieldCipher:
        """For sealed fields."""
        return FieldCipher({1: self.derive("field/1")[:16]}, 1)

    def index(self) -> BlindIndex:
        """For blind indexes and stored hashes of tokens."""
        return BlindIndex(self.derive("index/1"))

    def link_mac(self, message: bytes) -> bytes:
        """The keyed hash of bill links under :data:`LINK_KEY_ID`."""
        return hmac_sm3(self.derive(f"link/{LINK_KEY_ID}"), message)


def _demo_key(path: Path) -> bytes:
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
        return path.read_bytes()
