"""Settings of WeChat and Alipay, a part of :class:`portal.core.settings.Settings`. What is empty is not used."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

WECHAT_HOST = "https://api.weixin.qq.com"
WECHAT_LOGIN = "https://open.weixin.qq.com"
ALIPAY_GATEWAY = "https://openapi.alipay.com/gateway.do"
ALIPAY_LOGIN = "https://openauth.alipay.com"


@dataclass(frozen=True, slots=True)
class WeChatAccount:
    """An official account or mini-program: its id, its secret, and how its pushes are signed and encrypted."""

    appid: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    aes_key: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.appid and self.secret)

    @property
    def pushes(self) -> bool:
        """Whether events of this account can reach us: they are signed and encrypted with these two."""
        return bool(self.token and self.aes_key)


TEMPLATES = (
    "wechat_template",
    "wechat_subscription",
    "mini_subscription",
    "alipay_life_template",
    "alipay_mini_template",
)
"""The settings that name message templates."""


class PlatformSettings(BaseSettings):
    """``QUPIAO_WECHAT_…``, ``QUPIAO_MINI_…``, ``QUPIAO_ALIPAY_…``, ``QUPIAO_CARD_…``."""

    wechat_url: str = ""
    """Where WeChat is called. Empty: the real host."""
    wechat_timeout: float = Field(default=8.0, gt=0, le=60)
    wechat_appid: str = ""
    wechat_secret: str = Field(default="", repr=False)
    wechat_token: str = Field(default="", repr=False)
    """``Token`` and ``EncodingAESKey`` as set in the account's console; only safe mode is accepted."""
    wechat_aes_key: str = Field(default="", repr=False, pattern=r"^([A-Za-z0-9]{43})?$")
    wechat_template: str = ""
    """Template message "bill is ready" of the official account; empty: not used."""
    wechat_subscription: str = ""
    """Subscription notification of the official account; empty: not used."""

    wechat_fields: str = Field(default="thing1,phrase2,amount3,time4", max_length=200)
    """The template's names for hospital, kind, amount and day, in this order."""
    wechat_open_url: str = ""
    """Where people log in to WeChat. Empty: open.weixin.qq.com."""
    alipay_open_url: str = ""
    """Where people log in to Alipay. Empty: openauth.alipay.com."""

    mini_appid: str = ""
    mini_secret: str = Field(default="", repr=False)
    mini_token: str = Field(default="", repr=False)
    """``Token`` and ``EncodingAESKey`` of its 消息推送 (safe mode, XML or JSON). Empty: no events reach us."""
    mini_aes_key: str = Field(default="", repr=False, pattern=r"^([A-Za-z0-9]{43})?$")
    mini_subscription: str = ""
    """Subscription message of the mini-program; empty: not used."""
    mini_state: str = Field(default="formal", pattern=r"^(developer|trial|formal)$")

    card_mode: str = Field(default="", pattern=r"^(|off|self|bureau)$")
    """WeChat card pack: ``self`` one account authorises and inserts, ``bureau`` the finance bureau's platform inserts.
    Empty: ``off``."""
    card_platform_id: str = ""
    """``s_pappid`` of the issuing platform."""
    card_id: str = ""
    """``card_id`` of this hospital's card template."""
    card_number_first: bool = False
    """Which of ``billing_no`` and ``billing_code`` is the number. Off: as WeChat's page has it, ``billing_no`` is the
    bill code and ``billing_code`` the number; on: the other way round. Settle it with one real card."""
    card_bureau_url: str = ""
    """Mode ``bureau``: where an authorised order is handed over. Empty: handed over by hand, and said so."""
    card_bureau_key: str = Field(default="", repr=False)

    alipay_gateway: str = ""
    """Empty: the real gateway."""
    alipay_timeout: float = Field(default=8.0, gt=0, le=60)
    alipay_appid: str = ""
    alipay_key_file: Path | None = None
    """Our RSA private key, PEM or the bare Base64 of Alipay's key tool."""
    alipay_public_file: Path | None = None
    """Alipay's public key, likewise."""
    alipay_app_cert_file: Path | None = None
    """Certificate mode, instead of ``alipay_public_file``: our application's certificate (``appCertPublicKey_….crt``),
    Alipay's (``alipayCertPublicKey_RSA2.crt``) and Alipay's roots (``alipayRootCert.crt``), all three in PEM."""
    alipay_public_cert_file: Path | None = None
    alipay_root_cert_file: Path | None = None
    alipay_app_auth_token: str = Field(default="", repr=False, max_length=200)
    """The hospital's authorisation of a service provider, whose application is ``alipay_appid``. Empty: the application
    is the hospital's own."""
    alipay_life_template: str = ""
    alipay_mini_template: str = ""
    alipay_card: bool = False
    """发票管家: whether bills may be handed to Alipay's card pack."""
    alipay_short_name: str = ""
    """``m_short_name``/``sub_m_short_name`` under which the hospital entered, joined by ``/``."""

    @property
    def alipay_app(self) -> str:
        """Our application at Alipay; empty when there is none."""
        return self.alipay_appid

    @property
    def alipay_needs_keys(self) -> bool:
        """Whether Alipay's keys must be named: there is an application."""
        return bool(self.alipay_appid)

    def alipay_complaint(self) -> str:
        """Say what is wrong with Alipay's settings, by their names; ``""`` for nothing."""
        certificates = {
            "QUPIAO_ALIPAY_APP_CERT_FILE": self.alipay_app_cert_file,
            "QUPIAO_ALIPAY_PUBLIC_CERT_FILE": self.alipay_public_cert_file,
            "QUPIAO_ALIPAY_ROOT_CERT_FILE": self.alipay_root_cert_file,
        }
        keys = {"QUPIAO_ALIPAY_KEY_FILE": self.alipay_key_file, "QUPIAO_ALIPAY_PUBLIC_FILE": self.alipay_public_file}
        certified = any(certificates.values())
        if certified and self.alipay_public_file:
            return "QUPIAO_ALIPAY_PUBLIC_FILE is for public keys and does not go with QUPIAO_ALIPAY_…_CERT_FILE"
        if self.alipay_app_auth_token and not self.alipay_app:
            return "QUPIAO_ALIPAY_APP_AUTH_TOKEN needs QUPIAO_ALIPAY_APPID, the service provider's application"
        wanted = {"QUPIAO_ALIPAY_KEY_FILE": self.alipay_key_file} | certificates if certified else keys
        used = any(wanted.values()) or self.alipay_needs_keys
        missing = [name for name, path in wanted.items() if path is None] if used else []
        if missing:
            return f"{', '.join(missing)} must be set as well"
        absent = [f"{name} ({path})" for name, path in wanted.items() if path is not None and not path.is_file()]
        return f"no file is at {', '.join(absent)}" if absent else ""
