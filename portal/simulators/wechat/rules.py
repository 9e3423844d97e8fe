"""Rules of the simulated WeChat for messages: templates, permissions, one message for each client id.

Calls are counted, and tests may script the codes of the next answers.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Any

from portal.demo.accounts import DEMO_TEMPLATES
from portal.demo.settings import DemoSettings
from portal.simulators.store import Store
from portal.simulators.wechat.people import PeopleRules
from portal.simulators.wechat.refusals import Json, WeChatRefusal
from portal.simulators.wechat.tokens import Caller

SCHEMA = """
CREATE TABLE IF NOT EXISTS wechat_call (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, openid TEXT NOT NULL, template TEXT NOT NULL,
  data TEXT NOT NULL, url TEXT NOT NULL, client_id TEXT NOT NULL, msgid TEXT NOT NULL, at REAL NOT NULL,
  attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS wechat_message_once ON wechat_message (openid, client_id);
CREATE TABLE IF NOT EXISTS wechat_script (
  id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, code INTEGER NOT NULL);
"""
MOST = {"thing": 20, "character_string": 32, "number": 32, "letter": 32, "symbol": 5, "phrase": 5, "name": 10}
_AMOUNT = re.compile(r"[¥￥$]?\d{1,10}(\.\d{1,2})?元?")


class MessageRules:
    """The messages that arrived, the calls, and the script of answers."""

    def __init__(self, store: Store, settings: DemoSettings, people: PeopleRules) -> None:
        self.store, self._people = store, people
        store.extend(SCHEMA)
        configured = {settings.wechat_template, settings.wechat_subscription, settings.mini_subscription}
        self.templates = (set(DEMO_TEMPLATES.values()) | configured) - {""}

    def count(self, path: str) -> None:
        """Note that a path was called."""
        with self.store.transaction() as connection:
            connection.execute("INSERT INTO wechat_call (path, at) VALUES (?, ?)", (path, time.time()))

    def calls(self) -> dict[str, int]:
        """Count the calls by path."""
        with self.store.transaction() as connection:
            rows = connection.execute("SELECT path, count(*) AS n FROM wechat_call GROUP BY path").fetchall()
        return {row["path"]: row["n"] for row in rows}

    def script(self, wanted: Any) -> None:
        """Set the answers to come: path → list of codes, 0 for a proper answer. Replaces what was there."""
        if not isinstance(wanted, dict):
            raise ValueError("应为对象：路径 → 错误码列表")
        rows = [(path, int(code)) for path, list_of in wanted.items() for code in list_of]
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM wechat_script")
            connection.executemany("INSERT INTO wechat_script (path, code) VALUES (?, ?)", rows)

    def scripted(self, path: str) -> int:
        """Use up the next scripted code of a path; 0 when there is none."""
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT id, code FROM wechat_script WHERE path = ? ORDER BY id LIMIT 1", (path,)
            ).fetchone()
            if row is None:
                return 0
            connection.execute("DELETE FROM wechat_script WHERE id = ?", (row["id"],))
            return int(row["code"])

    def send(self, kind: str, caller: Caller, body: Json) -> str:
        """Take a message of kind template, subscription or mini; return its msgid."""
        if not isinstance(body, dict):
            raise WeChatRefusal(47001, "data format error")
        person, template = self._people.user(body.get("touser"), caller.appid), body.get("template_id")
        if template not in self.templates:
            raise WeChatRefusal(40037, "invalid template_id")
        check_fields(body.get("data"))
        client_id = str(body.get("client_msg_id", "")) if kind == "template" else ""
        url = body.get("url" if kind == "template" else "page") or ""
        with self.store.transaction() as connection:
            if client_id:
                known = connection.execute(
                    "SELECT * FROM wechat_message WHERE openid = ? AND client_id = ? AND at > ?",
                    (person["openid"], client_id, time.time() - 600),
                ).fetchone()
                if known is not None:
                    connection.execute("UPDATE wechat_message SET attempts = attempts + 1 WHERE id = ?", (known["id"],))
                    return str(known["msgid"])
            if kind == "template" and not person["follows"]:
                raise WeChatRefusal(43004, "require subscribe")
            if kind != "template":
                self._people.use_permission(connection, person["openid"], str(template))
            msgid = str(secrets.randbelow(9 * 10**17) + 10**17)
            text = json.dumps(body["data"], ensure_ascii=False)
            connection.execute(
                "INSERT INTO wechat_message (kind, openid, template, data, url, client_id, msgid, at, attempts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                (kind, person["openid"], template, text, str(url), client_id, msgid, time.time()),
            )
        return msgid

    def arrived(self, most: int = 1000) -> list[Json]:
        """List what arrived, newest first."""
        with self.store.transaction() as connection:
            rows = connection.execute("SELECT * FROM wechat_message ORDER BY id DESC LIMIT ?", (most,)).fetchall()
        return [dict(row) | {"data": json.loads(row["data"])} for row in rows]


def check_fields(data: Any) -> None:
    """Check template fields against the length that their type allows. Raises 47003 naming the field."""
    if not isinstance(data, dict) or not data:
        raise WeChatRefusal(47001, "data format error")
    for name, given in data.items():
        value = given.get("value") if isinstance(given, dict) else None
        if not isinstance(value, str) or not _fits(re.sub(r"\d+$", "", name), value):
            raise WeChatRefusal(47003, f"argument invalid! data.{name}.value invalid")


def _fits(kind: str, value: str) -> bool:
    if kind in MOST:
        return 0 < len(value) <= MOST[kind] and (kind in ("thing", "phrase", "name") or value.isascii())
    if kind == "amount":
        return _AMOUNT.fullmatch(value) is not None
    return kind in ("time", "date") and value != ""
