"""``qupiao poster``: the hospital code as a sheet to hang up."""

from __future__ import annotations

from pathlib import Path

import click

from portal.cli.base import say, services_of


@click.command(help="write the hospital code as a poster (PDF)")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--unit", default="", help="单位通码 code of the unit; default: the only one")
@click.option("--size", type=click.Choice(["A4", "A3"]), default="A4", show_default=True)
@click.pass_context
def poster(context: click.Context, file: Path, unit: str, size: str) -> None:
    """Write the poster of the unit."""
    from portal.domain.errors import Refusal
    from portal.hospital import units
    from portal.retrieval import files

    services = services_of(context)
    try:
        with services.database.read() as connection:
            code = units.by_code(connection, unit).code
        file.write_bytes(files.poster(services, code, size).data)
    except Refusal as refusal:
        raise click.ClickException(str(refusal)) from refusal
    say(f"{file}: {size}")
