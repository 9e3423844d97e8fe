"""``qupiao audit``: the log of acts."""

from __future__ import annotations

import click

from portal.cli.base import say, services_of


@click.group(help="the log of acts")
def audit() -> None:
    """Group the commands of the log."""


@audit.command(help="compute the hash chain again and name every row that does not fit")
@click.pass_context
def verify(context: click.Context) -> None:
    """Exit with status 1 when a row was changed, deleted, reordered or slipped in."""
    from portal.audit import chain

    services = services_of(context)
    with services.database.read() as connection:
        report = chain.verify(services, connection)
    for problem in report.problems:
        say(f"  第 {problem.seq} 环  记录 {problem.entry_id}  {problem.what}")
    verdict = "没有发现改动" if report.sound else f"发现 {len(report.problems)} 处异常"
    say(f"日志链共 {report.links} 环，{verdict}；{report.waiting} 条新日志等待入链。")
    context.exit(0 if report.sound else 1)
