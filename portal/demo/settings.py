"""Settings of an invented installation: simulators in place of the outside parties, invented accounts and keys."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AliasChoices, Field

from portal.core.crypto.keyring import Keyring
from portal.core.platform_settings import WeChatAccount
from portal.core.settings import Settings
from portal.demo import accounts
from portal.demo.alipay_keys import ensure_demo_keys as ensure_alipay_keys
from portal.demo.keys import ensure_demo_keys, ensure_master_key
from portal.domain.banner import Banner

BANNER = Banner(
    word="演示",
    data="演示数据",
    page="演示数据：医院、人物、票据均为虚构，不能报销",
    bill="演示数据：医院、人物、金额均为虚构，不能用于报销。",
    bundle="演示数据，不能报销",
    statement="演示数据，不能报税",
    verification="演示票据在官方平台查不到。",
    login="演示系统：人员和数据都是虚构的。账号与密码见启动时的输出。",
    seal="演示印章",
    seal_note="非真实印章",
    seals="演示印章为占位图案，不是真实印章。",
    english=Banner(word="Demo", page="Demo data: hospital, people and bills are invented and cannot be reimbursed"),
)


class DemoSettings(Settings):
    """One invented installation. What the environment names is used all the same: a real gateway can be tried out."""

    finance_app_id: str = "KPQPDE00000001"
    finance_app_key: str = Field(default="DEMO_FINANCE_KEY", repr=False)
    sms_app_id: str = "QPDEMO"
    sms_app_key: str = Field(default="DEMO_SMS_KEY", repr=False)
    push_key_id: str = "QPDEMO"
    push_key: str = Field(default="DEMO_PUSH_KEY", repr=False)
    card_bureau_key: str = Field(default="DEMO_BUREAU_KEY", repr=False)
    demo_password: str = Field(
        default="qupiao-demo-2026", validation_alias=AliasChoices("demo_password", "DEMO_PASSWORD")
    )
    """Password of the invented staff."""
    wechat_tells: bool = True
    """Whether the simulated WeChat tells this installation what became of its messages."""

    @property
    def simulators(self) -> str:
        """Base address of the simulators, on the port after the web's."""
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def banner(self) -> Banner:
        """The texts that say on every page and paper that nothing of it is real."""
        return BANNER

    @property
    def second_factor(self) -> bool:
        """Whether staff must enrol a second factor: visitors are let in with a password."""
        return False

    @property
    def calls_this_machine(self) -> bool:
        """Whether push targets may lie on this machine, as the simulated APP does."""
        return True

    @property
    def finance(self) -> str:
        """Where finance messages go: the simulator unless named."""
        return self.finance_url or f"{self.simulators}/finance/exchange"

    @property
    def push(self) -> str:
        """Where the first push target is: the simulator unless named."""
        return self.push_url or f"{self.simulators}/push/events"

    @property
    def smtp(self) -> str:
        """The mail server: the simulators' sink unless named."""
        return self.smtp_host or f"127.0.0.1:{self.port + 2}"

    @property
    def callbacks(self) -> str:
        """The secret path segment of unsigned callbacks."""
        return self.callback_secret or "demo-callbacks"

    @property
    def sms(self) -> str:
        """Where text messages go: the simulator unless named."""
        return self.sms_url or f"{self.simulators}/sms/send"

    @property
    def wechat(self) -> str:
        """Where WeChat is called: the simulator unless named."""
        return (self.wechat_url or f"{self.simulators}/wechat").rstrip("/")

    @property
    def wechat_open(self) -> str:
        """Where people log in to WeChat: the simulator unless named."""
        return (self.wechat_open_url or f"{self.simulators}/wechat").rstrip("/")

    @property
    def wechat_service(self) -> WeChatAccount:
        """The official account: an invented one unless named."""
        return super().wechat_service if self.wechat_appid else accounts.DEMO_WECHAT

    @property
    def wechat_mini(self) -> WeChatAccount:
        """The mini-program: an invented one unless named."""
        return super().wechat_mini if self.mini_appid else accounts.DEMO_MINI

    @property
    def alipay(self) -> str:
        """Alipay's gateway: the simulator unless named."""
        return self.alipay_gateway or f"{self.simulators}/alipay/gateway.do"

    @property
    def alipay_open(self) -> str:
        """Where people log in to Alipay: the simulator unless named."""
        return (self.alipay_open_url or f"{self.simulators}/alipay").rstrip("/")

    @property
    def alipay_app(self) -> str:
        """Our application at Alipay: an invented one unless named."""
        return self.alipay_appid or accounts.DEMO_ALIPAY_APP

    @property
    def alipay_needs_keys(self) -> bool:
        """Whether Alipay's keys must be named: they are made where they are not."""
        return False

    @property
    def alipay_cards(self) -> bool:
        """Whether bills may be handed to Alipay's card pack: always."""
        return True

    @property
    def alipay_hospital(self) -> str:
        """The hospital's short names at Alipay."""
        return self.alipay_short_name or "演示医院/演示门诊部"

    @property
    def cards(self) -> str:
        """How WeChat cards are made: by one account unless named."""
        return self.card_mode or "self"

    @property
    def card_platform(self) -> str:
        """The platform that issues WeChat cards."""
        return self.card_platform_id or accounts.DEMO_CARD_PLATFORM

    @property
    def card_template(self) -> str:
        """The hospital's card template."""
        return self.card_id or accounts.DEMO_CARD

    def template(self, name: str) -> str:
        """Return the message template in the setting ``name``, or the invented one."""
        return super().template(name) or accounts.DEMO_TEMPLATES[name]

    def alipay_keys(self) -> tuple[str, str]:
        """Return our private and Alipay's public key: those of the files named, or pairs made once."""
        if self.alipay_key_file is not None:
            return super().alipay_keys()
        keys = ensure_alipay_keys(self.data_dir)
        return keys.app_private, keys.alipay_public

    def problems(self) -> list[str]:
        """Start without anything: what is not named is invented; only Alipay's files must go together."""
        return list(filter(None, [self.alipay_complaint()]))

    def seal_problems(self, unit: str, seals: Sequence[tuple[str, str, str, str]]) -> list[str]:
        """Sign with the invented seals of the invented hospital."""
        return []

    def keyring(self) -> Keyring:
        """Open the keys, made once in ``DATA_DIR/keys`` unless a master key is named; certificates likewise."""
        ensure_demo_keys(self.data_dir)
        if self.master_key.strip():
            return Keyring.open(self.master_key)
        return Keyring(ensure_master_key(self.data_dir))
