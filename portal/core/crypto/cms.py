"""Detached CMS signatures, SM2 with SM3 (GB/T 35275), behind the ``Signer`` seam.

The profile has one signer, one certificate and no signed attributes: the signature covers the content itself, so
the DER around it is the same for every bill and is prepared once, and ``openssl dgst -sm3 -verify -sigopt distid:…``
checks the value over the stored bytes. (``openssl cms -verify`` of 3.0 cannot check any GM/T 0009 signature: it has
no option for the signer's id.) A signature that is not exactly this DER is refused, so none can be varied unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from asn1crypto import cms, core, x509

from portal.core.crypto.certificates import SM2_WITH_SM3, load_certificate
from portal.core.crypto.sm2 import CryptoError, PrivateKey, PublicKey

SM3 = "1.2.156.10197.1.401"
SIGNED_DATA = "1.2.156.10197.6.1.4.2.2"
DATA = "1.2.156.10197.6.1.4.2.1"

_TYPES = {SIGNED_DATA: DATA, "1.2.840.113549.1.7.2": "1.2.840.113549.1.7.1"}
"""Accepted pairs: those of GB/T 35275, and the international ones that some sign servers write."""
_SM2 = (SM2_WITH_SM3, "1.2.156.10197.1.301.1")
"""Accepted signature algorithms: SM2-with-SM3, and the SM2 signature of GM/T 0006 meaning the same."""
_CRITICAL = {"basic_constraints", "key_usage", "extended_key_usage"}


class SignatureInvalid(ValueError):
    """The signature does not hold; the Chinese text says which check failed."""


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


class Skeleton:
    """The DER around one certificate's signatures. ``null`` writes NULL parameters in the algorithm identifiers."""

    def __init__(
        self, certificate_der: bytes, signed_data: str = SIGNED_DATA, algorithm: str = SM2_WITH_SM3, null: bool = False
    ) -> None:
        certificate = x509.Certificate.load(certificate_der)
        parameters = b"\x05\x00" if null else b""
        sm3, sm2 = (_wrap(0x30, _object_id(dotted) + parameters) for dotted in (SM3, algorithm))
        identifier = _wrap(0x30, certificate.issuer.dump() + certificate["tbs_certificate"]["serial_number"].dump())
        content = _wrap(0x30, _object_id(_TYPES[signed_data]))
        self._signer = b"\x02\x01\x01" + identifier + sm3 + sm2
        self._data = b"\x02\x01\x01" + _wrap(0x31, sm3) + content + _wrap(0xA0, certificate_der)
        self._type = _object_id(signed_data)

    def around(self, signature: bytes) -> bytes:
        """Return the whole ContentInfo with this SM2 signature value."""
        signer = _wrap(0x30, self._signer + _wrap(0x04, signature))
        signed = _wrap(0x30, self._data + _wrap(0x31, signer))
        return _wrap(0x30, self._type + _wrap(0xA0, signed))


class FileSigner:
    """A :class:`Signer` over a key in memory. Safe for many threads."""

    def __init__(self, key: PrivateKey, certificate_der: bytes) -> None:
        """Raise :class:`CryptoError` when the certificate is not of this key: every signature would be void."""
        certificate = x509.Certificate.load(certificate_der)
        if PublicKey.from_der(certificate.public_key.dump()).public_der() != key.public_der():
            raise CryptoError("签名证书与签名密钥不是一对 (certificate and key do not match)")
        self._key = key
        self._skeleton = Skeleton(certificate_der)
        self.certificate_der = certificate_der
        self.serial_hex = f"{certificate.serial_number:x}"

    @classmethod
    def load(cls, key: Path, certificate: Path) -> FileSigner:
        """From a PKCS#8 PEM key file and a certificate file. Raises OSError, ValueError or CryptoError."""
        return cls(PrivateKey.from_pem(key.read_bytes()), load_certificate(certificate))

    def sign(self, data: bytes) -> bytes:
        """See :class:`Signer`."""
        return self._skeleton.around(self._key.sign(data))


