"""All settings of an installation, read from the environment once at start.

``DATABASE_URL``, ``REDIS_URL``, ``PORT``, ``DATA_DIR`` carry no prefix; everything else begins with ``QUPIAO_``.
Production is the default: nothing here stands for an outside party that was not named. An installation with invented
data overrides this class.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict

from portal.core import platform_settings, required
from portal.core.crypto.keyring import Keyring
from portal.core.platform_settings import PlatformSettings, WeChatAccount
from portal.domain import link
from portal.domain.banner import Banner

Networks = tuple[IPv4Network | IPv6Network, ...]


@cache
def networks(listed: str) -> Networks:
    """Read addresses and networks separated by commas. Raises ValueError for what is none."""
    return tuple(ip_network(one.strip(), strict=False) for one in listed.split(",") if one.strip())


class Settings(PlatformSettings):
    """One installation. Unless named, its database is SQLite and its files lie under ``DATA_DIR``."""

    model_config = SettingsConfigDict(
        env_prefix="QUPIAO_",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # among them are secrets
    )

    database_url: str = Field(default="", validation_alias=AliasChoices("database_url", "DATABASE_URL"))
    """Empty: ``DATA_DIR/qupiao.sqlite3``. Production: ``postgresql://…``."""
    redis_url: str = Field(default="", validation_alias=AliasChoices("redis_url", "REDIS_URL"))
    """Empty: no Redis; limits are counted in the database."""
    port: int = Field(default=8000, ge=1, le=65534, validation_alias=AliasChoices("port", "PORT"))
    """Web port."""
    data_dir: Path = Field(default=Path("var"), validation_alias=AliasChoices("data_dir", "DATA_DIR"))

    master_key: str = Field(default="", repr=False)
    """Base64 of 32 random bytes; all other keys are derived from it. Required."""
    base_url: str = ""
    """Address of this platform as seen in the hospital's network. Empty: ``http://127.0.0.1:PORT``."""
    net_url: str = ""
    """The same from outside (internet); empty when there is none."""
    trusted_proxies: str = "127.0.0.1, ::1"
    """Addresses and networks of the proxies before us, separated by commas: who called and whether by https is believed
    of them alone. With several in a row (a CDN before the hospital's own) all of them."""
    own_networks: str = ""
    """Addresses and networks behind which many patients stand (the hospital's Wi-Fi, its APP's server), separated by
    commas: ten times as many attempts a minute may come from one of their addresses."""
    workers: int = Field(default=2, ge=1, le=32)
    threads: int = Field(default=4, ge=1, le=64)

    finance_url: str = ""
    """Front-end machine of finance (前置机). Required, with the account that finance has given."""
    finance_app_id: str = ""
    finance_app_key: str = Field(default="", repr=False)
    finance_timeout: float = Field(default=10.0, gt=0, le=60)
    finance_adapter: str = "national"
    """The form in which finance is spoken to; ``package.module:Class`` for one that lies outside (docs/exchange.md)."""

    sms_url: str = ""
    """SMS gateway. Empty: no text messages."""
    sms_provider: str = "gateway"
    """Whose contract it speaks: ours (``gateway``), or that of a cloud (``aliyun``, ``tencent``) at ``sms_url``."""
    sms_sign: str = ""
    """签名 registered with the cloud, without 【】."""
    sms_templates: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    """Our templates (docs/delivery.md) → the codes that the cloud has approved, as JSON; names of parameters after a
    code choose them and their order: ``SMS_1 hospital stop``."""
    sms_sdk_app_id: str = ""
    """Tencent's SmsSdkAppId."""
    sms_app_id: str = ""
    sms_app_key: str = Field(default="", repr=False)

    push_url: str = ""
    """Where bill events went before targets were kept at the console; read once, to make the first target of it."""
    push_key_id: str = ""
    push_key: str = Field(default="", repr=False)
    push_hosts: str = ""
    """Names, addresses and networks inside the hospital that push targets may have, separated by commas."""

    smtp_host: str = ""
    """Mail server as ``host:port``. Empty: no e-mail."""
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    """How the connection is encrypted."""
    smtp_user: str = ""
    smtp_password: str = Field(default="", repr=False)
    smtp_timeout: float = Field(default=10.0, gt=0, le=30)
    mail_from: str = "取票 <noreply@example.invalid>"
    """From of every e-mail; its domain stands in the Message-ID and needs SPF and DKIM."""
    mail_per_domain: int = Field(default=120, ge=1, le=100_000)
    """E-mails a minute that one worker sends to one domain; more wait, and others go ahead of them."""
    mail_bounce: str = ""
    """Envelope sender, whose mailbox gets the bounces; empty: that of ``mail_from``."""
    callback_secret: str = Field(default="", repr=False)
    """Secret path segment of callbacks that nobody signs (SMS receipts, bounces). Empty: they are closed."""

    link_keys: str = Field(default="A", pattern=r"^[A-Za-z0-9](,[A-Za-z0-9])?$")
    """Key ids of the bill links: the one in use, then the one before it while slips with it are still printed."""
    face_insurance_whole: bool = False
    """医保编号 in full on faces and paper, where an insurer asks for it; else its last four characters."""

    log_level: Literal["info", "warning", "error"] = "info"
    """The least level that the log keeps. At ``info`` each call of a HIS and to a provider leaves a line."""
    session_minutes: int = Field(default=15, ge=5, le=120)
    """How long an identified patient's pages stay open without use, never under 5 minutes."""

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, value: str) -> str:
        for plain in ("postgres://", "postgresql://"):
            if value.startswith(plain):
                return "postgresql+psycopg://" + value.removeprefix(plain)
        return value

    @field_validator("trusted_proxies", "own_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        networks(value)
        return value

    @property
    def proxies(self) -> Networks:
        """The networks of the trusted proxies."""
        return networks(self.trusted_proxies)

    @property
    def own(self) -> Networks:
        """The hospital's own networks."""
        return networks(self.own_networks)

    @property
    def link_key_ids(self) -> tuple[str, ...]:
        """The key ids in force, newest first."""
        return tuple(self.link_keys.split(","))

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'qupiao.sqlite3').absolute()}"

    @property
    def base(self) -> str:
        """Public base address without a trailing slash."""
        return (self.base_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def outside(self) -> str:
        """The address that patients' phones open: from outside when there is one."""
        return (self.net_url or self.base).rstrip("/")

    def bill_address(self, token: str) -> str:
        """Return the address of a bill's page as patients' phones open it."""
        return link.address(self.outside, token)

    def pass_address(self, token: str) -> str:
        """Return the address of a pass: of a mail or push, of the way to another browser, of an accountant."""
        return f"{self.outside}/t/{token}"

    @property
    def banner(self) -> Banner:
        """The texts that mark an installation with invented data; empty in production."""
        return Banner()

    @property
    def second_factor(self) -> bool:
        """Whether staff whose role or unit asks for a second factor must enrol one before they may work."""
        return True

    @property
    def calls_this_machine(self) -> bool:
        """Whether push targets may lie on this machine."""
        return False

    @property
    def finance(self) -> str:
        """Where finance messages go; empty when none is configured."""
        return self.finance_url

    @property
    def push(self) -> str:
        """Where the first push target of a unit is; empty when nowhere."""
        return self.push_url

    @property
    def smtp(self) -> str:
        """The mail server as ``host:port``; empty when none is configured."""
        return self.smtp_host

    @property
    def smtp_security(self) -> str:
        """How the connection to the mail server is encrypted; without a server there is none."""
        return self.smtp_tls if self.smtp_host else "none"

    @property
    def callbacks(self) -> str:
        """The secret path segment of unsigned callbacks; empty: they are closed."""
        return self.callback_secret

    @property
    def bounces(self) -> str:
        """Where the mail server's bounces are posted."""
        return f"{self.base}/callbacks/mail/{self.callbacks}"

    @property
    def sms(self) -> str:
        """Where text messages go; empty when none is configured."""
        return self.sms_url

    @property
    def wechat(self) -> str:
        """Where WeChat is called, without a trailing slash."""
        return (self.wechat_url or platform_settings.WECHAT_HOST).rstrip("/")

    @property
    def wechat_open(self) -> str:
        """Where people log in to WeChat."""
        return (self.wechat_open_url or platform_settings.WECHAT_LOGIN).rstrip("/")

    @property
    def wechat_service(self) -> WeChatAccount:
        """The official account; false when there is none."""
        return WeChatAccount(self.wechat_appid, self.wechat_secret, self.wechat_token, self.wechat_aes_key)

    @property
    def wechat_mini(self) -> WeChatAccount:
        """The mini-program; false when there is none."""
        return WeChatAccount(self.mini_appid, self.mini_secret, self.mini_token, self.mini_aes_key)

    @property
    def alipay(self) -> str:
        """Alipay's gateway."""
        return self.alipay_gateway or platform_settings.ALIPAY_GATEWAY

    @property
    def alipay_open(self) -> str:
        """Where people log in to Alipay."""
        return (self.alipay_open_url or platform_settings.ALIPAY_LOGIN).rstrip("/")

    @property
    def alipay_cards(self) -> bool:
        """Whether bills may be handed to Alipay's card pack."""
        return bool(self.alipay_app) and self.alipay_card

    @property
    def alipay_hospital(self) -> str:
        """The short names under which the hospital entered Alipay's card pack, joined by ``/``."""
        return self.alipay_short_name

    @property
    def cards(self) -> str:
        """How WeChat cards are made: off, self or bureau."""
        return self.card_mode or "off"

    @property
    def card_platform(self) -> str:
        """``s_pappid`` of the platform that issues WeChat cards."""
        return self.card_platform_id

    @property
    def card_template(self) -> str:
        """``card_id`` of this hospital's WeChat card template."""
        return self.card_id

    def template(self, name: str) -> str:
        """Return the message template in the setting ``name``; empty: that message is not sent."""
        return str(getattr(self, name))

    def alipay_keys(self) -> tuple[str, str]:
        """Return the texts of our RSA private key and of Alipay's public key. Raises ValueError, OSError."""
        if self.alipay_key_file is None or self.alipay_public_file is None:
            raise ValueError("QUPIAO_ALIPAY_KEY_FILE and QUPIAO_ALIPAY_PUBLIC_FILE name no file")
        return self.alipay_key_file.read_text(encoding="utf-8"), self.alipay_public_file.read_text(encoding="utf-8")

    def problems(self) -> list[str]:
        """Name everything without which this installation may not start; empty when it may."""
        return required.settings_problems(self)

    def seal_problems(self, unit: str, seals: Sequence[tuple[str, str, str, str]]) -> list[str]:
        """Name everything in a unit's seals (title, id, name and hash of each) that no bill may be signed with."""
        return required.seal_problems(unit, seals)

    def keyring(self) -> Keyring:
        """Open the keys of this installation. Raises MasterKeyMissing."""
        return Keyring.open(self.master_key)

    @property
    def unit_key(self) -> Path:
        """The unit's SM2 private key, which signs bills."""
        return self.data_dir / "keys" / "unit.key"

    @property
    def unit_certificate(self) -> Path:
        """The certificate of that key."""
        return self.data_dir / "keys" / "unit.crt"
