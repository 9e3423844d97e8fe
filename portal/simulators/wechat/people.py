"""Users of the simulated WeChat: who follows, what they allow, the codes of their phones."""

from __future__ import annotations

import secrets
import sqlite3
import time
from typing import Any

from portal.demo.accounts import DEMO_MINI, DEMO_WECHAT
from portal.simulators.store import Store
from portal.simulators.wechat.refusals import Json, WeChatRefusal

SCHEMA = """
CREATE TABLE IF NOT EXISTS wechat_user (
  openid TEXT PRIMARY KEY, appid TEXT NOT NULL, name TEXT NOT NULL, phone TEXT NOT NULL, follows INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_permission (openid TEXT, template TEXT, remaining INTEGER NOT NULL,
  PRIMARY KEY (openid, template));
CREATE TABLE IF NOT EXISTS wechat_code (
  code TEXT PRIMARY KEY, kind TEXT NOT NULL, openid TEXT NOT NULL, expires REAL NOT NULL, used INTEGER NOT NULL);
"""
PEOPLE = (
    ("oDEMO-service-follower-0001", DEMO_WECHAT.appid, "演示微信用户甲", "13900000001", 1),
    ("oDEMO-service-follower-0002", DEMO_WECHAT.appid, "演示微信用户乙", "13900000002", 1),
    ("oDEMO-service-stranger-0003", DEMO_WECHAT.appid, "演示微信用户丙（未关注）", "13900000003", 0),
    ("oDEMO-miniapp-user-00000001", DEMO_MINI.appid, "演示小程序用户甲", "13900000001", 0),
    ("oDEMO-miniapp-user-00000002", DEMO_MINI.appid, "演示小程序用户乙", "13900000002", 0),
)


class PeopleRules:
    """The users of all accounts."""

    def __init__(self, store: Store) -> None:
        self.store = store
        store.extend(SCHEMA)
        with store.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO wechat_user VALUES (?, ?, ?, ?, ?)", PEOPLE)

    def user(self, openid: Any, appid: str) -> Json:
        """Find the person behind an openid of this account. Raises 40003."""
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM wechat_user WHERE openid = ? AND appid = ?", (str(openid), appid)
            ).fetchone()
        if row is None:
            raise WeChatRefusal(40003, "invalid openid")
        return dict(row)

    def everybody(self) -> list[Json]:
        """List everybody, with what they allowed."""
        with self.store.transaction() as connection:
            rows = [dict(row) for row in connection.execute("SELECT * FROM wechat_user ORDER BY openid").fetchall()]
            allowed = connection.execute("SELECT * FROM wechat_permission").fetchall()
        for row in rows:
            row["permissions"] = {
                one["template"]: one["remaining"] for one in allowed if one["openid"] == row["openid"]
            }
        return rows

    def add(self, wanted: list[Json]) -> None:
        """Add people, or change one; ``permissions``: template → how many messages are allowed."""
        with self.store.transaction() as connection:
            for body in wanted:
                text = (body["openid"], body["appid"], body.get("name", ""), body.get("phone", ""))
                values = (*text, int(body.get("follows", 0)))
                connection.execute("INSERT OR REPLACE INTO wechat_user VALUES (?, ?, ?, ?, ?)", values)
                for template, more in body.get("permissions", {}).items():
                    self.allow(body["openid"], template, more)

    def follow(self, openid: str, follows: bool) -> None:
        """Follow or unfollow the official account."""
        with self.store.transaction() as connection:
            connection.execute("UPDATE wechat_user SET follows = ? WHERE openid = ?", (int(follows), openid))

    def allow(self, openid: str, template: str, more: int = 1) -> None:
        """Allow more messages of a template to a person (the person taps 允许); 0 refuses all."""
        with self.store.transaction() as connection:
            connection.execute(
                "INSERT INTO wechat_permission VALUES (?, ?, ?) ON CONFLICT (openid, template) DO UPDATE SET"
                " remaining = CASE WHEN excluded.remaining = 0 THEN 0 ELSE remaining + excluded.remaining END",
                (openid, template, more),
            )

    def use_permission(self, connection: sqlite3.Connection, openid: str, template: str) -> None:
        """Use up one message of a template that the person allowed. Raises 43101."""
        used = connection.execute(
            "UPDATE wechat_permission SET remaining = remaining - 1"
            " WHERE openid = ? AND template = ? AND remaining > 0",
            (openid, template),
        )
        if used.rowcount != 1:
            raise WeChatRefusal(43101, "user refuse to accept the msg")

    def make_code(self, kind: str, openid: str) -> str:
        """Make a log-in (``login``, ``web``) or phone (``phone``) code: good for five minutes and once."""
        code = secrets.token_urlsafe(18)
        with self.store.transaction() as connection:
            values = (code, kind, openid, time.time() + 300)
            connection.execute("INSERT INTO wechat_code VALUES (?, ?, ?, ?, 0)", values)
        return code

    def use_code(self, kind: str, code: Any) -> str:
        """Use up a code; return whose it is. Raises 40029 for a wrong one, 40163 for a used one."""
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM wechat_code WHERE code = ? AND kind = ?", (str(code), kind)
            ).fetchone()
            if row is None or row["expires"] < time.time():
                raise WeChatRefusal(40029, "invalid code")
            if row["used"]:
                raise WeChatRefusal(40163, "code been used")
            connection.execute("UPDATE wechat_code SET used = 1 WHERE code = ?", (str(code),))
        return str(row["openid"])
