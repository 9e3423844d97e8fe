"""``qupiao staff``: staff accounts."""

from __future__ import annotations

import secrets

import click

from portal.cli.base import say, services_of


@click.group(help="staff accounts")
def staff() -> None:
    """Group the commands of staff accounts."""


@staff.command(help="the first administrators of an installation; prints a one-time password")
@click.argument("username")
@click.argument("name")
@click.argument("role", type=click.Choice(["system", "security", "auditor", "supervisor"]))
@click.option("--unit", default="", help="code of the unit; default: the only one")
@click.pass_context
def add(context: click.Context, username: str, name: str, role: str, unit: str) -> None:
    """Create an officer, or the first who decides, who must change the printed password at the first log-in."""
    from portal.access import accounts
    from portal.access.permissions import Role
    from portal.domain.errors import Refusal

    password = secrets.token_urlsafe(18)
    services = services_of(context)
    try:
        with services.database.write() as connection:
            accounts.create_first(connection, unit, username, name, Role(role), password)
    except Refusal as refusal:
        say(str(refusal))
        context.exit(1)
    say(f"已创建 {username}（{Role(role).title}）。一次性密码：{password}　首次登录须修改。")


@staff.command(
    help="unlock an account that too many wrong passwords have locked, when nobody is left who could at the console"
)
@click.argument("username")
@click.pass_context
def unlock(context: click.Context, username: str) -> None:
    """Forget the wrong passwords of an account; in the log of acts like the same act at the console."""
    from portal.access import administration
    from portal.domain.errors import Refusal

    services = services_of(context)
    try:
        administration.unlock_named(services, username)
    except Refusal as refusal:
        say(str(refusal))
        context.exit(1)
    say(f"已解锁 {username}。")


@staff.command(
    help="a new one-time password for an officer or an approver, when nobody at the console could agree to it"
)
@click.argument("username")
@click.option("--second-factor", is_flag=True, help="take the lost second factor away as well")
@click.pass_context
def reset(context: click.Context, username: str, second_factor: bool) -> None:
    """Print a one-time password, which must be changed at the first log-in; in the log of acts like the same act."""
    from portal.access import administration
    from portal.domain.errors import Refusal

    services = services_of(context)
    try:
        opened = administration.reset_named(services, username, second_factor_too=second_factor)
    except Refusal as refusal:
        say(str(refusal))
        context.exit(1)
    say(f"已重置 {opened.username}。一次性密码：{opened.password}　首次登录须修改。")
