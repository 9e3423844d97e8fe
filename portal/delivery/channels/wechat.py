"""Bill notices over WeChat: template message, subscription notification, mini-program message."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta

from sqlalchemy import Connection

from portal.access import parameters
from portal.access.parameters import Parameter
from portal.core.services import Services
from portal.delivery import bindings
from portal.delivery.bindings import Subject
from portal.delivery.engine.channel import PAUSES, Channel, Family, Message, Target
from portal.domain.money import yuan
from portal.domain.states.delivery import Accepted, NeedUser, NotSent, Result
from portal.domain.states.standing import Standing
from portal.providers.clients import Providers
from portal.providers.faults import ChannelFault, FaultKind
from portal.providers.outcomes import result_of
from portal.providers.wechat import codes

TITLES = {"wechat": "微信服务号", "wechat-sub": "微信订阅通知", "mini": "微信小程序"}
parameters.declare(
    Parameter("delivery.wechat", "交付", "微信服务号", "是否使用服务号模板消息和订阅通知", "flag", True),
    Parameter("delivery.mini", "交付", "微信小程序", "是否使用小程序订阅消息", "flag", True),
)

SAFE_MINUTES = 9
"""WeChat sends the same ``client_msg_id`` once within about ten minutes."""
STORM_TRIES = 3
"""For so many tries tokens may expire faster than we renew them; then another system renews them, too."""


def fields(names: str, message: Message) -> dict[str, str]:
    """Return the values of a template: hospital, kind or what the bill is good for, amount, day, under the names that
    the hospital's template gives them.

    Typed fields have lengths, and WeChat refuses instead of cutting.
    """
    what = message.what if message.standing is Standing.VALID else message.standing.title
    day = f"{message.day.year}年{message.day.month:02}月{message.day.day:02}日"
    values = (message.hospital[:20], what[:5], f"¥{yuan(message.total_fen).replace(',', '')}", day)
    return dict(zip((name.strip() for name in names.split(",")), values, strict=False))


class WeChatTemplate:
    """Template message of the official account: followers only; a receipt comes as an event."""

    name = "wechat"
    title = "微信服务号"
    setting = "delivery.wechat"
    provider = "wechat"
    disturbs = False
    receipt_within: timedelta | None = timedelta(hours=24)
    remembers: float = SAFE_MINUTES * 60.0
    once_more = False
    pauses: tuple[float, ...] = PAUSES

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._settings = providers.settings
        self.account = self._settings.wechat_service.appid

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """Return the openid that the patient has bound."""
        return bindings.recipient(services, connection, "wechat", self.account, target)

    def send(self, services: Services, message: Message) -> Result:
        """One message that opens the bill's page."""
        data, template = fields(self._settings.wechat_fields, message), self._settings.template("wechat_template")
        try:
            msgid = self._providers.service.send_template(message.recipient, template, data, message.link, message.ref)
        except ChannelFault as fault:
            _unfollowed(services, fault, Subject("wechat", self.account, "openid", message.recipient))
            return _result(fault, message)
        return Accepted(msgid)


class _Subscription(ABC):
    """What both kinds of subscription message share: a permission is taken before and given back if nothing went.

    A receipt comes as an event, where the account's events reach us.
    """

    provider = "wechat"
    disturbs = False
    remembers: float = 0.0
    once_more = False
    pauses: tuple[float, ...] = PAUSES
    platform = ""
    account = ""
    template = ""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._settings = providers.settings
        known = self._settings.wechat_mini if self.platform == "mini" else self._settings.wechat_service
        self.account = known.appid
        self.receipt_within: timedelta | None = timedelta(hours=24) if known.pushes else None

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """Return the openid that the patient has bound."""
        return bindings.recipient(services, connection, self.platform, self.account, target)

    def send(self, services: Services, message: Message) -> Result:
        """One message, if the person has allowed one."""
        subject = Subject(self.platform, self.account, "openid", message.recipient)
        if not bindings.take_permission(services, subject, self.template):
            return NeedUser("患者没有可用的订阅授权", "NO_PERMISSION")
        try:
            self._call(message)
        except ChannelFault as fault:
            if fault.kind is not FaultKind.UNKNOWN:
                bindings.give_back(services, subject, self.template, fault.code == str(codes.NO_PERMISSION))
            _unfollowed(services, fault, subject)
            return _result(fault, message)
        return Accepted()

    @abstractmethod
    def _call(self, message: Message) -> None:
        """Send it over the platform's interface. Raises ChannelFault."""


class WeChatSubscription(_Subscription):
    """Subscription notification of the official account: works without following."""

    name = "wechat-sub"
    title = "微信订阅通知"
    setting = "delivery.wechat"
    platform = "wechat"

    def __init__(self, providers: Providers) -> None:
        super().__init__(providers)
        self.template = self._settings.template("wechat_subscription")

    def _call(self, message: Message) -> None:
        data = fields(self._settings.wechat_fields, message)
        self._providers.service.send_subscription(message.recipient, self.template, data, message.link)


class MiniSubscription(_Subscription):
    """Subscription message of the mini-program; it opens the list, which asks for the person's proof."""

    name = "mini"
    title = "微信小程序"
    setting = "delivery.mini"
    platform = "mini"

    def __init__(self, providers: Providers) -> None:
        super().__init__(providers)
        self.template = self._settings.template("mini_subscription")

    def _call(self, message: Message) -> None:
        data = fields(self._settings.wechat_fields, message)
        self._providers.mini.send_mini_subscription(
            message.recipient, self.template, data, "pages/list/list", self._settings.mini_state
        )


def _result(fault: ChannelFault, message: Message) -> Result:
    """As of every platform; but the channel does not stand still for a fresh token that was refused as well, once."""
    if fault.code in {str(code) for code in codes.STALE} and message.tries <= STORM_TRIES:
        return NotSent(fault.text, code=fault.code)
    return result_of(fault)


def _unfollowed(services: Services, fault: ChannelFault, subject: Subject) -> None:
    if fault.code in {str(code) for code in codes.UNFOLLOWED}:
        bindings.set_state(services, subject, "stale")


def channels(services: Services, providers: Providers) -> list[Channel | Family]:
    """Build a channel for each account and template that is set up."""
    settings = services.settings
    built: list[Channel | Family] = []
    if settings.wechat_service and settings.template("wechat_template"):
        built.append(WeChatTemplate(providers))
    if settings.wechat_service and settings.template("wechat_subscription"):
        built.append(WeChatSubscription(providers))
    if settings.wechat_mini and settings.template("mini_subscription"):
        built.append(MiniSubscription(providers))
    return built
