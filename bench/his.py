"""A HIS that issues bills: signed calls as bytes to send, and calls of the application in our own process."""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from flask import Flask

from portal.demo.accounts import DEMO_APPID, DEMO_KEY
from portal.his_contract.envelope import SUCCESS, sign

METHOD = "invoiceEBillOutpatient"
PATH = f"/medical-web/api/medical/{METHOD}"
ISSUED = b'"data":"eyJyZXN1bHQiOiJTMDAwMCIs'
"""How the answer of a bill that was issued begins: the Base64 of ``{"result":"S0000",``."""


def signed(settlement: Mapping[str, Any]) -> bytes:
    """Return the body of a signed call."""
    data = b64encode(json.dumps(settlement, ensure_ascii=False).encode()).decode()
    noise = secrets.token_hex(16)
    envelope = {"appid": DEMO_APPID, "data": data, "noise": noise, "version": "1.0"}
    return json.dumps(envelope | {"sign": sign(DEMO_APPID, data, noise, DEMO_KEY, "1.0")}).encode()


def issue(app: Flask, settlement: Mapping[str, Any]) -> dict[str, Any]:
    """Issue one bill in process and return the answer's content. Raises RuntimeError if it is refused."""
    response = app.test_client().post(PATH, data=signed(settlement), content_type="application/json")
    answer = json.loads(b64decode(response.get_json()["data"]))
    message = b64decode(answer["message"]).decode()
    if answer["result"] != SUCCESS:
        raise RuntimeError(message)
    content: dict[str, Any] = json.loads(message)
    return content
