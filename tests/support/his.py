"""A HIS for tests: signed calls in process or over HTTP, and settlements whose sums agree."""

from __future__ import annotations

import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import insert, select, update

from portal.core.clock import business_day, now, stamp17
from portal.demo.accounts import DEMO_APPID, DEMO_KEY
from portal.his_contract.envelope import Call, signature
from portal.models.tables import HIS_ACCOUNT, HIS_MAPPING

SETTLED = now() - timedelta(minutes=5)
"""When the settlements of this run were made, by the application's clock: lists of the last days show them."""
DAY = business_day(SETTLED)


def day(later: int = 0) -> str:
    """``yyyyMMdd`` of the settlements, or some days later."""
    return f"{DAY + timedelta(days=later):%Y%m%d}"


def at(clock: str, later: int = 0) -> str:
    """``yyyyMMddHHmmssSSS`` of a time ``HHmmss`` on the day of the settlements, or some days later."""
    return f"{day(later)}{clock}000"


@dataclass(frozen=True)
class Answer:
    """A decoded answer: result code, message text, and the payload when the message is an object."""

    result: str
    message: str

    @property
    def payload(self) -> dict[str, Any]:
        """The message as an object."""
        return json.loads(self.message)

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.result == "S0000"


def encode(values: Any, key: str = DEMO_KEY, appid: str = DEMO_APPID) -> dict[str, str]:
    """The signed outer object of a call."""
    data = b64encode(json.dumps(values, ensure_ascii=False).encode()).decode()
    noise = uuid.uuid4().hex
    sign = signature(Call(appid, data, noise, "1.0", ""), key)
    return {"appid": appid, "data": data, "noise": noise, "version": "1.0", "sign": sign}


def decode(body: Any) -> Answer:
    """The answer inside an envelope; fails when it is not well-formed."""
    assert set(body) == {"data", "noise", "sign"}, body
    inner = json.loads(b64decode(body["data"], validate=True))
    assert set(inner) == {"result", "message"}
    return Answer(inner["result"], b64decode(inner["message"], validate=True).decode())


def account_of(app: Flask, policies: dict[str, str] | None = None, **tables: dict[str, str]) -> None:
    """Set switches and mapping rows of the demo's HIS account; they count at once."""
    runtime = app.extensions["qupiao"]
    with runtime.services.database.write() as connection:
        account_id = connection.scalar(select(HIS_ACCOUNT.c.id).where(HIS_ACCOUNT.c.appid == DEMO_APPID))
        of_demo = update(HIS_ACCOUNT).where(HIS_ACCOUNT.c.id == account_id)
        connection.execute(of_demo.values(policies=policies or {}))
        for table, rows in tables.items():
            one = {"account_id": account_id, "table_name": table}
            for sent, ours in rows.items():
                connection.execute(insert(HIS_MAPPING), one | {"sent_code": sent, "our_code": ours})
    runtime.his_accounts._known.clear()


class His:
    """Calls methods of an application in process."""

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def call(self, method: str, values: Any, **headers: str) -> Answer:
        """One signed call."""
        return self.raw(method, json.dumps(encode(values)).encode(), **headers)

    def raw(self, method: str, body: bytes, **headers: str) -> Answer:
        """One call with a body as it is; HTTP status 200 whatever happens."""
        response = self._client.post(
            f"/medical-web/api/medical/{method}", data=body, headers={"Content-Type": "application/json"} | headers
        )
        assert response.status_code == 200
        return decode(response.get_json())


def http(base: str, timeout: float = 20.0) -> Callable[[str, Any], Answer]:
    """A HIS over real HTTP; transport errors are raised as httpx errors."""
    client = httpx.Client(base_url=base, timeout=timeout, trust_env=False)

    def call(method: str, values: Any) -> Answer:
        response = client.post(f"/medical-web/api/medical/{method}", json=encode(values))
        response.raise_for_status()
        return decode(response.json())

    return call


def outpatient(serial: str, **changes: Any) -> dict[str, Any]:
    """An outpatient settlement of 128.50 yuan with two charges and one detail; ``changes`` replace members."""
    return {
        "busNo": serial,
        "busType": "02",
        "payer": "林演安",
        "busDateTime": stamp17(SETTLED),
        "placeCode": "01",
        "payee": "收费员甲",
        "author": "收费员甲",
        "checker": "复核员乙",
        "totalAmt": 128.50,
        "payerType": "1",
        "cardType": "1101",
        "cardNo": "000000195203150010",
        "tel": "10000000001",
        "medicalInstitution": "乡镇卫生院",
        "medicalCareType": "城乡居民基本医疗保险",
        "consultationDate": day(),
        "patientCategory": "内科",
        "patientCategoryCode": "0301",
        "patientNo": "MZ0000001",
        "sex": "男",
        "age": "74岁",
        "accountPay": 0,
        "fundPay": "80.00",
        "otherfundPay": 0,
        "ownPay": 8.5,
        "selfPayAmt": 40,
        "selfCashPay": 48.5,
        "payChannelDetail": [
            {"payChannelCode": "05", "payChannelValue": 48.50},
            {"payChannelCode": "11", "payChannelValue": 80},
        ],
        "chargeDetail": [
            {
                "sortNo": 1,
                "chargeCode": "0101",
                "chargeName": "诊查费",
                "unit": "次",
                "std": 20,
                "number": 1,
                "amt": 20,
            },
            {"sortNo": 2, "chargeCode": "0109", "chargeName": "西药费", "std": 108.5, "number": 1, "amt": 108.5},
        ],
        "listDetail": [
            {"chargeCode": "0101", "code": "F001", "name": "诊查费", "std": 20, "number": 1, "amt": 20},
            {
                "chargeCode": "0109",
                "code": "YP0001",
                "name": "示例药片",
                "specification": "10mg*7",
                "unit": "盒",
                "std": "54.2500",
                "number": 2,
                "amt": 108.5,
            },
        ],
    } | changes
