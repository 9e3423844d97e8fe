"""Bill notices over Alipay: mini-program message, and the life account where a hospital still has one."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from portal.access import parameters
from portal.access.parameters import Parameter
from portal.core.services import Services
from portal.delivery import bindings
from portal.delivery.engine.channel import PAUSES, Channel, Family, Message, Target
from portal.domain.money import yuan
from portal.domain.states.delivery import Accepted, Result
from portal.domain.states.standing import Standing
from portal.providers.clients import Providers
from portal.providers.faults import ChannelFault
from portal.providers.outcomes import result_of

TITLES = {"alipay": "支付宝", "alipay-life": "支付宝生活号"}
parameters.declare(Parameter("delivery.alipay", "交付", "支付宝", "是否使用支付宝小程序和生活号消息", "flag", True))


def values(message: Message) -> list[str]:
    """Hospital, kind or what the bill is good for, amount, day: in the order of the template's keywords, each ≤ 50."""
    what = message.what if message.standing is Standing.VALID else f"{message.what}（{message.standing.title}）"
    return [message.hospital[:50], what, f"{yuan(message.total_fen)}元", message.day.isoformat()]


class AlipayMini:
    """Subscription message of the mini-program. Alipay tells of no receipt and knows no number of ours."""

    name = "alipay"
    title = "支付宝"
    setting = "delivery.alipay"
    provider = "alipay"
    disturbs = False
    receipt_within: timedelta | None = None
    remembers: float = 0.0
    once_more = False
    pauses: tuple[float, ...] = PAUSES
    template = "alipay_mini_template"

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._settings = providers.settings
        self.account = self._settings.alipay_app

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """``open_id:…`` or ``user_id:…`` of the account that the patient has bound."""
        return bindings.recipient(services, connection, "alipay", self.account, target)

    def send(self, services: Services, message: Message) -> Result:
        """One message."""
        kind, _, value = message.recipient.partition(":")
        try:
            self._call(kind, value, self._settings.template(self.template), message)
        except ChannelFault as fault:
            return result_of(fault)
        return Accepted()

    def _call(self, kind: str, value: str, template: str, message: Message) -> None:
        self._providers.alipay.send_mini(kind, value, template, "pages/list/list", values(message))


class AlipayLife(AlipayMini):
    """Template message of a life account: followers only; for hospitals that already have one."""

    name = "alipay-life"
    title = "支付宝生活号"
    template = "alipay_life_template"

    def _call(self, kind: str, value: str, template: str, message: Message) -> None:
        self._providers.alipay.send_life(kind, value, template, message.link, values(message))


def channels(services: Services, providers: Providers) -> list[Channel | Family]:
    """Build a channel for each template of the application that is set up."""
    settings = services.settings
    built: list[Channel | Family] = []
    if settings.alipay_app and settings.template("alipay_mini_template"):
        built.append(AlipayMini(providers))
    if settings.alipay_app and settings.template("alipay_life_template"):
        built.append(AlipayLife(providers))
    return built
