"""SM2 with SM3 (GM/T 0003, GM/T 0009) through the system's libcrypto.

``ctypes`` releases the interpreter lock during a call, and every call has a context of its own, so keys may be
used by many threads at once.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from typing import Any

DISTINGUISHING_ID = b"1234567812345678"
"""The signer's id that enters the digest (GM/T 0009, default)."""

_NEEDED = "OpenSSL 3 with SM2 is needed"
_POINTER_RESULTS = (
    "BIO_new_mem_buf",
    "BIO_new",
    "BIO_s_mem",
    "PEM_read_bio_PrivateKey",
    "d2i_AutoPrivateKey",
    "d2i_PUBKEY",
    "EVP_PKEY_CTX_new_from_name",
    "EVP_MD_CTX_new",
    "EVP_sm3",
)


class CryptoError(RuntimeError):
    """libcrypto refused: wrong key material or a build without SM2."""


@cache
def _lib() -> Any:
    """Return the system's libcrypto, once. Raises :class:`CryptoError` when it is missing, older than 3.0 or without
    SM2."""
    name = ctypes.util.find_library("crypto") or "libcrypto.so.3"
    try:
        library = ctypes.CDLL(name)
        for function in _POINTER_RESULTS:
            getattr(library, function).restype = ctypes.c_void_p
    except (OSError, AttributeError) as error:
        raise CryptoError(
            f"系统缺少 OpenSSL 3 的 libcrypto（Debian 软件包 libssl3），无法使用国密算法。{_NEEDED}"
        ) from error
    context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    if not context:
        raise CryptoError(f"系统的 OpenSSL 未编入 SM2，请改用发行版自带的 OpenSSL 3。{_NEEDED}")
    library.EVP_PKEY_CTX_free(ctypes.c_void_p(context))
    return library


def _check(ok: int) -> None:
    if ok != 1:
        _lib().ERR_clear_error()
        raise CryptoError("libcrypto refused the operation")


def _pointer(value: int | None) -> ctypes.c_void_p:
    if not value:
        _lib().ERR_clear_error()
        raise CryptoError("libcrypto could not read the key")
    return ctypes.c_void_p(value)


class _Key:
    """Owns one EVP_PKEY."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle
        self._free = _lib().EVP_PKEY_free  # kept: module names may be gone when the interpreter ends
        if _lib().EVP_PKEY_is_a(handle, b"SM2") != 1:  # an RSA or P-256 key would fail only at its first use
            raise CryptoError("密钥不是 SM2 密钥 (not an SM2 key)")

    def __del__(self) -> None:
        self._free(self._handle)

    def _written(self, function: str) -> bytes:
        buffer = ctypes.c_void_p()
        length = getattr(_lib(), function)(self._handle, ctypes.byref(buffer))
        if length <= 0 or not buffer.value:
            raise CryptoError("the key cannot be written")
        try:
            return ctypes.string_at(buffer.value, length)
        finally:
            _lib().CRYPTO_free(buffer, b"", 0)

    def public_der(self) -> bytes:
        """SubjectPublicKeyInfo of this key."""
        return self._written("i2d_PUBKEY")

    def _context(self, init: str) -> ctypes.c_void_p:
        lib = _lib()
        context = _pointer(lib.EVP_MD_CTX_new())
        inner = ctypes.c_void_p()
        try:
            _check(getattr(lib, init)(context, ctypes.byref(inner), ctypes.c_void_p(lib.EVP_sm3()), None, self._handle))
            _check(lib.EVP_PKEY_CTX_set1_id(inner, DISTINGUISHING_ID, ctypes.c_size_t(len(DISTINGUISHING_ID))))
        except CryptoError:
            lib.EVP_MD_CTX_free(context)
            raise
        return context


class PrivateKey(_Key):
    """An SM2 private key."""

    @classmethod
    def generate(cls) -> PrivateKey:
        """Return a new key from the system's random source."""
        lib = _lib()
        context = _pointer(lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None))
        handle = ctypes.c_void_p()
        try:
            _check(lib.EVP_PKEY_keygen_init(context))
            _check(lib.EVP_PKEY_generate(context, ctypes.byref(handle)))
        finally:
            lib.EVP_PKEY_CTX_free(context)
        return cls(handle)

    @classmethod
    def from_pem(cls, pem: bytes) -> PrivateKey:
        """Read an unencrypted PEM (PKCS#8 or EC). Raises :class:`CryptoError` when it is none."""
        lib = _lib()
        bio = _pointer(lib.BIO_new_mem_buf(pem, len(pem)))
        no_password = b""  # without it an encrypted file would make libcrypto ask at the terminal
        try:
            return cls(_pointer(lib.PEM_read_bio_PrivateKey(bio, None, None, no_password)))
        finally:
            lib.BIO_free(bio)

    @classmethod
    def from_der(cls, der: bytes) -> PrivateKey:
        """Read a DER private key (PKCS#8 or EC). Raises :class:`CryptoError` when it is none."""
        start = ctypes.c_char_p(der)
        return cls(_pointer(_lib().d2i_AutoPrivateKey(None, ctypes.byref(start), ctypes.c_long(len(der)))))

    def to_der(self) -> bytes:
        """Unencrypted EC private key in DER, curve SM2."""
        return self._written("i2d_PrivateKey")

    def public(self) -> PublicKey:
        """Return the public half."""
        return PublicKey.from_der(self.public_der())

    def to_pem(self) -> bytes:
        """Unencrypted PKCS#8 PEM; the file it goes to is readable by its owner only."""
        lib = _lib()
        bio = _pointer(lib.BIO_new(ctypes.c_void_p(lib.BIO_s_mem())))
        try:
            _check(lib.PEM_write_bio_PKCS8PrivateKey(bio, self._handle, None, None, 0, None, None))
            out = ctypes.create_string_buffer(4096)
            length = lib.BIO_read(bio, out, 4096)
            return out.raw[:length]
        finally:
            lib.BIO_free(bio)

    def sign(self, data: bytes) -> bytes:
        """DER signature over SM3(Z ‖ data)."""
        lib = _lib()
        context = self._context("EVP_DigestSignInit")
        try:
            out = ctypes.create_string_buffer(80)
            length = ctypes.c_size_t(80)
            _check(lib.EVP_DigestSign(context, out, ctypes.byref(length), data, ctypes.c_size_t(len(data))))
            return out.raw[: length.value]
        finally:
            lib.EVP_MD_CTX_free(context)


class PublicKey(_Key):
    """An SM2 public key."""

    @classmethod
    def from_der(cls, der: bytes) -> PublicKey:
        """Read a SubjectPublicKeyInfo. Raises :class:`CryptoError` when it is none."""
        start = ctypes.c_char_p(der)
        return cls(_pointer(_lib().d2i_PUBKEY(None, ctypes.byref(start), ctypes.c_long(len(der)))))

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` (DER) is this key's over ``data``. Malformed signatures are just wrong."""
        lib = _lib()
        context = self._context("EVP_DigestVerifyInit")
        try:
            size, length = ctypes.c_size_t(len(signature)), ctypes.c_size_t(len(data))
            if lib.EVP_DigestVerify(context, signature, size, data, length) == 1:
                return True
            lib.ERR_clear_error()
            return False
        finally:
            lib.EVP_MD_CTX_free(context)
