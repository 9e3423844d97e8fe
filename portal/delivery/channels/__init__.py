"""The channels of an installation. A further one is a module with a class, and one line in :func:`channels`."""

from __future__ import annotations

from portal.core.services import Services
from portal.delivery.channel import Channel
from portal.delivery.channels.sms import Sms

NAMES = ("sms",)
"""Every channel there can be: a lane of the worker each."""


def channels(services: Services) -> list[Channel]:
    """The channels that the settings set up, in no order."""
    found: list[Channel] = []
    if services.settings.sms:
        found.append(Sms(services.settings))
    return found
