"""What every command shares: the settings of its installation, its services, and lines on the screen."""

from __future__ import annotations

import click

from portal.core.services import Services
from portal.core.settings import Settings
from portal.demo.settings import DemoSettings


def say(text: str) -> None:
    """Print a line at once."""
    click.echo(text)


def settings_of(context: click.Context) -> Settings:
    """Read the settings of the installation that the command works on."""
    made = context.obj()
    assert isinstance(made, Settings)
    return made


def invented(context: click.Context) -> bool:
    """Return whether the command works on the invented installation."""
    return issubclass(context.obj, DemoSettings)


def services_of(context: click.Context) -> Services:
    """Open the keys and the database of the installation. Fails with a message that names what is missing."""
    from portal.app import build_services
    from portal.core.crypto.sm2 import CryptoError
    from portal.core.database import Database, make_engine
    from portal.core.required import NotReady

    settings = settings_of(context)
    try:
        return build_services(settings, Database(make_engine(settings.database)))
    except (NotReady, CryptoError) as error:
        raise click.ClickException(str(error)) from error
