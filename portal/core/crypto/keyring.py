"""All secret keys of an installation, derived from master secrets (see docs/keys.md)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import pairwise

from portal.core.crypto.field_cipher import BlindIndex, FieldCipher, hmac_sm3

_FIRST = 1
_MAKE = "请用 openssl rand -base64 32 生成，并妥善备份"


class MasterKeyMissing(RuntimeError):
    """The installation has no usable master secret; the text says what to do."""


class Keyring:
    """Subkeys by label: HMAC-SM3 of a master secret, the expand step of HKDF (RFC 5869).

    Masters have generations. New values are sealed under the newest; what must be found or computed again from
    the outside (blind indexes, bill links) stays on the first, so that adding one breaks nothing.
    """

    def __init__(self, masters: bytes | Mapping[int, bytes]) -> None:
        self._masters = {_FIRST: masters} if isinstance(masters, bytes) else dict(masters)
        self._newest = max(self._masters)

    @classmethod
    def open(cls, master: str) -> Keyring:
        """Open the keys of ``QUPIAO_MASTER_KEY``.

        ``master`` is Base64 of ≥ 32 random bytes; while rotating ``2:<Base64>,1:<Base64>``.
        Raises :class:`MasterKeyMissing` when there is none, or when it is malformed, short or plainly not random.
        """
        if not master.strip():
            raise MasterKeyMissing(f"没有设置 QUPIAO_MASTER_KEY：{_MAKE}")
        return cls(_parse(master))

    def derive(self, label: str, generation: int | None = None) -> bytes:
        """Derive 32 bytes for one purpose from one master: the newest unless named."""
        return hmac_sm3(self._masters[generation or self._newest], f"qupiao/{label}".encode())

    def cipher(self) -> FieldCipher:
        """Return the cipher of sealed fields: the newest generation seals, all open; the key id is the generation."""
        return FieldCipher(
            {number: self.derive(f"field/{number}", number)[:16] for number in self._masters}, self._newest
        )

    def index(self) -> BlindIndex:
        """Return the keyed hash of blind indexes and of stored tokens; kinds keep the two apart."""
        return BlindIndex(self.derive("index/1", _FIRST))

    def link_key(self, key_id: str, appid: str) -> bytes:
        """Return the key of an account's bill links under ``key_id``, which a HIS is given to compute them offline.

        One account's key tells nothing of another's.
        """
        return hmac_sm3(self.derive(f"link/{key_id}", _FIRST), appid.encode())

    def session_secret(self) -> bytes:
        """Return the key that signs Flask's session cookies. A new master ends the open sessions."""
        return self.derive("flask/1")


def _parse(text: str) -> dict[int, bytes]:
    masters: dict[int, bytes] = {}
    for part in text.split(","):
        number, _, encoded = part.strip().rpartition(":")
        if number and not (number.isascii() and number.isdigit() and 1 <= int(number) <= 255):
            raise MasterKeyMissing("QUPIAO_MASTER_KEY 的代次应为 1 至 255，例如 2:<新密钥>,1:<旧密钥>")
        generation = int(number or _FIRST)
        if generation in masters:
            raise MasterKeyMissing(f"QUPIAO_MASTER_KEY 第 {generation} 代写了两次")
        masters[generation] = _decode(encoded)
    if _FIRST not in masters:
        raise MasterKeyMissing("QUPIAO_MASTER_KEY 缺少第 1 代：旧数据、查询索引和取票链接都依赖它，请保留旧密钥")
    return masters


def _decode(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise MasterKeyMissing(f"QUPIAO_MASTER_KEY 不是 Base64：{_MAKE}") from None
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    typed = all(0x20 <= octet < 0x7F for octet in key)  # a phrase or hex digits: not what a random source gives
    if len(key) < 32 or len(set(key)) < 12 or len(steps) == 1 or typed:
        raise MasterKeyMissing(f"QUPIAO_MASTER_KEY 太短或不随机：{_MAKE}")
    return key
