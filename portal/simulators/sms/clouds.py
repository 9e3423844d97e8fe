"""Routes of the two simulated SMS clouds, 阿里云 and 腾讯云: their own contracts before the inbox of ``/sms``.

Signatures are checked. Nothing is de-duplicated, because the real clouds do not do it either. The faults are those of
``/sms``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request

from portal.providers.sms.aliyun import acs3, encoded
from portal.providers.sms.tencent import tc3
from portal.simulators.context import state_of
from portal.simulators.server import deliver
from portal.simulators.sms.rules import GatewayRefusal
from portal.simulators.sms.state import Sms

SKEW_SECONDS = 300
TEMPLATES = {"SMS_code": "code", "SMS_bill": "bill", "SMS_reversed": "reversed"}
"""Approved templates: the cloud's code → ours."""
_NAMES = {1: ("hospital",), 2: ("hospital", "stop"), 5: ("hospital", "payer", "day", "what", "token")}
"""The parameters of the approved texts of 腾讯云, which are told by their place, by how many there are."""
_TENCENT = {
    "isv.BUSINESS_LIMIT_CONTROL": "LimitExceeded.PhoneNumberDailyLimit",
    "isv.MOBILE_NUMBER_ILLEGAL": "InvalidParameterValue.IncorrectPhoneNumber",
    "isv.SMS_TEMPLATE_ILLEGAL": "FailedOperation.TemplateIncorrectOrUnapproved",
}

pages = Blueprint("smscloud", __name__, url_prefix="/smscloud")


@pages.post("/aliyun/")
def answer_aliyun() -> Response:
    """Answer a call of 阿里云: send a message, or tell what became of those to a phone."""
    here = state_of(Sms)
    if here.faults.strikes("down"):
        return Response("<html>bad gateway</html>", 503)
    query, proof = request.args.to_dict(), _fields(request.headers.get("Authorization", ""))
    headers = _signed_headers(proof.get("SignedHeaders", ""))
    headers |= {"x-acs-content-sha256": hashlib.sha256(request.get_data(cache=False)).hexdigest()}
    good = acs3(here.app_key, encoded(query), headers)
    if not hmac.compare_digest(good, proof.get("Signature", "")) or proof["Credential"] != here.app_id:
        return _answer({"Code": "SignatureDoesNotMatch", "Message": "签名不正确"}, 400)
    if request.headers.get("x-acs-action") == "QuerySendDetails":
        sent = [one for one in here.gateway.messages(1000) if one["phone"] == query["PhoneNumber"]]
        rows = [{"OutId": one["out_id"].partition(":")[0], "SendStatus": 3, "ErrCode": "DELIVERED"} for one in sent]
        return _answer({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows[:50]}})
    try:
        params = json.loads(query["TemplateParam"])
        reference = _take(query["PhoneNumbers"], query["TemplateCode"], params, query["OutId"])
    except GatewayRefusal as refusal:
        return _answer({"Code": refusal.code, "Message": refusal.message})  # a refusal is HTTP 200 there
    return deliver(_answer({"Code": "OK", "Message": "OK", "BizId": reference}), here.faults)


@pages.post("/tencent/")
def answer_tencent() -> Response:
    """Answer a call of 腾讯云: send a message."""
    here = state_of(Sms)
    if here.faults.strikes("down"):
        return Response("<html>bad gateway</html>", 503)
    body, proof = request.get_data(cache=False), _fields(request.headers.get("Authorization", ""))
    stamp = int(request.headers.get("X-TC-Timestamp", "0"))
    good = tc3(here.app_key, "sms", _signed_headers(proof.get("SignedHeaders", "")), body, stamp)
    known = proof.get("Credential", "").partition("/")[0] == here.app_id
    if not known or not hmac.compare_digest(good, proof.get("Signature", "")):
        return _failed("AuthFailure.SignatureFailure")
    if abs(time.time() - stamp) > SKEW_SECONDS:
        return _failed("AuthFailure.SignatureExpire")
    fields = json.loads(body)
    phone, template = fields["PhoneNumberSet"][0].removeprefix("+86"), fields["TemplateId"]
    values = fields["TemplateParamSet"]
    names = ("code",) if template == "SMS_code" else _NAMES[len(values)]
    status = {"PhoneNumber": fields["PhoneNumberSet"][0], "SessionContext": fields["SessionContext"]}
    try:
        params = dict(zip(names, values, strict=True))
        reference = _take(phone, template, params, fields["SessionContext"])
        status |= {"Code": "Ok", "SerialNo": reference}
    except GatewayRefusal as refusal:
        status |= {"Code": _TENCENT.get(refusal.code, "FailedOperation.FailResolvePacket"), "SerialNo": ""}
    answer = {"Response": {"SendStatusSet": [status], "RequestId": secrets.token_hex(8)}}
    return deliver(_answer(answer), here.faults)


def _take(phone: str, code: str, params: dict[str, str], out_id: str) -> str:
    body = {"phone": phone, "template": TEMPLATES.get(code, code), "params": params}
    sent = json.dumps(body | {"out_id": f"{out_id}:{secrets.token_hex(4)}"}).encode()
    return state_of(Sms).gateway.send(sent)


def _fields(header: str) -> dict[str, str]:
    """Read ``Credential``, ``SignedHeaders`` and ``Signature`` of an Authorization header."""
    parts = header.partition(" ")[2].replace(" ", "").split(",")
    return dict(part.split("=", 1) for part in parts if "=" in part)


def _signed_headers(names: str) -> dict[str, str]:
    return {name: request.headers.get(name, "") for name in names.split(";") if name}


def _failed(code: str) -> Response:
    return _answer({"Response": {"Error": {"Code": code, "Message": code}, "RequestId": secrets.token_hex(8)}})


def _answer(body: Mapping[str, object], status: int = 200) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response
