"""``qupiao his``: act as a HIS towards a running platform."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import click

from portal.cli.base import say
from portal.core.settings import Settings
from portal.demo.accounts import DEMO_APPID, DEMO_KEY


@click.group(help="act as a HIS")
def his() -> None:
    """Group the commands of a HIS."""


@his.command(help="push one settlement file by the signed HTTP interface; default: the demo's account")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--method", default="invoiceEBillOutpatient", show_default=True)
@click.option("--url", default="", help="address of the platform; default: this installation's")
@click.option("--appid", default=DEMO_APPID, show_default=True)
@click.option("--key", default=DEMO_KEY, envvar="HIS_KEY")
@click.pass_context
def push(context: click.Context, file: Path, method: str, url: str, appid: str, key: str) -> None:
    """Sign and send the business object in FILE, or its {"method": …, "body": …}; print the decoded answer."""
    content = json.loads(file.read_text(encoding="utf-8"))
    method, body = (content["method"], content["body"]) if "method" in content else (method, content)
    base = url or Settings().base
    request = urllib.request.Request(
        f"{base}/medical-web/api/medical/{method}",
        json.dumps(_envelope(body, appid, key)).encode(),
        {"Content-Type": "application/json; charset=utf-8"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            inner = json.loads(b64decode(json.load(answer)["data"]))
    except (urllib.error.URLError, OSError) as error:
        say(f"连不上 {base}：{error}。请确认平台已启动（make run）。")
        context.exit(2)
    say(f"{inner['result']}  {b64decode(inner['message']).decode()}")
    context.exit(0 if inner["result"] == "S0000" else 1)


def _envelope(body: Any, appid: str, key: str) -> dict[str, str]:
    from portal.his_contract.envelope import Call, signature

    data = b64encode(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()).decode()
    envelope = {"appid": appid, "data": data, "noise": secrets.token_hex(16), "version": "1.0", "sign": ""}
    return envelope | {"sign": signature(Call(**envelope), key)}
