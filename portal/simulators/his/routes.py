"""The settlement desk: a simulated HIS that pushes any scene by the real signed HTTP interface (his-interface §1)."""

from __future__ import annotations

import hashlib
import json
import random
import secrets
from base64 import b64decode, b64encode
from typing import Any

import httpx
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from portal.core.clock import local, now
from portal.core.settings import DEMO_APPID, DEMO_KEY
from portal.simulators.context import Context
from portal.simulators.his.settlements import PERSONS, TITLES, settlement

PREFIXES = {"registration": "GH", "inpatient": "ZY", "checkup": "TJ", "checkup_employer": "TJ", "immunisation": "JZ"}


def envelope(values: dict[str, Any]) -> dict[str, str]:
    """The signed outer object; written here from the contract, as a HIS would, and not with the platform's code."""
    data = b64encode(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()).decode()
    noise = secrets.token_hex(16)
    text = f"appid={DEMO_APPID}&data={data}&noise={noise}&key={DEMO_KEY}&version=1.0"
    sign = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
    return {"appid": DEMO_APPID, "data": data, "noise": noise, "version": "1.0", "sign": sign}


def blueprint(context: Context) -> Blueprint:
    """Page and act of the desk."""
    pages = Blueprint("desk", __name__, url_prefix="/desk", template_folder="templates")
    http = httpx.Client(timeout=20, trust_env=False)

    def show(chosen: int = 0, **values: Any) -> str:
        values = {"error": "", "answer": "", "sent": "", "result": "", "link": "", "method": ""} | values
        return render_template("his.html", titles=TITLES, persons=PERSONS[:20], chosen=chosen, **values)

    @pages.get("")
    def desk() -> ResponseReturnValue:
        return show()

    @pages.post("")
    def push() -> ResponseReturnValue:
        scene, chosen = request.form["scene"], int(request.form.get("person", "0"))
        if scene not in TITLES or not 0 <= chosen < len(PERSONS):
            raise ValueError("没有这个场景或人物")
        moment = now()
        serial = request.form.get("serial", "").strip()[:50]
        serial = serial or f"{PREFIXES.get(scene, 'MZ')}{local(moment):%Y%m%d%H%M%S}{secrets.randbelow(1000):03d}"
        # The same serial makes the same settlement again, so that a repeated push can be tried out by hand.
        method, body = settlement(scene, PERSONS[chosen], serial, moment, random.Random(serial))
        sent = json.dumps(body, ensure_ascii=False, indent=1)
        address = f"{context.settings.base}/medical-web/api/medical/{method}"
        try:
            inner = json.loads(b64decode(http.post(address, json=envelope(body)).json()["data"]))
            message = b64decode(inner["message"]).decode()
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return show(
                chosen, error=f"平台没有应答（{type(error).__name__}），请用同一流水号 {serial} 再推送", sent=sent
            ), 502
        link = json.loads(message)["pictureUrl"] if inner["result"] == "S0000" else ""
        return show(chosen, result=inner["result"], answer=message, sent=sent, link=link, method=method)

    return pages
