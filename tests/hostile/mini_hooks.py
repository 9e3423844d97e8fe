"""What Schemathesis is told about the mini-program's API: how a session begins, what exists, and that it is counted.

Loaded by the ``schemathesis`` command itself (``SCHEMATHESIS_HOOKS``), never by pytest. Without help nearly every
case would stop at the door: a code of WeChat works once, identification ends the session that asked for it, and
after sixty tries an address has to wait. So a case that fits the document may be given what is real (a code, a
number, a bill), acts that end their session get one of their own, and each case comes from another address, as
patients do. The limits themselves stay as they are.
"""

from __future__ import annotations

import atexit
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from schemathesis import AuthContext, Case, HookContext, Response
from sqlalchemy import select

from portal.core.clock import local
from portal.core.database import Database, make_engine
from portal.demo.settings import DemoSettings
from portal.domain.money import yuan
from portal.models import Bill, OneTimeCode
from tests.support import guard

guard.install()

SITE: dict[str, Any] = json.loads(os.environ["QUPIAO_FUZZED_SITE"])
"""``base``, ``simulators``, ``openid``, ``people`` as (number, name), ``bills`` and ``links`` that the user may see,
``token`` of a proved session (empty: nobody has one), ``tally``: the file for the counts."""
SPENDS = {"identify", "confirm", "phone", "slip", "logout"}
"""Operations that end the session which calls them."""
CODED = {"confirm", "code", "resend"}
"""Operations that need a code to have been asked for."""
CODE: Any = OneTimeCode.__table__
BILL: Any = Bill.__table__

_random = random.Random(20260301)
_settings = DemoSettings()
_database = Database(make_engine(_settings.database))
_cipher = _settings.keyring().cipher()
_http = httpx.Client(timeout=20, trust_env=False)
_tally: Counter[str] = Counter()
_turns: Counter[str] = Counter()


def _address() -> str:
    return ".".join(["10", *(str(_random.randrange(256)) for _ in range(3))])


def _wechat(kind: str) -> str:
    given = {"kind": kind, "openid": SITE["openid"]}
    return str(_http.post(f"{SITE['simulators']}/wechat/codes", json=given).raise_for_status().json()["code"])


def _post(path: str, token: str = "", **body: str) -> str:
    headers = {"X-Forwarded-For": _address()} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = _http.post(f"{SITE['base']}/api/mini/v1/{path}", json=body, headers=headers)
    return str(answer.raise_for_status().json()["token"])


def _log_in() -> str:
    return _post("login", code=_wechat("login"), unit="pgzx")


def _person() -> dict[str, str]:
    number, name = _random.choice(SITE["people"])
    return {"number": number, "name": name}


def _code_sent() -> str:
    newest = select(CODE.c.id, CODE.c.code).where(CODE.c.code.is_not(None)).order_by(CODE.c.created_at.desc()).limit(1)
    with _database.read() as connection:
        row = connection.execute(newest).one_or_none()
    return str(_cipher.decrypt_text("one_time_code.code", row.id, row.code)) if row is not None else "123456"


def _consent() -> str:
    """The code that a relative has just got for the proved user."""
    body, headers = dict(_OTHERS["proxy"]), {"Authorization": f"Bearer {SITE['token']}", "X-Forwarded-For": _address()}
    _http.post(f"{SITE['base']}/api/mini/v1/family/proxy", json=body, headers=headers)
    return _code_sent()


def _face() -> dict[str, str]:
    with _database.read() as connection:
        row = connection.execute(select(BILL).where(BILL.c.id == _random.choice(SITE["bills"]))).one()
    face = {"code": row.bill_code, "number": f"{row.number:010d}", "check": row.check_code}
    return face | {"day": f"{local(row.issued_at):%Y-%m-%d}", "amount": yuan(row.total_fen)}


def _real(operation: str) -> dict[str, Any]:
    """A body of this operation that succeeds."""
    if operation == "login":
        return {"code": _wechat("login"), "unit": "pgzx"}
    if operation == "identify":
        return _person()
    if operation == "confirm":
        return {"code": _code_sent()}
    if operation == "phone":
        return {"phone_code": _wechat("phone"), **_person()}
    if operation == "verify":
        return _face()
    if operation == "consent":
        return {"code": _consent()}
    if operation == "slip":
        return {"slip": _random.choice(SITE["slips"]), "name": SITE["name"]}
    if operation in _OTHERS:
        return dict(_OTHERS[operation])
    return {"address": f"f{_random.randrange(10**9)}@example.com"}


_OTHERS: dict[str, dict[str, Any]] = {
    "correction": {"wrong": "other", "right": "x"},
    "notices_seen": {"seen": "2026-11-18T02:42:00+00:00"},
    "why": {"amount": "128.50"},
    "why_ask": {"person": "林演安", "phone": "10000000001"},
    "answer": {"number": SITE["request"]},
    "child": dict(SITE["child"]),
    "proxy": {"number": "000000194809060023", "name": "陈样英", "relation": "父母"},
}
"""Bodies that succeed as they stand."""


class Session:
    """A token for each case that wants one."""

    def get(self, case: Case, _: AuthContext) -> str:
        """The token: the proved one, or an own one where the case ends its session."""
        operation = case.operation.definition.raw["operationId"]
        if operation not in SPENDS | CODED:
            return str(SITE["token"])
        return _post("identify", _log_in(), **_person()) if operation in CODED else _log_in()

    def set(self, case: Case, data: str, _: AuthContext) -> None:
        """Put it into its header."""
        case.headers["Authorization"] = f"Bearer {data}"


if SITE["token"]:
    schemathesis.auth(refresh_interval=None)(Session)


@schemathesis.hook
def before_call(_: HookContext, case: Case, **__: Any) -> None:
    """Another address each time; of a patient's cases that fit the document every third is about something real."""
    case.headers["X-Forwarded-For"] = _address()
    operation = case.operation.definition.raw["operationId"]
    if operation == "bundle_file" and isinstance(case.query, dict):  # of one bill, not of all that there are
        case.query.setdefault("bills", str(_random.choice(SITE["bills"] or [1])))
    if not SITE["token"] or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    _turns[operation] += 1
    if _turns[operation] % 3 != 1:
        return
    for name, known in (("bill_id", SITE["bills"]), ("link_id", SITE["links"])):
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = _random.choice(known)
    if operation == "revoke" and SITE["spare"]:
        case.path_parameters["link_id"] = SITE["spare"].pop()
    if case.query and {"member", "first", "last", "bills"} & set(case.query):
        case.query = {"bills": str(_random.choice(SITE["bills"]))} if operation == "bundle_file" else {}
    if isinstance(case.body, dict) and operation != "subscribe":
        case.body = _real(operation)


@schemathesis.hook
def after_call(_: HookContext, case: Case, response: Response) -> None:
    """Count what was answered; other methods than the operation's under a name of their own."""
    usual = response.request.method == case.operation.method.upper()
    name = case.operation.definition.raw["operationId"] if usual else "method"
    _tally[f"{name} {response.status_code}"] += 1


atexit.register(lambda: Path(SITE["tally"]).write_text(json.dumps(_tally), encoding="utf-8"))
