"""The channels of an installation. A further one is a module with a class, and one line in :func:`channels`."""

from __future__ import annotations

from portal.core.services import Services
from portal.delivery.accounts import Platforms
from portal.delivery.channel import Channel
from portal.delivery.channels.alipay import AlipayLife, AlipayMini
from portal.delivery.channels.sms import Sms
from portal.delivery.channels.wechat import MiniSubscription, WeChatSubscription, WeChatTemplate

NAMES = ("sms", "wechat", "wechat-sub", "mini", "alipay", "alipay-life")
"""Every channel there can be: a lane of the worker each."""


def channels(services: Services) -> list[Channel]:
    """The channels that the settings set up, in no order."""
    found: list[Channel] = []
    if services.settings.sms:
        found.append(Sms(services.settings))
    return found + _of_platforms(services)


def _of_platforms(services: Services) -> list[Channel]:
    settings, platforms = services.settings, Platforms(services)
    found: list[Channel] = []
    if settings.wechat_service and settings.template("wechat_template"):
        found.append(WeChatTemplate(platforms))
    if settings.wechat_service and settings.template("wechat_subscription"):
        found.append(WeChatSubscription(platforms))
    if settings.wechat_mini and settings.template("mini_subscription"):
        found.append(MiniSubscription(platforms))
    if settings.alipay_app and settings.template("alipay_mini_template"):
        found.append(AlipayMini(platforms))
    if settings.alipay_app and settings.template("alipay_life_template"):
        found.append(AlipayLife(platforms))
    return found
