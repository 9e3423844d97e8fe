"""``qupiao demo``: the invented installation, its bills, and every other command on it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click

from portal.cli import processes
from portal.cli.base import say
from portal.cli.run import migrate_database
from portal.demo.accounts import DEMO_APPID, DEMO_KEY
from portal.demo.settings import DemoSettings

HISTORY = "demo.history"
"""In ``DATA_DIR``: the parts of the demo's history that are written."""


@click.group(help="the invented hospital: simulators, invented people and bills; every command on it")
@click.pass_context
def demo(context: click.Context) -> None:
    """Work on the invented installation."""
    context.obj = DemoSettings


@demo.command(help="start web, worker and simulators, with invented data on the first start")
@click.pass_context
def run(context: click.Context) -> None:
    """Prepare the data, start everything, say where it is."""
    settings = DemoSettings()
    if processes.taken(settings.port):
        say(f"端口 {settings.port} 已有程序在用，可能是另一份取票。请先停止它，或换一个端口：PORT=8200 make run")
        context.exit(1)
    say("Qupiao 正在准备数据 …")
    _prepare(settings)
    # A month of bills goes to finance at once: a line for each would hide the addresses that are printed below.
    os.environ.setdefault("QUPIAO_LOG_LEVEL", "warning")
    programs = processes.Programs(
        "portal.demo.wsgi:gateway",
        "portal.demo.worker",
        {"模拟器": "portal.simulators"},
        [f"{settings.simulators}/"],
        () if _history_is_written(settings) else ("-m", "portal.cli", "demo", "history"),
    )
    context.exit(processes.serve(settings, programs, lambda: _announce(settings)))


@demo.command(help="write the invented hospital into an empty database, without bills")
def seed() -> None:
    """Write catalogues, accounts and numbers once."""
    from portal.app import create_app
    from portal.demo import hospital

    settings = DemoSettings()
    migrate_database(settings)
    written = hospital.seed(create_app(settings).extensions["qupiao"].services)
    say("已写入演示单位。" if written else "已有单位，没有改动。")


@demo.command(help="make the bills of DAYS days back (default 30)")
@click.argument("days", type=click.IntRange(0, 3650), default=30)
def days(days: int) -> None:
    """Write the catalogues if they are missing, then bills along the day curve."""
    from portal.app import create_app
    from portal.demo import hospital

    settings = DemoSettings()
    migrate_database(settings)
    app = create_app(settings)
    hospital.seed(app.extensions["qupiao"].services)
    started = time.monotonic()
    made = hospital.bills(app, days, lambda count: say(f"  演示票据 {count} 张 …"))
    say(f"  新开具 {made} 张，用时 {time.monotonic() - started:.0f} 秒")


@demo.command(help="write what happened besides issuing: red bills, paper, requests, approvals, stock documents")
def history() -> None:
    """Write the parts of the history that are missing; a start that was interrupted goes on here."""
    from portal.app import create_app
    from portal.demo import history as parts

    settings = DemoSettings()
    app = create_app(settings)
    parts.write(app.extensions["qupiao"], settings.data_dir / HISTORY)
    say("  演示历史已写入：红票、换开、申请、复核、库存单据等。")


def _history_is_written(settings: DemoSettings) -> bool:
    from portal.demo.history import PARTS

    done = settings.data_dir / HISTORY
    return done.exists() and set(PARTS) <= set(done.read_text(encoding="ascii").split())


def _prepare(settings: DemoSettings) -> None:
    migrate_database(settings)
    done = settings.data_dir / "demo.done"
    if not done.exists():
        # In a process of its own: what the preparation held in memory is gone before the servers start.
        count = os.environ.get("DEMO_DAYS", "30")
        subprocess.run([sys.executable, "-m", "portal.cli", "demo", "days", count], check=True, env=dict(os.environ))
        done.touch()


def _announce(settings: DemoSettings) -> None:
    from portal.demo.hospital import COMPANY_PHONE, KIOSK_TOKEN, STAFF

    say(f"\nQupiao is ready: http://127.0.0.1:{settings.port}\n")
    base, simulators = settings.base, settings.simulators
    for title, address in (
        ("患者取票（单位通码）", f"{base}/h/pgzx"),
        ("工作人员控制台", f"{base}/console"),
        (f"自助机（设备口令 {KIOSK_TOKEN}）", f"{base}/kiosk"),
        ("结算台（模拟HIS推送）", f"{simulators}/desk"),
        ("财政模拟器", f"{simulators}/finance"),
        ("短信收件箱（验证码在这里）", f"{simulators}/sms"),
        ("邮箱（发出的邮件在这里）", f"{simulators}/mail"),
        ("微信模拟器（消息和卡包）", f"{simulators}/wechat"),
        ("支付宝模拟器（消息和卡包）", f"{simulators}/alipay"),
        ("医院APP推送收件箱", f"{simulators}/push"),
        ("小程序接口文档", f"{base}/api/mini/v1/docs"),
        ("HIS 接口", f"{base}/medical-web/api/medical/"),
    ):
        say(f"  {address:<52} {title}")
    say("\n  演示患者  林演安  000000195203150010      验证码看短信收件箱")
    say(f"  演示单位经办人  {COMPANY_PHONE}（取票页面选“单位取票”）")
    say(f"  演示工作人员  {'、'.join(name for name, *_ in STAFF)}      密码 {settings.demo_password}")
    say(f"  演示接口账号  appid {DEMO_APPID}  key {DEMO_KEY}")
    say("\n  按 Ctrl-C 停止\n")
