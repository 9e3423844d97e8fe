"""An application at Alipay: its keys or certificates, and the merchant for whom it calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from portal.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Certificates:
    """The three files of Alipay's certificate mode, PEM: our application's, Alipay's own, Alipay's roots."""

    application: str
    alipay: str
    roots: str


@dataclass(frozen=True, slots=True)
class AlipayAccount:
    """An application at Alipay. Keys are PEM or the bare Base64 of Alipay's key tool.

    Alipay is known by its public key, or by ``certificates``, where the application stands in certificate mode.
    ``merchant_token``: the ``app_auth_token`` of the hospital, where the application is its service provider's.
    """

    app_id: str
    app_key: str = field(repr=False)
    alipay_key: str = ""
    certificates: Certificates | None = None
    merchant_token: str = field(default="", repr=False)


def account_of(settings: Settings) -> AlipayAccount:
    """Read the Alipay application's keys or certificates. Raises ValueError, OSError for files that are not there."""
    app_id, merchant = settings.alipay_app, settings.alipay_app_auth_token
    if settings.alipay_app_cert_file is None:
        own, theirs = settings.alipay_keys()
        return AlipayAccount(app_id, own, theirs, merchant_token=merchant)
    files = (settings.alipay_app_cert_file, settings.alipay_public_cert_file, settings.alipay_root_cert_file)
    certificates = Certificates(*map(_text, files))
    return AlipayAccount(app_id, _text(settings.alipay_key_file), certificates=certificates, merchant_token=merchant)


def _text(path: Path | None) -> str:
    if path is None:
        raise ValueError("QUPIAO_ALIPAY_KEY_FILE or a certificate's file is not named")
    return path.read_text(encoding="utf-8")
