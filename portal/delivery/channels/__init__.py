"""The channels of an installation. A further one is a module with a class, a title and one line in :func:`channels`."""

from __future__ import annotations

from portal.core.services import Services
from portal.delivery.channels import sms
from portal.delivery.channels.alipay import AlipayLife, AlipayMini
from portal.delivery.channels.app import AppPush
from portal.delivery.channels.mail import Mail
from portal.delivery.channels.wechat import MiniSubscription, WeChatSubscription, WeChatTemplate
from portal.delivery.engine.channel import Channel, Family
from portal.providers.clients import Providers


def channels(services: Services, providers: Providers | None = None) -> list[Channel | Family]:
    """Build the channels that the settings set up, in no order; push targets are set up at the console."""
    providers = providers or Providers(services)
    found: list[Channel | Family] = [AppPush(services.settings)]
    if services.settings.sms:
        found += [sms.channel_of(services.settings, providers.sms), sms.CodeSms(services.settings, providers.sms)]
    if services.settings.smtp:
        found.append(Mail(services.settings))
    return found + _of_platforms(services, providers)


def _of_platforms(services: Services, providers: Providers) -> list[Channel | Family]:
    settings = services.settings
    found: list[Channel | Family] = []
    if settings.wechat_service and settings.template("wechat_template"):
        found.append(WeChatTemplate(providers))
    if settings.wechat_service and settings.template("wechat_subscription"):
        found.append(WeChatSubscription(providers))
    if settings.wechat_mini and settings.template("mini_subscription"):
        found.append(MiniSubscription(providers))
    if settings.alipay_app and settings.template("alipay_mini_template"):
        found.append(AlipayMini(providers))
    if settings.alipay_app and settings.template("alipay_life_template"):
        found.append(AlipayLife(providers))
    return found
