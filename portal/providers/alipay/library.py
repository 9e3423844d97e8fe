"""python-alipay-sdk, imported without letting it configure the process's logging, and its client for an account."""

from __future__ import annotations

import logging
import logging.config
import re
import warnings
from base64 import decodebytes
from typing import Any

from Cryptodome.Hash import SHA256
from Cryptodome.Signature import PKCS1_v1_5
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from portal.providers.alipay.account import AlipayAccount, Certificates
from portal.providers.alipay.reading import pem

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def _load() -> Any:
    real = logging.config.dictConfig
    logging.config.dictConfig = lambda *_: None  # it would add a DEBUG console handler
    try:
        import alipay
    finally:
        logging.config.dictConfig = real
    logger = logging.getLogger("python-alipay-sdk")
    logger.setLevel(logging.WARNING)
    logger.addHandler(logging.NullHandler())
    return alipay


_library = _load()
AliPay: Any = _library.AliPay


def signer(account: AlipayAccount) -> Any:
    """Return the library's client for an account: of public keys, of certificates, or of a service provider.

    Raises ValueError for keys and certificates that cannot be used.
    """
    own = pem(account.app_key, private=True)
    if account.certificates is not None:
        return _of_certificates(account, account.certificates, own)
    common = {
        "appid": account.app_id,
        "app_private_key_string": own,
        "alipay_public_key_string": pem(account.alipay_key, private=False),
        "sign_type": "RSA2",
    }
    if account.merchant_token:
        return _library.ISVAliPay(**common, app_auth_token=account.merchant_token)
    return AliPay(**common)


def holds(client: Any, signed: bytes, signature: str) -> bool:
    """Say whether a signature of Alipay's holds for these bytes; the library itself verifies UTF-8 alone.

    Raises ValueError and TypeError for what is no signature.
    """
    return bool(PKCS1_v1_5.new(client.alipay_public_key).verify(SHA256.new(signed), decodebytes(signature.encode())))


def _of_certificates(account: AlipayAccount, files: Certificates, own: str) -> Any:
    application = load_pem_x509_certificate(files.application.encode())
    if application.public_key() != load_pem_private_key(own.encode(), None).public_key():
        raise ValueError("QUPIAO_ALIPAY_APP_CERT_FILE is not of the key in QUPIAO_ALIPAY_KEY_FILE")
    # the library knows one root from the next by a blank line, which an editor may have taken out
    roots = "\n\n".join(_CERTIFICATE.findall(files.roots.replace("\r\n", "\n")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the interface to OpenSSL that the library uses
        made = _library.DCAliPay(
            appid=account.app_id,
            app_private_key_string=own,
            app_public_key_cert_string=files.application,
            alipay_public_key_cert_string=files.alipay,
            alipay_root_cert_string=roots,
            sign_type="RSA2",
        )
        numbers = made.app_cert_sn, made.alipay_root_cert_sn  # kept by the library from now on
    if not all(numbers):
        raise ValueError("QUPIAO_ALIPAY_ROOT_CERT_FILE holds no root certificate of an RSA key")
    return made
