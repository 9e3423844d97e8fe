"""The ``qupiao`` command: everything that whoever runs an installation does from a shell."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

import click

from portal.cli import audit, demo, his, offline, poster, run, staff, unit
from portal.core.settings import Settings

OF_AN_INSTALLATION = (run.migrate, offline.offline, poster.poster, staff.staff, audit.audit, unit.unit)
"""The commands that work on an installation, a production one or, below ``demo``, the invented one."""


@click.group(help="Qupiao 取票：医疗财政电子票据平台")
@click.pass_context
def qupiao(context: click.Context) -> None:
    """Work on the production installation that the environment describes."""
    context.obj = Settings


qupiao.add_command(run.run)
qupiao.add_command(his.his)
qupiao.add_command(demo.demo)
for command in OF_AN_INSTALLATION:
    qupiao.add_command(command)
    demo.demo.add_command(command)


_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EDQUOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    What it writes, and the processes that it starts, is for nobody else on the machine: names stand in the database.
    """
    os.umask(0o077)
    try:
        status = qupiao.main(arguments, prog_name="qupiao", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except OSError as error:
        if error.filename is None or error.errno not in _NOT_WRITABLE:
            raise
        words = (
            f"不能读写 {error.filename}（{error.strerror}）。请检查数据文件夹（DATA_DIR）的权限和所在磁盘，再重新启动。"
        )
        click.ClickException(words).show()
        return 1
    return status if isinstance(status, int) else 0
