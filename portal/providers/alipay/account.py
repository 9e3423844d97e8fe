"""An application at Alipay: its keys or certificates, and the merchant for whom it calls."""

from __future__ import annotations

from dataclasses import dataclass, field


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