def _parts(der: bytes) -> tuple[bytes, bytes]:
    """Certificate and SM2 signature value of a SignedData in the profile. Raises :class:`SignatureInvalid`."""
    outer = cms.ContentInfo.load(der, strict=True)
    signed_data = outer["content_type"].dotted
    if signed_data not in _TYPES:
        raise SignatureInvalid("不是 SignedData")
    inner = outer["content"]
    if isinstance(inner, core.Any):  # the Chinese object ids are unknown to the parser
        inner = inner.parse(cms.SignedData)
    if inner["encap_content_info"]["content"].native is not None:
        raise SignatureInvalid("签名应与内容分离，不应自带内容")
    signers, certificates = inner["signer_infos"], inner["certificates"]
    if len(signers) != 1 or len(certificates) != 1:
        raise SignatureInvalid("应只有一个签名者和一张证书")
    signer, certificate = signers[0], certificates[0].chosen.dump()
    if signer["digest_algorithm"]["algorithm"].dotted != SM3:
        raise SignatureInvalid("摘要算法不是 SM3")
    algorithm = signer["signature_algorithm"]["algorithm"].dotted
    if algorithm not in _SM2:
        raise SignatureInvalid("签名算法不是 SM2")
    if signer["signed_attrs"].native:
        raise SignatureInvalid("不支持带签名属性的签名")
    null = signer["signature_algorithm"].dump().endswith(b"\x05\x00")
    signature: bytes = signer["signature"].native
    if Skeleton(certificate, signed_data, algorithm, null).around(signature) != der:
        raise SignatureInvalid("签名者与所附证书不一致，或签名数据不是规范的 DER 编码")
    return certificate, signature


@dataclass(frozen=True, slots=True)
class _Trusted:
    key: PublicKey
    info: SignatureInfo
    start: datetime
    end: datetime


def _issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    body, signature = certificate["tbs_certificate"], certificate["signature_value"].native
    if root.subject.dump() != certificate.issuer.dump() or not root.ca:
        return False
    algorithm = body["signature"]
    # the outer algorithm stands outside the CA's signature: it must repeat the inner one
    rebuilt = _wrap(0x30, body.dump() + algorithm.dump() + _wrap(0x03, b"\0" + signature))
    if algorithm["algorithm"].dotted != SM2_WITH_SM3 or rebuilt != certificate.dump():
        return False
    return PublicKey.from_der(root.public_key.dump()).verify(signature, body.dump())


@lru_cache(maxsize=64)
def _trusted(certificate_der: bytes, roots: tuple[bytes, ...]) -> _Trusted:
    """Return the certificate's key if one of ``roots`` issued it for signing. Only good ones are remembered."""
    certificate = x509.Certificate.load(certificate_der, strict=True)
    authorities = (x509.Certificate.load(root) for root in roots)
    root = next((root for root in authorities if _issued_by(certificate, root)), None)
    if root is None:
        raise SignatureInvalid("证书不是受信任的机构签发的")
    usage = certificate.key_usage_value
    if usage is None or "digital_signature" not in usage.native:
        raise SignatureInvalid("证书不能用于签名")
    if not certificate.critical_extensions <= _CRITICAL:
        raise SignatureInvalid("证书含有无法识别的关键扩展")
    return _Trusted(
        PublicKey.from_der(certificate.public_key.dump()),
        SignatureInfo(
            certificate.subject.human_friendly, certificate.issuer.human_friendly, f"{certificate.serial_number:x}"
        ),
        max(certificate.not_valid_before, root.not_valid_before),
        min(certificate.not_valid_after, root.not_valid_after),
    )


def verify_detached(
    der: bytes, data: bytes, roots: Sequence[bytes], at: datetime | None = None, signer: bytes | None = None
) -> SignatureInfo:
    """Check a detached signature over ``data``: structure, chain to one of ``roots``, validity, usage, value.

    ``roots`` are the DER certificates of the issuing CAs that are trusted; ``at`` is the aware time of signing
    (now when omitted); ``signer`` pins one certificate (DER), since a CA has more customers than the one expected.
    Raises :class:`SignatureInvalid` with a Chinese reason. The embedded certificate alone is never trusted.
    """
    try:
        certificate, signature = _parts(der)
        trusted = _trusted(certificate, tuple(roots))
    except SignatureInvalid:
        raise
    except CryptoError as error:
        raise SignatureInvalid("证书公钥无法使用") from error
    except Exception as error:  # the parser raises many kinds for hostile bytes; all mean the same
        raise SignatureInvalid("签名数据无法解析") from error
    if signer is not None and certificate != signer:
        raise SignatureInvalid("不是指定的签名者")
    if not trusted.start <= (at or datetime.now(UTC)) <= trusted.end:
        raise SignatureInvalid("签名时证书不在有效期内")
    if not trusted.key.verify(signature, data):
        raise SignatureInvalid("签名与内容不符")
    return trusted.info
