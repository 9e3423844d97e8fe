"""``qupiao unit``: the units of an installation and their seals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from portal.cli.base import say, services_of
from portal.domain.actor import Actor
from portal.domain.errors import Refusal

if TYPE_CHECKING:
    from portal.hospital.units import Seals

ACTOR = Actor("system:command-line")
Command = TypeVar("Command", bound=Callable[..., Any])
_SEALS = (
    ("seal", "the unit's seal (单位印章)"),
    ("supervision-seal", "the seal of supervision (监制章)"),
)


def _with_seals(command: Command) -> Command:
    """Add the options of both seals to a command, all required."""
    for prefix, title in reversed(_SEALS):
        for part in ("hash", "name", "id"):
            help_text = f"{part} of {title}, as finance has given it"
            command = click.option(f"--{prefix}-{part}", required=True, help=help_text)(command)
    return command


@click.group(help="units (开票单位) and their seals")
def unit() -> None:
    """Group the commands of units."""


@unit.command(help="register a unit with its seals")
@click.argument("code")
@click.option("--name", required=True, help="name as licensed, printed on bills")
@click.option("--short-name", required=True, help="name on the patients' pages")
@click.option("--credit-code", required=True, help="统一社会信用代码")
@click.option("--region-code", required=True, help="行政区划代码, six digits")
@click.option("--org-type", default="综合医院", show_default=True, help="医疗机构类型")
@_with_seals
@click.pass_context
def add(context: click.Context, /, code: str, **values: str) -> None:
    """Register the unit CODE; the code is public and stands in its address ``/h/CODE``."""
    from portal.hospital import units

    licence = {name: values.pop(name) for name in ("name", "short_name", "credit_code", "region_code", "org_type")}
    new = units.NewUnit(code, **licence)
    _do(lambda: units.register(services_of(context), ACTOR, new, _seals(values)))
    say(f"已登记单位 {code}。")


@unit.command(help="give a unit the seals that its bills carry from now on")
@click.option("--unit", "code", default="", help="code of the unit; default: the only one")
@_with_seals
@click.pass_context
def seals(context: click.Context, /, code: str, **values: str) -> None:
    """Write the seals that finance has given."""
    from portal.hospital import units

    _do(lambda: units.seal(services_of(context), ACTOR, code, _seals(values)))
    say("已登记印章，重新启动后新开的票据使用它们。")


def _seals(values: dict[str, str]) -> Seals:
    from portal.hospital.units import Seals

    return Seals(**values)


def _do(act: Callable[[], object]) -> None:
    try:
        act()
    except Refusal as refusal:
        raise click.ClickException(str(refusal)) from refusal
