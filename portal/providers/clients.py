"""The clients of outside parties of one process, each built when it is first used."""

from __future__ import annotations

from functools import cached_property

from portal.core.services import Services
from portal.core.settings import Settings
from portal.providers import sms
from portal.providers.alipay.account import account_of
from portal.providers.alipay.client import AlipayGateway
from portal.providers.bureau.client import Bureau
from portal.providers.finance.link import FinanceLink, link_of
from portal.providers.permits import Permits
from portal.providers.sms import SmsClient
from portal.providers.wechat.client import WeChat
from portal.providers.wechat.tokens import Tokens


class Providers:
    """Every party as the settings name it. Safe for many threads."""

    def __init__(self, services: Services) -> None:
        self.settings: Settings = services.settings
        self.permits = Permits(max(services.settings.threads // 2, 1))
        self.tokens = Tokens(services.database, services.cipher, services.settings.redis_url)
        if services.settings.alipay_app_cert_file is not None:
            _ = self.alipay  # certificates that do not fit stop the start

    @cached_property
    def service(self) -> WeChat:
        """The official account's client."""
        settings = self.settings
        return WeChat(settings.wechat_service, self.tokens, settings.wechat, settings.wechat_timeout)

    @cached_property
    def mini(self) -> WeChat:
        """The mini-program's client."""
        settings = self.settings
        return WeChat(settings.wechat_mini, self.tokens, settings.wechat, settings.wechat_timeout)

    @cached_property
    def alipay(self) -> AlipayGateway:
        """The Alipay application's client. Raises ValueError, OSError for keys that cannot be used."""
        return AlipayGateway(self.settings.alipay, account_of(self.settings), self.settings.alipay_timeout)

    @cached_property
    def sms(self) -> SmsClient:
        """The SMS provider's client. Raises ValueError for a provider that there is not."""
        return sms.client(self.settings)

    @cached_property
    def bureau(self) -> Bureau:
        """The client of the finance bureau's card platform; false when there is none."""
        return Bureau(self.settings.card_bureau_url, self.settings.card_bureau_key)

    @property
    def finance(self) -> FinanceLink | None:
        """The link to finance; ``None`` when no address is configured."""
        return link_of(self.settings)
