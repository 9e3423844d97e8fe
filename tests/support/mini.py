"""The mini-program's API as a phone calls it, and its answers held against the document."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.blueprints.mini import openapi
from portal.blueprints.mini.schemas import SCHEMAS
from portal.models import OneTimeCode
from tests.support.platforms import MINI_USER
from tests.support.processes.simulators import Simulators

BASE = openapi.BASE
NAME, NUMBER, PHONE = "林演安", "000000195203150010", "10000000001"
OTHER = "oDEMO-miniapp-user-00000002"


class Phone:
    """A mini-program on somebody's phone: keeps its token."""

    def __init__(self, app: Flask, process: Simulators, openid: str = MINI_USER) -> None:
        self.app, self.process, self.openid = app, process, openid
        self.client: FlaskClient = app.test_client()
        self.token = ""

    def call(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        answer = self.raw(method, path, json.dumps(body).encode() if method == "post" else b"")
        assert answer.status_code == status, answer.text
        assert "Set-Cookie" not in answer.headers and answer.headers["Cache-Control"] == "no-store"
        told = answer.get_json(silent=True)
        if isinstance(told, dict) and "token" in told:
            self.token = told["token"]
        return answer if told is None else told

    def raw(self, method: str, path: str, body: bytes) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.client.open(f"{BASE}{path}", method=method.upper(), data=body, headers=headers)

    def code(self, kind: str) -> str:
        return str(self.process.post("/wechat/codes", {"kind": kind, "openid": self.openid})["code"])

    def log_in(self) -> int:
        return int(self.call("post", "/login", code=self.code("login"), unit="pgzx")["level"])

    def sms(self) -> str:
        services, code = self.app.extensions["qupiao"].services, OneTimeCode.__table__
        with services.database.read() as connection:
            row = connection.execute(select(code.c.id, code.c.code).order_by(code.c.created_at.desc())).first()
        assert row is not None
        return str(services.cipher.decrypt_text("one_time_code.code", row.id, row.code))


def check(schema: dict[str, Any], value: Any) -> None:
    """A value against its schema of the document."""
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    assert type(value) is kinds[schema["type"]], (schema, value)
    if schema["type"] == "object":
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name, one in value.items():
            check(schema["properties"][name], one)
    for one in value if schema["type"] == "array" else ():
        check(schema["items"], one)
    assert value in schema.get("enum", [value])
