"""Detached CMS signatures, SM2 with SM3 (GB/T 35275), behind the ``Signer`` seam (design D8, fiscal-ebill §3.6).

The profile has one signer and no signed attributes: the signature covers the content itself, so the DER around it
is the same for every bill and is prepared once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from asn1crypto import cms, core, x509

from portal.core.certificates import SM2_WITH_SM3, load_certificate
from portal.core.sm2 import CryptoError, PrivateKey, PublicKey

SM3 = "1.2.156.10197.1.401"
SIGNED_DATA = "1.2.156.10197.6.1.4.2.2"
DATA = "1.2.156.10197.6.1.4.2.1"


class SignatureInvalid(ValueError):
    """The signature does not hold; the text says which check failed."""


@dataclass(frozen=True, slots=True)
class SignatureInfo:
    """Who signed: subject and issuer for people, serial in hex."""

    subject: str
    issuer: str
    serial_hex: str


class Signer(Protocol):
    """Signs for the unit: a key file now, a sign server or HSM by configuration later."""

    serial_hex: str
    certificate_der: bytes

    def sign(self, data: bytes) -> bytes:
        """DER of a detached CMS SignedData over ``data``."""


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def _wrap(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + _length(len(content)) + content


def _object_id(dotted: str) -> bytes:
    return bytes(cms.ContentType(dotted).dump())


class FileSigner:
    """A :class:`Signer` over a key in memory."""

    def __init__(self, key: PrivateKey, certificate_der: bytes) -> None:
        certificate = x509.Certificate.load(certificate_der)
        self._key = key
        self.certificate_der = certificate_der
        self.serial_hex = f"{certificate.serial_number:x}"
        sm3, sm2 = _wrap(0x30, _object_id(SM3)), _wrap(0x30, _object_id(SM2_WITH_SM3))
        identifier = _wrap(0x30, certificate.issuer.dump() + certificate["tbs_certificate"]["serial_number"].dump())
        self._signer_head = b"\x02\x01\x01" + identifier + sm3 + sm2
        self._data_head = (
            b"\x02\x01\x01" + _wrap(0x31, sm3) + _wrap(0x30, _object_id(DATA)) + _wrap(0xA0, certificate_der)
        )
        self._type = _object_id(SIGNED_DATA)

    @classmethod
    def load(cls, key: Path, certificate: Path) -> FileSigner:
        """From a PKCS#8 PEM key file and a certificate file. Raises OSError or CryptoError."""
        return cls(PrivateKey.from_pem(key.read_bytes()), load_certificate(certificate))

    def sign(self, data: bytes) -> bytes:
        """See :class:`Signer`."""
        signer = _wrap(0x30, self._signer_head + _wrap(0x04, self._key.sign(data)))
        signed = _wrap(0x30, self._data_head + _wrap(0x31, signer))
        return _wrap(0x30, self._type + _wrap(0xA0, signed))


def _parts(der: bytes) -> tuple[x509.Certificate, bytes, x509.Name, int]:
    try:
        outer = cms.ContentInfo.load(der, strict=True)
        if outer["content_type"].dotted not in (SIGNED_DATA, "1.2.840.113549.1.7.2"):
            raise SignatureInvalid("不是 SignedData")
        inner = outer["content"]
        if isinstance(inner, core.Any):  # the Chinese object ids are unknown to the parser
            inner = inner.parse(cms.SignedData)
        signers, certificates = inner["signer_infos"], inner["certificates"]
        if len(signers) != 1 or len(certificates) != 1:
            raise SignatureInvalid("应只有一个签名者和一张证书")
        signer = signers[0]
        if signer["digest_algorithm"]["algorithm"].dotted != SM3:
            raise SignatureInvalid("摘要算法不是 SM3")
        if signer["signature_algorithm"]["algorithm"].dotted != SM2_WITH_SM3 or signer["signed_attrs"].native:
            raise SignatureInvalid("签名算法不是 SM2")
        sid = signer["sid"].chosen
        return certificates[0].chosen, signer["signature"].native, sid["issuer"], sid["serial_number"].native
    except SignatureInvalid:
        raise
    except Exception as error:  # the parser raises many kinds for hostile bytes; all mean the same
        raise SignatureInvalid("签名数据无法解析") from error


def _check_certificate(certificate: x509.Certificate, roots: list[bytes], at: datetime) -> None:
    body = certificate["tbs_certificate"]
    for root_der in roots:
        root = x509.Certificate.load(root_der)
        if root.subject.dump() != certificate.issuer.dump():
            continue
        key = PublicKey.from_der(root["tbs_certificate"]["subject_public_key_info"].dump())
        if key.verify(certificate["signature_value"].native, body.dump()):
            break
    else:
        raise SignatureInvalid("证书不是受信任的机构签发的")
    if not certificate.not_valid_before <= at <= certificate.not_valid_after:
        raise SignatureInvalid("签名时证书不在有效期内")
    usage = certificate.key_usage_value
    if usage is None or "digital_signature" not in usage.native:
        raise SignatureInvalid("证书不能用于签名")


def verify_detached(der: bytes, data: bytes, roots: list[bytes], at: datetime | None = None) -> SignatureInfo:
    """Check a detached signature over ``data``: structure, chain to one of ``roots`` (DER), validity at ``at``, value.

    Raises :class:`SignatureInvalid` with a Chinese reason. The embedded certificate alone is never trusted.
    """
    certificate, signature, issuer, serial = _parts(der)
    if certificate.issuer.dump() != issuer.dump() or certificate.serial_number != serial:
        raise SignatureInvalid("签名者与所附证书不一致")
    try:
        _check_certificate(certificate, roots, at or datetime.now(UTC))
        key = PublicKey.from_der(certificate["tbs_certificate"]["subject_public_key_info"].dump())
    except CryptoError as error:
        raise SignatureInvalid("证书公钥无法使用") from error
    if not key.verify(signature, data):
        raise SignatureInvalid("签名与内容不符")
    return SignatureInfo(
        certificate.subject.human_friendly, certificate.issuer.human_friendly, f"{certificate.serial_number:x}"
    )
