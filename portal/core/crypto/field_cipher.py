"""Sealing personal data for the tables and finding it by keyed hash."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

_NONCE, _TAG = 12, 16


class SealBroken(ValueError):
    """A sealed value does not open: altered, moved to another row or field, or sealed under an unknown key."""


class FieldCipher:
    """SM4-GCM. A sealed value is key id (1) ‖ nonce (12) ‖ ciphertext ‖ tag (16); field and row are bound in.

    ``keys`` maps key id (0–255) → 16-byte key; new values use ``current``, old ones open as long as their key is
    kept. Nonces are random: one key is good for 2³² values (NIST SP 800-38D §8.3), then a new key id is due.
    Raises ValueError for other ids, other key lengths or a ``current`` without a key.
    """

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        if current not in keys or not all(0 <= number <= 255 for number in keys):
            raise ValueError("key ids are 0 to 255 and the current one needs a key")
        self._keys = {number: SM4(key) for number, key in keys.items()}
        self._current = current

    def encrypt(self, field: str, row: str | int, plain: str | bytes) -> bytes:
        """Seal ``plain`` (text as UTF-8) for one field of one row."""
        nonce = secrets.token_bytes(_NONCE)
        work = Cipher(self._keys[self._current], GCM(nonce)).encryptor()
        work.authenticate_additional_data(f"{field}\0{row}".encode())
        sealed = work.update(plain.encode() if isinstance(plain, str) else plain) + work.finalize()
        return bytes((self._current,)) + nonce + sealed + work.tag

    def decrypt(self, field: str, row: str | int, sealed: bytes) -> bytes:
        """Open a value of that field and row. Raises :class:`SealBroken`."""
        key = self._keys.get(sealed[0]) if len(sealed) > _NONCE + _TAG else None
        if key is None:
            raise SealBroken("sealed under an unknown key")
        work = Cipher(key, GCM(sealed[1 : 1 + _NONCE], sealed[-_TAG:])).decryptor()
        work.authenticate_additional_data(f"{field}\0{row}".encode())
        try:
            return work.update(sealed[1 + _NONCE : -_TAG]) + work.finalize()
        except InvalidTag as error:
            raise SealBroken("altered, or of another row or field") from error

    def decrypt_text(self, field: str, row: str | int, sealed: bytes) -> str:
        """:meth:`decrypt` as text. Raises :class:`SealBroken`."""
        return self.decrypt(field, row, sealed).decode()


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC-SM3, 32 bytes."""
    work = HMAC(key, SM3())
    work.update(message)
    return work.finalize()


class BlindIndex:
    """Keyed hashes under which sealed values can be found. ``kind`` keeps equal texts of different kinds apart.

    The keyed start is computed once and copied per call, which halves the cost and lets threads share it.
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = HMAC(key, SM3())

    def digest(self, kind: str, value: str | bytes) -> bytes:
        """32 bytes of HMAC-SM3 over kind and value; the caller normalises the value."""
        work = self._keyed.copy()
        work.update(kind.encode() + b"\0" + (value.encode() if isinstance(value, str) else value))
        return work.finalize()
