"""Rules of the simulated HIS: the signed call of the interface, and numbers for new settlements."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from portal.core.clock import local
from portal.demo.accounts import DEMO_APPID, DEMO_KEY

PREFIXES = {"registration": "GH", "inpatient": "ZY", "checkup": "TJ", "checkup_employer": "TJ", "immunisation": "JZ"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the interface: its result code and its message as text."""

    result: str
    message: str

    @property
    def link(self) -> str:
        """The address of the bill that was issued."""
        return str(json.loads(self.message)["pictureUrl"]) if self.result == "S0000" else ""


def envelope(values: dict[str, Any]) -> dict[str, str]:
    """Wrap and sign a call; written from the contract, as a HIS would, and not with the platform's code."""
    data = b64encode(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()).decode()
    noise = secrets.token_hex(16)
    text = f"appid={DEMO_APPID}&data={data}&noise={noise}&key={DEMO_KEY}&version=1.0"
    sign = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
    return {"appid": DEMO_APPID, "data": data, "noise": noise, "version": "1.0", "sign": sign}


def call(http: httpx.Client, base: str, method: str, values: dict[str, Any]) -> Reply:
    """Call a method of the interface. Raises httpx.HTTPError, ValueError, KeyError without a proper answer."""
    answer = http.post(f"{base}/medical-web/api/medical/{method}", json=envelope(values)).json()
    inner = json.loads(b64decode(answer["data"]))
    return Reply(inner["result"], b64decode(inner["message"]).decode())


def new_serial(scene: str, moment: datetime) -> str:
    """Make the business serial of a new settlement."""
    return f"{PREFIXES.get(scene, 'MZ')}{local(moment):%Y%m%d%H%M%S}{secrets.randbelow(1000):03d}"
