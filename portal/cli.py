"""The ``qupiao`` command: run everything, make demo data, push a settlement as a HIS would."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from pathlib import Path

from portal.core.services import Services
from portal.core.settings import DEMO_APPID, DEMO_KEY, Settings

HOST = os.environ.get("HOST", "127.0.0.1")
PARENT_DEATH_SIGNAL = 1
"""Linux's ``PR_SET_PDEATHSIG``."""


def main(arguments: list[str] | None = None) -> int:
    """Entry of the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="qupiao", description="Qupiao 取票：医疗财政电子票据平台")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start web, worker and, in the demo, the simulators")
    commands.add_parser("migrate", help="bring the database to the present schema")
    demo = commands.add_parser("demo", help="make demo bills")
    demo.add_argument("--days", type=int, default=30, help="how many days back (default 30)")
    his = commands.add_parser("his", help="act as a HIS").add_subparsers(dest="his", required=True)
    push = his.add_parser("push", help="push one settlement file by the signed HTTP interface")
    push.add_argument("file", type=Path, help='JSON: the business object, or {"method": …, "body": …}')
    push.add_argument("--method", default="invoiceEBillOutpatient")
    push.add_argument("--url", default="")
    push.add_argument("--appid", default=DEMO_APPID)
    push.add_argument("--key", default=os.environ.get("HIS_KEY", DEMO_KEY))
    offline = commands.add_parser("offline", help="bill links without a network").add_subparsers(
        dest="offline", required=True
    )
    key = offline.add_parser("key", help="print the link key to hand to a HIS account (keep it secret)")
    link = offline.add_parser("link", help="print the link that a serial's bill has or will have")
    for offline_command in (key, link):
        offline_command.add_argument("--appid", default=DEMO_APPID)
        offline_command.add_argument("--key-id", default="", help="default: the one in use")
    link.add_argument("serial", help="业务流水号 as the HIS sends it (busNo)")
    link.add_argument("--unit", default="pgzx", help="单位通码 code of the unit")
    link.add_argument("--key", default="", help="the account's link key in hex; default: from this installation")
    sheet = commands.add_parser("poster", help="write the hospital code as a poster (PDF)")
    sheet.add_argument("file", type=Path)
    sheet.add_argument("--unit", default="pgzx", help="单位通码 code of the unit")
    sheet.add_argument("--size", choices=["A4", "A3"], default="A4")
    audit = commands.add_parser("audit", help="the log of acts").add_subparsers(dest="audit", required=True)
    audit.add_parser("verify", help="compute the hash chain again and name every row that does not fit")
    staff = commands.add_parser("staff", help="staff accounts").add_subparsers(dest="staff", required=True)
    first = staff.add_parser("add", help="the first administrators of an installation; prints a one-time password")
    first.add_argument("username")
    first.add_argument("name")
    first.add_argument("role", choices=["system", "security", "auditor"])
    first.add_argument("--unit", default="", help="code of the unit; default: the only one")
    chosen = parser.parse_args(arguments)
    if chosen.command == "run":
        return run()
    if chosen.command == "migrate":
        return _migrate(Settings())
    if chosen.command == "demo":
        return make_demo(chosen.days)
    if chosen.command == "poster":
        return write_poster(chosen)
    if chosen.command == "audit":
        return verify_audit()
    if chosen.command == "staff":
        return add_officer(chosen)
    if chosen.command == "offline":
        return offline_link(chosen)
    return push_file(chosen)


def _say(text: str) -> None:
    print(text, flush=True)


def _migrate(settings: Settings) -> int:
    _bring_up(settings.database)
    return 0


def _bring_up(url: str) -> None:
    from portal.models.schema import UnknownRevision, migrate

    try:
        migrate(url)
    except UnknownRevision as unknown:
        raise SystemExit(str(unknown)) from None


def _demo_settings() -> Settings:
    os.environ.setdefault("QUPIAO_DEMO", "1")
    return Settings()


def write_poster(chosen: argparse.Namespace) -> int:
    """``qupiao poster FILE``: the hospital code, to print and hang up."""
    from portal.app import create_app
    from portal.retrieval import files

    services = create_app(_demo_settings()).extensions["qupiao"].services
    chosen.file.write_bytes(files.poster(services, chosen.unit, chosen.size).data)
    _say(f"{chosen.file}: {chosen.size}")
    return 0


def make_demo(days: int) -> int:
    """``qupiao demo --days N``: catalogues if missing, then bills along the day curve."""
    from portal.app import create_app
    from portal.demo import hospital as demo

    settings = _demo_settings()
    _migrate(settings)
    app = create_app(settings)
    services = app.extensions["qupiao"].services
    demo.seed(services)
    started = time.monotonic()
    made = demo.bills(app, days, lambda count: _say(f"  演示票据 {count} 张 …"))
    _say(f"  新开具 {made} 张，用时 {time.monotonic() - started:.0f} 秒")
    return 0


def _services(settings: Settings) -> Services:
    from portal.app import build_services
    from portal.core.database import Database, make_engine

    return build_services(settings, Database(make_engine(settings.database)))


def verify_audit() -> int:
    """``qupiao audit verify``: exit status 1 when a row was changed, deleted, reordered or slipped in."""
    from portal.audit import chain

    services = _services(Settings())
    with services.database.read() as connection:
        report = chain.verify(services, connection)
    for problem in report.problems:
        _say(f"  第 {problem.seq} 环  记录 {problem.entry_id}  {problem.what}")
    verdict = "没有发现改动" if report.sound else f"发现 {len(report.problems)} 处异常"
    _say(f"日志链共 {report.links} 环，{verdict}；{report.waiting} 条新日志等待入链。")
    return 0 if report.sound else 1


def add_officer(chosen: argparse.Namespace) -> int:
    """``qupiao staff add``: an officer who must change the printed password at the first log-in."""
    from portal.access import accounts
    from portal.access.permissions import Role
    from portal.domain.errors import Refusal

    password = secrets.token_urlsafe(18)
    services = _services(Settings())
    try:
        with services.database.write() as connection:
            accounts.create_first(connection, chosen.unit, chosen.username, chosen.name, Role(chosen.role), password)
    except Refusal as refusal:
        _say(str(refusal))
        return 1
    _say(f"已创建 {chosen.username}（{Role(chosen.role).title}）。一次性密码：{password}　首次登录须修改。")
    return 0


def push_file(chosen: argparse.Namespace) -> int:
    """``qupiao his push``: sign, send, print the decoded answer; exit status 1 when refused."""
    from portal.his_contract.envelope import Call, signature

    content = json.loads(chosen.file.read_text(encoding="utf-8"))
    method, body = (content["method"], content["body"]) if "method" in content else (chosen.method, content)
    data = b64encode(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()).decode()
    noise = secrets.token_hex(16)
    envelope = {"appid": chosen.appid, "data": data, "noise": noise, "version": "1.0", "sign": ""}
    envelope["sign"] = signature(Call(**envelope), chosen.key)
    base = chosen.url or Settings().base
    request = urllib.request.Request(
        f"{base}/medical-web/api/medical/{method}",
        json.dumps(envelope).encode(),
        {"Content-Type": "application/json; charset=utf-8"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            inner = json.loads(b64decode(json.load(answer)["data"]))
    except (urllib.error.URLError, OSError) as error:
        _say(f"连不上 {base}：{error}。请确认平台已启动（make run）。")
        return 2
    _say(f"{inner['result']}  {b64decode(inner['message']).decode()}")
    return 0 if inner["result"] == "S0000" else 1


def offline_link(chosen: argparse.Namespace) -> int:
    """``qupiao offline key|link``: the rule of docs/offline-link.md, computed without database or network."""
    from portal.core.crypto.keyring import Keyring
    from portal.domain.link import token

    settings = _demo_settings()
    key_id = chosen.key_id or settings.link_key_ids[0]
    given = getattr(chosen, "key", "")
    if given:
        key = bytes.fromhex(given)
    else:
        keyring = Keyring.open(settings.data_dir, settings.master_key, settings.demo)
        key = keyring.link_key(key_id, chosen.appid)
    if chosen.offline == "key":
        _say(f"{key_id} {key.hex()}")
    else:
        base = (settings.net_url or settings.base).rstrip("/")
        _say(f"{base}/b/{token(key, key_id, chosen.unit, chosen.serial.strip())}")
    return 0


class Processes:
    """The children of ``qupiao run``: started, watched, started again when they die, stopped together.

    On Linux they also end when we are killed without warning: a web server left behind would share the port with the
    next one and answer half of its callers with old code.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._prctl = getattr(ctypes.CDLL(None), "prctl", None)
        self._children: dict[str, tuple[list[str], subprocess.Popen[bytes]]] = {}

    def start(self, name: str, command: list[str]) -> None:
        """Start one child in a process group of its own, so that Ctrl-C reaches us first."""
        child = subprocess.Popen(
            command,
            env=self._environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=self._end_with_us,  # noqa: PLW1509 - one system call, and this process has no other thread yet
        )
        self._children[name] = (command, child)

    def _end_with_us(self) -> None:
        if self._prctl is not None:
            self._prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)

    def watch(self) -> None:
        """Start again whatever has died."""
        for name, (command, child) in list(self._children.items()):
            if child.poll() is not None:
                _say(f"  {name} 已退出（{child.returncode}），正在重新启动")
                self.start(name, command)

    def stop(self) -> None:
        """Ask all to finish; after ten seconds end them."""
        for _, child in self._children.values():
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        for _, child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _wait_until_ready(url: str, stop: threading.Event, seconds: float = 300) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=2):
                return True
        except OSError:
            if stop.wait(0.2):
                return False
    return False


