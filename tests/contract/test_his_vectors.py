"""The worked vectors V1–V6 of the HIS interface, byte for byte."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from decimal import Decimal

from portal.his_contract import envelope
from portal.his_contract.envelope import Call
from tests.factories.his_vectors import (
    APPID,
    KEY,
    V1_ANSWER,
    V1_BODY,
    V1_BUSINESS,
    V1_MESSAGE,
    V2_ANSWER,
    V3_DATA,
    V3_NOISE,
    V3_SIGN,
    V4_BODY,
    V4_BUSINESS,
    V5_SIGN,
    V6_BUSINESS,
    V6_NOISE,
    V6_SIGN,
)

CALLER = Call(appid=APPID, version="1.0")


def test_v1_request() -> None:
    """A JSON body: members, signature, business object."""
    parsed = envelope.parse(V1_BODY.encode())
    assert envelope.signature_holds(parsed, KEY)
    assert envelope.business(parsed) == json.loads(V1_BUSINESS)
    assert envelope.base64_text(V1_BUSINESS) == parsed.data
    assert envelope.signature(parsed, KEY) == "9E810F9BF1F9BC5A3D326EBB50B36A27"


def test_v1_success_answer() -> None:
    """A success with payload, whole body."""
    answer = envelope.answer(CALLER, KEY, "S0000", V1_MESSAGE, "0a1b2c3d4e5f60718293a4b5c6d7e8f9")
    assert answer.decode() == V1_ANSWER


def test_v2_failure_answer() -> None:
    """A failure text, whole body."""
    answer = envelope.answer(CALLER, KEY, "E0001", "该票据已冲销，不能冲销开票", "ffeeddccbbaa99887766554433221100")
    assert answer.decode() == V2_ANSWER


def test_v3_success_without_payload() -> None:
    """A plain word."""
    answer = json.loads(envelope.answer(CALLER, KEY, "S0000", "操作成功", V3_NOISE))
    assert answer == {"data": V3_DATA, "noise": V3_NOISE, "sign": V3_SIGN}


def test_v4_form_encoded_request() -> None:
    """Form encoding with percent-encoded Base64."""
    parsed = envelope.parse(V4_BODY.encode())
    assert envelope.signature_holds(parsed, KEY)
    assert envelope.business(parsed) == json.loads(V4_BUSINESS)


def test_v5_region_prefix() -> None:
    """Multi-unit access puts region and deptcode in front."""
    members = json.loads(V1_BODY) | {"region": "990000", "deptcode": "000001", "sign": V5_SIGN}
    parsed = envelope.parse(json.dumps(members).encode())
    assert envelope.signature_holds(parsed, KEY)
    assert envelope.signature(parsed, KEY) == V5_SIGN
    assert not envelope.signature_holds(Call(parsed.appid, parsed.data, parsed.noise, parsed.version, V5_SIGN), KEY)


def test_v6_outpatient() -> None:
    """A complete issue request; amounts stay exact decimals."""
    data = envelope.base64_text(V6_BUSINESS)
    assert len(V6_BUSINESS.encode()) == 1244
    assert len(data) == 1660
    assert hashlib.md5(data.encode(), usedforsecurity=False).hexdigest().upper() == "8C22D330FAF91924387D41C2A2E8EE56"
    sent = Call(APPID, data, V6_NOISE, "1.0", V6_SIGN)
    assert envelope.signature_holds(sent, KEY)
    message = envelope.business(sent)
    assert message["totalAmt"] == Decimal("128.50")
    assert b64decode(data).decode() == V6_BUSINESS
