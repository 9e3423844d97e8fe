"""What the simulated WeChat knows and decides: accounts, tokens, followers, permissions, messages (channels §1–§3).

Every refusal carries WeChat's own code. Tokens behave as those of ``stable_token``: one and the same while it is
good, counted by call, revocable.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from portal.core.platform_settings import DEMO_BUREAU, DEMO_MINI, DEMO_WECHAT, TEMPLATES, WeChatAccount
from portal.core.settings import Settings
from portal.simulators.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS wechat_token (
  token TEXT PRIMARY KEY, appid TEXT NOT NULL, kind TEXT NOT NULL, expires REAL NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_call (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_user (
  openid TEXT PRIMARY KEY, appid TEXT NOT NULL, name TEXT NOT NULL, phone TEXT NOT NULL, follows INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_permission (openid TEXT, template TEXT, remaining INTEGER NOT NULL,
  PRIMARY KEY (openid, template));
CREATE TABLE IF NOT EXISTS wechat_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, openid TEXT NOT NULL, template TEXT NOT NULL,
  data TEXT NOT NULL, url TEXT NOT NULL, client_id TEXT NOT NULL, msgid TEXT NOT NULL, at REAL NOT NULL,
  attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS wechat_message_once ON wechat_message (openid, client_id);
CREATE TABLE IF NOT EXISTS wechat_code (
  code TEXT PRIMARY KEY, kind TEXT NOT NULL, openid TEXT NOT NULL, expires REAL NOT NULL, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_script (
  id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, code INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_setting (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""
PEOPLE = (
    ("oDEMO-service-follower-0001", DEMO_WECHAT.appid, "演示微信用户甲", "13900000001", 1),
    ("oDEMO-service-follower-0002", DEMO_WECHAT.appid, "演示微信用户乙", "13900000002", 1),
    ("oDEMO-service-stranger-0003", DEMO_WECHAT.appid, "演示微信用户丙（未关注）", "13900000003", 0),
    ("oDEMO-miniapp-user-00000001", DEMO_MINI.appid, "演示小程序用户甲", "13900000001", 0),
    ("oDEMO-miniapp-user-00000002", DEMO_MINI.appid, "演示小程序用户乙", "13900000002", 0),
)
MOST = {"thing": 20, "character_string": 32, "number": 32, "letter": 32, "symbol": 5, "phrase": 5, "name": 10}
_AMOUNT = re.compile(r"[¥￥$]?\d{1,10}(\.\d{1,2})?元?")
_LIVES = 7200


class WeChatRefusal(Exception):
    """An answer with an ``errcode``."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token came with a call."""

    appid: str


