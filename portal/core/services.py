"""The machinery that services of every layer are handed: one object per process, wired in ``portal.app``."""

from __future__ import annotations

from dataclasses import dataclass

from portal.core.crypto.cms import Signer
from portal.core.crypto.field_cipher import BlindIndex, FieldCipher
from portal.core.crypto.keyring import Keyring
from portal.core.database import Database
from portal.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Settings, database, keys. Immutable and safe for many threads."""

    settings: Settings
    database: Database
    keyring: Keyring
    cipher: FieldCipher
    index: BlindIndex
    signer: Signer
