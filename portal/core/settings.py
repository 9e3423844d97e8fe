"""All settings of an installation, read from the environment once at start.

``DATABASE_URL``, ``REDIS_URL``, ``PORT``, ``DATA_DIR`` carry no prefix; everything else begins with ``QUPIAO_``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from portal.core import platform_settings
from portal.core.platform_settings import PlatformSettings, WeChatAccount

DEMO_APPID = "QPDEMO0000001"
DEMO_KEY = "0123456789abcdef0123456789"


class Settings(PlatformSettings):
    """One installation. Defaults are the embedded demo-less default: SQLite and files under ``DATA_DIR``."""

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
    """Web port; the demo's simulators listen on the next one."""
    data_dir: Path = Field(default=Path("var"), validation_alias=AliasChoices("data_dir", "DATA_DIR"))

    demo: bool = False
    """Demo mode: invented people, simulators, keys made on first start, 演示 on every page."""
    master_key: str = ""
    """Base64 of 32 random bytes; all other keys are derived from it. Required outside the demo."""
    base_url: str = ""
    """Address of this platform as seen in the hospital's network. Empty: ``http://127.0.0.1:PORT``."""
    net_url: str = ""
    """The same from outside (internet); empty when there is none."""
    workers: int = Field(default=2, ge=1, le=32)
    threads: int = Field(default=4, ge=1, le=64)

    finance_url: str = ""
    """Front-end machine of finance (前置机). Empty in the demo: the simulator on ``PORT + 1``."""
    finance_app_id: str = "KPQPDE00000001"
    finance_app_key: str = "DEMO_FINANCE_KEY"
    finance_timeout: float = Field(default=10.0, gt=0, le=60)

    sms_url: str = ""
    """SMS gateway. Empty in the demo: the simulator on ``PORT + 1``."""
    sms_provider: Literal["gateway", "aliyun", "tencent"] = "gateway"
    """Whose contract it speaks: ours, or one of the two clouds with its address in ``sms_url``."""
    sms_sign: str = ""
    """签名 registered with the cloud, without 【】."""
    sms_templates: dict[str, str] = {}
    """Our templates (docs/delivery.md) → the codes that the cloud has approved, as JSON; names of parameters after a
    code choose them and their order: ``SMS_1 hospital stop``."""
    sms_sdk_app_id: str = ""
    """Tencent's SmsSdkAppId."""
    sms_app_id: str = "QPDEMO"
    sms_app_key: str = "DEMO_SMS_KEY"

    push_url: str = ""
    """Where bill events went before targets were kept at the console; read once, to make the first target of it.
    In the demo: the simulator."""
    push_key_id: str = "QPDEMO"
    push_key: str = "DEMO_PUSH_KEY"
    push_hosts: str = ""
    """Names, addresses and networks inside the hospital that push targets may have, separated by commas."""

    smtp_host: str = ""
    """Mail server as ``host:port``. Empty in the demo: the sink on ``PORT + 2``; empty elsewhere: no e-mail."""
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    """How the connection is encrypted; the demo's sink on this machine speaks plainly."""
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_timeout: float = Field(default=10.0, gt=0, le=30)
    mail_from: str = "取票 <noreply@example.invalid>"
    """From of every e-mail; its domain stands in the Message-ID and needs SPF and DKIM."""
    mail_per_domain: int = Field(default=120, ge=1, le=100_000)
    """E-mails a minute that one worker sends to one domain; more wait, and others go ahead of them."""
    mail_bounce: str = ""
    """Envelope sender, whose mailbox gets the bounces; empty: that of ``mail_from``."""
    callback_secret: str = ""
    """Secret path segment of callbacks that nobody signs (SMS receipts, bounces). Empty: they are closed."""

    link_keys: str = Field(default="A", pattern=r"^[A-Za-z0-9](,[A-Za-z0-9])?$")
    """Key ids of the bill links: the one in use, then the one before it while slips with it are still printed."""
    demo_password: str = Field(
        default="qupiao-demo-2026", validation_alias=AliasChoices("demo_password", "DEMO_PASSWORD")
    )
    """Password of the demo's staff accounts; without the demo there are none."""

    face_insurance_whole: bool = False
    """医保编号 in full on faces and paper, where an insurer asks for it; else its last four characters."""

    session_minutes: int = Field(default=15, ge=5, le=120)
    """How long an identified patient's pages stay open without use (never under 5 minutes)."""

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, value: str) -> str:
        for plain in ("postgres://", "postgresql://"):
            if value.startswith(plain):
                return "postgresql+psycopg://" + value.removeprefix(plain)
        return value

    @model_validator(mode="after")
    def _alipay_is_whole(self) -> Settings:
        complaint = self.alipay_complaint(self.demo)
        if complaint:
            raise ValueError(complaint)
        return self

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

    @property
    def simulators(self) -> str:
        """Base address of the demo's simulators."""
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def finance(self) -> str:
        """Where finance messages go; empty when none is configured."""
        return self.finance_url or (f"{self.simulators}/finance/exchange" if self.demo else "")

    @property
    def push(self) -> str:
        """Where the first push target of a unit is; empty when nowhere."""
        return self.push_url or (f"{self.simulators}/push/events" if self.demo else "")

    @property
    def smtp(self) -> str:
        """The mail server as ``host:port``; empty when none is configured."""
        return self.smtp_host or (f"127.0.0.1:{self.port + 2}" if self.demo else "")

    @property
    def smtp_security(self) -> str:
        """How the connection to it is encrypted; the demo's own sink speaks plainly."""
        return self.smtp_tls if self.smtp_host else "none"

    @property
    def callbacks(self) -> str:
        """The secret path segment of unsigned callbacks; empty: they are closed."""
        return self.callback_secret or ("demo-callbacks" if self.demo else "")

    @property
    def bounces(self) -> str:
        """Where the mail server's bounces are posted."""
        return f"{self.base}/callbacks/mail/{self.callbacks}"

    @property
    def sms(self) -> str:
        """Where text messages go; empty when none is configured."""
        return self.sms_url or (f"{self.simulators}/sms/send" if self.demo else "")

    @property
    def wechat(self) -> str:
        """Where WeChat is called, without a trailing slash."""
        default = f"{self.simulators}/wechat" if self.demo else platform_settings.WECHAT_HOST
        return (self.wechat_url or default).rstrip("/")

    @property
    def wechat_open(self) -> str:
        """Where people log in to WeChat."""
        default = f"{self.simulators}/wechat" if self.demo else "https://open.weixin.qq.com"
        return (self.wechat_open_url or default).rstrip("/")

    @property
    def wechat_service(self) -> WeChatAccount:
        """The official account; false when there is none."""
        if self.demo and not self.wechat_appid:
            return platform_settings.DEMO_WECHAT
        return WeChatAccount(self.wechat_appid, self.wechat_secret, self.wechat_token, self.wechat_aes_key)

    @property
    def wechat_mini(self) -> WeChatAccount:
        """The mini-program; false when there is none."""
        if self.demo and not self.mini_appid:
            return platform_settings.DEMO_MINI
        return WeChatAccount(self.mini_appid, self.mini_secret, self.mini_token, self.mini_aes_key)

    @property
    def alipay(self) -> str:
        """Alipay's gateway."""
        default = f"{self.simulators}/alipay/gateway.do" if self.demo else platform_settings.ALIPAY_GATEWAY
        return self.alipay_gateway or default

    @property
    def alipay_open(self) -> str:
        """Where people log in to Alipay."""
        default = f"{self.simulators}/alipay" if self.demo else "https://openauth.alipay.com"
        return (self.alipay_open_url or default).rstrip("/")

    @property
    def alipay_app(self) -> str:
        """Our application at Alipay; empty when there is none."""
        return self.alipay_appid or (platform_settings.DEMO_ALIPAY_APP if self.demo else "")

    @property
    def cards(self) -> str:
        """How WeChat cards are made: off, self or bureau."""
        return self.card_mode or ("self" if self.demo else "off")

    def template(self, name: str) -> str:
        """A message template by the name of its setting; empty: that message is not sent."""
        return str(getattr(self, name)) or (platform_settings.TEMPLATES[name] if self.demo else "")