def run() -> int:
    """``qupiao run``: prepare data, start everything, say where it is, stop cleanly on Ctrl-C."""
    settings = _demo_settings()
    if _taken(settings.port):
        _say(f"端口 {settings.port} 已有程序在用，可能是另一份取票。请先停止它，或换一个端口：PORT=8200 make run")
        return 1
    _say("Qupiao 正在准备数据 …")
    if settings.demo:
        _prepare_demo(settings)
    else:
        _migrate(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    python = sys.executable
    web = [python, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(settings.port)]
    web += ["--workers", str(settings.workers), "--blocking-threads", str(settings.threads)]
    web += ["--no-ws", "--backpressure", "128", "--log-level", "warning", "--workers-kill-timeout", "8"]
    processes = Processes(os.environ | {"PORT": str(settings.port)})
    processes.start("网站", [*web, "wsgi:application"])
    if settings.demo:
        processes.start("模拟器", [python, "-m", "portal.simulators"])
    processes.start("后台任务", [python, "-m", "portal.worker"])
    try:
        pages = [f"http://127.0.0.1:{settings.port}/readyz"] + ([settings.simulators + "/"] if settings.demo else [])
        if all(_wait_until_ready(page, stop) for page in pages):
            _announce(settings)
        elif not stop.is_set():
            _say("启动没有成功，请查看上面的输出。")
            return 1
        while not stop.wait(1.0):
            processes.watch()
    finally:
        _say("正在停止 …")
        processes.stop()
    _say("已停止。")
    return 0


def _taken(port: int) -> bool:
    """Whether somebody answers there: a second web server would get the port all the same, and half of the calls."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _prepare_demo(settings: Settings) -> None:
    _bring_up(settings.database)
    done = settings.data_dir / "demo.done"
    if not done.exists():
        # In a process of its own: what the preparation held in memory is gone before the servers start.
        days = os.environ.get("DEMO_DAYS", "30")
        subprocess.run([sys.executable, "-m", "portal.cli", "demo", "--days", days], check=True, env=dict(os.environ))
        done.touch()


def _announce(settings: Settings) -> None:
    _say(f"\nQupiao is ready: http://127.0.0.1:{settings.port}\n")
    if not settings.demo:
        return
    from portal.demo.hospital import COMPANY_PHONE, KIOSK_TOKEN, STAFF

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
        _say(f"  {address:<52} {title}")
    _say("\n  演示患者  林演安  000000195203150010      验证码看短信收件箱")
    _say(f"  演示单位经办人  {COMPANY_PHONE}（取票页面选“单位取票”）")
    _say(f"  演示工作人员  {'、'.join(name for name, *_ in STAFF)}      密码 {settings.demo_password}")
    _say(f"  演示接口账号  appid {DEMO_APPID}  key {DEMO_KEY}")
    _say("\n  按 Ctrl-C 停止\n")


if __name__ == "__main__":
    sys.exit(main())