class WeChatOffice:
    """The accounts and what they may do."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        store.extend(SCHEMA)
        configured = WeChatAccount(settings.wechat_appid, settings.wechat_secret)
        mini = WeChatAccount(settings.mini_appid, settings.mini_secret)
        self.accounts = {one.appid: one for one in (DEMO_WECHAT, DEMO_MINI, DEMO_BUREAU, configured, mini) if one}
        self.templates = set(TEMPLATES.values()) | {
            settings.wechat_template,
            settings.wechat_subscription,
            settings.mini_subscription,
        }
        self.templates.discard("")
        with store.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO wechat_user VALUES (?, ?, ?, ?, ?)", PEOPLE)

    # ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────
    def count(self, path: str) -> None:
        """Write down that a path was called."""
        with self.store.transaction() as connection:
            connection.execute("INSERT INTO wechat_call (path, at) VALUES (?, ?)", (path, time.time()))

    def calls(self) -> dict[str, int]:
        """How often each path was called."""
        with self.store.transaction() as connection:
            rows = connection.execute("SELECT path, count(*) AS n FROM wechat_call GROUP BY path").fetchall()
        return {row["path"]: row["n"] for row in rows}

    def account(self, appid: Any, secret: Any) -> WeChatAccount:
        """The account that proves itself by its secret."""
        found = self.accounts.get(appid) if isinstance(appid, str) else None
        if found is None:
            raise WeChatRefusal(40013, "invalid appid")
        if secret != found.secret:
            raise WeChatRefusal(40125, "invalid appsecret")
        return found

    def stable_token(self, body: Any) -> dict[str, Any]:
        """The same token while it is good for more than five minutes."""
        if not isinstance(body, dict) or body.get("grant_type") != "client_credential":
            raise WeChatRefusal(40002, "invalid grant_type")
        account, forced = self.account(body.get("appid"), body.get("secret")), body.get("force_refresh", False)
        if not isinstance(forced, bool):
            raise WeChatRefusal(47001, "data format error")
        moment = time.time()
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM wechat_token WHERE appid = ? AND kind = 'token' AND revoked = 0 AND expires > ?"
                " ORDER BY expires DESC",
                (account.appid, moment + 300),
            ).fetchone()
            if row is not None and not forced:
                return {"access_token": row["token"], "expires_in": int(row["expires"] - moment)}
            return {"access_token": self._mint(connection, account.appid, "token"), "expires_in": self._lifetime()}

    def old_token(self, appid: str, secret: str) -> dict[str, Any]:
        """The old endpoint: a new token kills the former."""
        account = self.account(appid, secret)
        with self.store.transaction() as connection:
            connection.execute("UPDATE wechat_token SET revoked = 1 WHERE appid = ? AND kind = 'old'", (appid,))
            return {"access_token": self._mint(connection, account.appid, "old"), "expires_in": _LIVES}

    def _mint(self, connection: Any, appid: str, kind: str) -> str:
        token = f"{kind[:1].upper()}_{secrets.token_urlsafe(90)}"
        values = (token, appid, kind, time.time() + self._lifetime())
        connection.execute("INSERT INTO wechat_token VALUES (?, ?, ?, ?, 0)", values)
        return token

    def _lifetime(self) -> int:
        return int(self.setting("token_seconds", _LIVES))

    def setting(self, name: str, default: float) -> float:
        """A number that tests may set."""
        with self.store.transaction() as connection:
            row = connection.execute("SELECT value FROM wechat_setting WHERE name = ?", (name,)).fetchone()
        return float(row["value"]) if row is not None else default

    def set_setting(self, name: str, value: float) -> None:
        """Set one."""
        with self.store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO wechat_setting VALUES (?, ?)", (name, value))

    def revoke(self) -> None:
        """All tokens are void at once, as after a changed secret."""
        with self.store.transaction() as connection:
            connection.execute("UPDATE wechat_token SET revoked = 1")

    def caller(self, token: str) -> Caller:
        """Who holds the token. 41001 without one, 42001 for one that is over, 40001 for any other."""
        if not token:
            raise WeChatRefusal(41001, "access_token missing")
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM wechat_token WHERE token = ? AND kind IN ('token', 'old')", (token,)
            ).fetchone()
        if row is None or row["revoked"]:
            raise WeChatRefusal(40001, "invalid credential, access_token is invalid or not latest")
        if row["expires"] <= time.time():
            raise WeChatRefusal(42001, "access_token expired")
        return Caller(row["appid"])

    def ticket(self, caller: Caller, kind: str) -> dict[str, Any]:
        """The ``jsapi`` or ``wx_card`` ticket."""
        if kind not in ("jsapi", "wx_card"):
            raise WeChatRefusal(40097, "invalid args")
        with self.store.transaction() as connection:
            return {"ticket": self._mint(connection, caller.appid, kind), "expires_in": _LIVES}

    def good_ticket(self, ticket: Any, appid: str) -> bool:
        """Whether it is this account's card ticket and not over."""
        with self.store.transaction() as connection:
            return bool(
                connection.execute(
                    "SELECT 1 FROM wechat_token WHERE token = ? AND appid = ? AND kind = 'wx_card' AND expires > ?",
                    (str(ticket), appid, time.time()),
                ).fetchone()
            )

    # ── script of answers ─────────────────────────────────────────────────────────────────────────────────────────
    def script(self, wanted: Any) -> None:
        """Answers to come: path → list of codes, 0 for a proper answer. Replaces what was there."""
        if not isinstance(wanted, dict):
            raise ValueError("应为对象：路径 → 错误码列表")
        rows = [(path, int(code)) for path, list_of in wanted.items() for code in list_of]
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM wechat_script")
            connection.executemany("INSERT INTO wechat_script (path, code) VALUES (?, ?)", rows)

    def scripted(self, path: str) -> int:
        """The next scripted code of a path, used up; 0 when there is none."""
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT id, code FROM wechat_script WHERE path = ? ORDER BY id LIMIT 1", (path,)
            ).fetchone()
            if row is None:
                return 0
            connection.execute("DELETE FROM wechat_script WHERE id = ?", (row["id"],))
            return int(row["code"])

    # ── people ────────────────────────────────────────────────────────────────────────────────────────────────────
    def user(self, openid: Any, appid: str) -> Any:
        """The person behind an openid of this account. Raises 40003."""
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM wechat_user WHERE openid = ? AND appid = ?", (str(openid), appid)
            ).fetchone()
        if row is None:
            raise WeChatRefusal(40003, "invalid openid")
        return row

    def people(self) -> list[dict[str, Any]]:
        """Everybody, with what they allowed."""
        with self.store.transaction() as connection:
            rows = [dict(row) for row in connection.execute("SELECT * FROM wechat_user ORDER BY openid").fetchall()]
            allowed = connection.execute("SELECT * FROM wechat_permission").fetchall()
        for row in rows:
            row["permissions"] = {
                one["template"]: one["remaining"] for one in allowed if one["openid"] == row["openid"]
            }
        return rows

    def add_people(self, wanted: list[dict[str, Any]]) -> None:
        """More people, or another phone for one; ``permissions``: template → how many messages are allowed."""
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
        """The person taps 允许 for one message of a template; 0: refuses."""
        with self.store.transaction() as connection:
            connection.execute(
                "INSERT INTO wechat_permission VALUES (?, ?, ?) ON CONFLICT (openid, template) DO UPDATE SET"
                " remaining = CASE WHEN excluded.remaining = 0 THEN 0 ELSE remaining + excluded.remaining END",
                (openid, template, more),
            )

    def make_code(self, kind: str, openid: str) -> str:
        """A log-in (``login``) or phone (``phone``) code, five minutes, once."""
        code = secrets.token_urlsafe(18)
        with self.store.transaction() as connection:
            values = (code, kind, openid, time.time() + 300)
            connection.execute("INSERT INTO wechat_code VALUES (?, ?, ?, ?, 0)", values)
        return code

    def use_code(self, kind: str, code: Any) -> str:
        """Whose code it is; used up. 40029 for a wrong one, 40163 for a used one."""
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

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────
    def send(self, kind: str, caller: Caller, body: Any) -> str:
        """Take a message of kind template, subscription or mini; returns its msgid."""
        if not isinstance(body, dict):
            raise WeChatRefusal(47001, "data format error")
        person, template = self.user(body.get("touser"), caller.appid), body.get("template_id")
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
                self._use_permission(connection, person["openid"], str(template))
            msgid = str(secrets.randbelow(9 * 10**17) + 10**17)
            text = json.dumps(body["data"], ensure_ascii=False)
            connection.execute(
                "INSERT INTO wechat_message (kind, openid, template, data, url, client_id, msgid, at, attempts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                (kind, person["openid"], template, text, str(url), client_id, msgid, time.time()),
            )
        return msgid

    def _use_permission(self, connection: Any, openid: str, template: str) -> None:
        used = connection.execute(
            "UPDATE wechat_permission SET remaining = remaining - 1"
            " WHERE openid = ? AND template = ? AND remaining > 0",
            (openid, template),
        )
        if used.rowcount != 1:
            raise WeChatRefusal(43101, "user refuse to accept the msg")

    def messages(self, most: int = 1000) -> list[dict[str, Any]]:
        """What arrived, newest first."""
        with self.store.transaction() as connection:
            rows = connection.execute("SELECT * FROM wechat_message ORDER BY id DESC LIMIT ?", (most,)).fetchall()
        return [dict(row) | {"data": json.loads(row["data"])} for row in rows]


def check_fields(data: Any) -> None:
    """Typed template fields and their lengths (§2.1). Raises 47003 naming the field."""
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
