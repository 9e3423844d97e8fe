"""The channels of an installation. Each module of this package is a party; a further one is there by lying here.

A module says in ``TITLES`` which channels it may have (code → word on screen), builds those that the settings set up
in ``channels(services, providers)``, and declares the parameter that turns each of them off.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from portal.core.services import Services
from portal.delivery.engine.channel import Channel, Family
from portal.providers.clients import Providers


class Party(Protocol):
    """What a module of this package offers."""

    TITLES: Mapping[str, str]

    def channels(self, services: Services, providers: Providers) -> list[Channel | Family]:
        """Build the party's channels that the settings set up."""


PARTIES = tuple(cast(Party, import_module(f"{__name__}.{module.name}")) for module in iter_modules(__path__))
TITLES: Mapping[str, str] = {name: title for party in PARTIES for name, title in party.TITLES.items()}
"""Every channel there can be, and its word on screen; ``app`` stands for all push targets of a unit."""


def channels(services: Services, providers: Providers | None = None) -> list[Channel | Family]:
    """Build the channels that the settings set up, in no order; push targets are set up at the console."""
    providers = providers or Providers(services)
    return [channel for party in PARTIES for channel in party.channels(services, providers)]
