"""``qupiao run`` and ``qupiao migrate``: a production installation."""

from __future__ import annotations

import click

from portal.cli import processes
from portal.cli.base import say, services_of, settings_of
from portal.core.settings import Settings

PROGRAMS = processes.Programs("wsgi:gateway", "portal.worker")


@click.command(help="start web and worker of a production installation; refuses, with its name, whatever is missing")
@click.pass_context
def run(context: click.Context) -> None:
    """Check the settings, bring the database to the present schema, start everything."""
    from portal.core.required import NotReady
    from portal.hospital import units

    settings = settings_of(context)
    if problems := settings.problems():
        raise click.ClickException(str(NotReady(problems)))
    if processes.taken(settings.port):
        raise click.ClickException(f"端口 {settings.port} 已有程序在用，请先停止它，或换一个端口（PORT）。")
    say("Qupiao 正在准备数据 …")
    migrate_database(settings)
    services = services_of(context)
    try:
        units.check_seals(services)
    except NotReady as error:
        raise click.ClickException(str(error)) from error
    finally:
        services.database.engine.dispose()
    context.exit(processes.serve(settings, PROGRAMS, lambda: say(f"\nQupiao is ready: {settings.base}\n")))


@click.command(help="bring the database to the present schema")
@click.pass_context
def migrate(context: click.Context) -> None:
    """Run the migrations that are missing."""
    migrate_database(settings_of(context))


def migrate_database(settings: Settings) -> None:
    """Bring the database to the present schema. One that this program does not know is refused in words."""
    from portal.models.schema import UnknownRevision, migrate

    try:
        migrate(settings.database)
    except UnknownRevision as unknown:
        raise SystemExit(str(unknown)) from None
