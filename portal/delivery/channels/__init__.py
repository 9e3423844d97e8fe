"""The channels of an installation. A further one is a module with a class, a title and one line in :func:`channels`."""

from __future__ import annotations

from portal.core.services import Services
from portal.delivery.channels.alipay import AlipayLife, AlipayMini
from portal.delivery.channels.app import AppPush
from portal.delivery.channels.mail import Mail
from portal.delivery.channels.sms import CloudSms, CodeSms, Sms
from portal.delivery.channels.wechat import MiniSubscription, WeChatSubscription, WeChatTemplate
from portal.delivery.engine.channel import Channel, Family
from portal.providers.platforms import Platforms


def channels(services: Services) -> list[Channel | Family]:
    """Build the channels that the settings set up, in no order; push targets are set up at the console."""
    found: list[Channel | Family] = [AppPush(services.settings)]
    if services.settings.sms:
        own = services.settings.sms_provider == "gateway"
        found += [(Sms if own else CloudSms)(services.settings), CodeSms(services.settings)]
    if services.settings.smtp:
        found.append(Mail(services.settings))
    return found + _of_platforms(services)


def _of_platforms(services: Services) -> list[Channel | Family]:
    settings, platforms = services.settings, Platforms(services)
    found: list[Channel | Family] = []
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
