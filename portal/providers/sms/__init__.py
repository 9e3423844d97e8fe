"""SMS providers: our own gateway's contract, Aliyun, Tencent. A further provider is one module and one line here."""

from __future__ import annotations

from portal.core.settings import Settings
from portal.providers.sms import aliyun, gateway, tencent
from portal.providers.sms.provider import STOP, AskableSmsClient, SmsClient, SmsProvider

__all__ = ["PROVIDERS", "STOP", "AskableSmsClient", "SmsClient", "SmsProvider", "client", "provider"]

PROVIDERS: dict[str, SmsProvider] = {
    module.PROVIDER.name: module.PROVIDER
    for module in (
        gateway,
        aliyun,
        tencent,
    )
}


def provider(settings: Settings) -> SmsProvider:
    """Return the provider that ``QUPIAO_SMS_PROVIDER`` names. Raises ValueError for a name that nobody has."""
    try:
        return PROVIDERS[settings.sms_provider]
    except KeyError:
        names = ", ".join(PROVIDERS)
        raise ValueError(f"QUPIAO_SMS_PROVIDER is {settings.sms_provider!r}, not one of {names}") from None


def client(settings: Settings) -> SmsClient:
    """Make a client of the provider that the settings name."""
    return provider(settings).client(settings)
