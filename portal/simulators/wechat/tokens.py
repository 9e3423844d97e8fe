"""Accounts and tokens of the simulated WeChat.

Tokens behave as those of ``stable_token``: one and the same while it is good, counted by call, revocable.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from portal.core.platform_settings import WeChatAccount
from portal.demo.accounts import DEMO_BUREAU, DEMO_MINI, DEMO_WECHAT
from portal.demo.settings import DemoSettings
from portal.simulators.store import Store
from portal.simulators.wechat.refusals import Json, WeChatRefusal

SCHEMA = """
CREATE TABLE IF NOT EXISTS wechat_token (
  token TEXT PRIMARY KEY, appid TEXT NOT NULL, kind TEXT NOT NULL, expires REAL NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_setting (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""
_LIVES = 7200


@dataclass(frozen=True, slots=True)
class Caller:
    """The account whose token came with a call."""

    appid: str


class TokenRules:
    """The accounts, their tokens and tickets."""

    def __init__(self, store: Store, settings: DemoSettings) -> None:
        self.store = store
        store.extend(SCHEMA)
        configured = WeChatAccount(settings.wechat_appid, settings.wechat_secret)
        mini = WeChatAccount(settings.mini_appid, settings.mini_secret)
        self.accounts = {one.appid: one for one in (DEMO_WECHAT, DEMO_MINI, DEMO_BUREAU, configured, mini) if one}

    def account(self, appid: Any, secret: Any) -> WeChatAccount:
        """Return the account that proves itself by its secret."""
        found = self.accounts.get(appid) if isinstance(appid, str) else None
        if found is None:
            raise WeChatRefusal(40013, "invalid appid")
        if secret != found.secret:
            raise WeChatRefusal(40125, "invalid appsecret")
        return found

    def stable_token(self, body: Json) -> Json:
        """Give the account's token: the same one while it is good for more than five minutes."""
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

    def old_token(self, appid: str, secret: str) -> Json:
        """Give a token of the old endpoint, where a new token kills the former."""
        account = self.account(appid, secret)
        with self.store.transaction() as connection:
            connection.execute("UPDATE wechat_token SET revoked = 1 WHERE appid = ? AND kind = 'old'", (appid,))
            return {"access_token": self._mint(connection, account.appid, "old"), "expires_in": _LIVES}

    def _mint(self, connection: sqlite3.Connection, appid: str, kind: str) -> str:
        token = f"{kind[:1].upper()}_{secrets.token_urlsafe(90)}"
        values = (token, appid, kind, time.time() + self._lifetime())
        connection.execute("INSERT INTO wechat_token VALUES (?, ?, ?, ?, 0)", values)
        return token

    def _lifetime(self) -> int:
        return int(self.setting("token_seconds", _LIVES))

    def setting(self, name: str, default: float) -> float:
        """Return a number that tests may set."""
        with self.store.transaction() as connection:
            row = connection.execute("SELECT value FROM wechat_setting WHERE name = ?", (name,)).fetchone()
        return float(row["value"]) if row is not None else default

    def set_setting(self, name: str, value: float) -> None:
        """Set a number that :meth:`setting` returns."""
        with self.store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO wechat_setting VALUES (?, ?)", (name, value))

    def revoke(self) -> None:
        """Void all tokens at once, as a changed secret does."""
        with self.store.transaction() as connection:
            connection.execute("UPDATE wechat_token SET revoked = 1")

    def caller(self, token: str) -> Caller:
        """Return the holder of a token. Raises 41001 without one, 42001 for one that is over, 40001 for any other."""
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

    def ticket(self, caller: Caller, kind: str) -> Json:
        """Give a ``jsapi`` or ``wx_card`` ticket."""
        if kind not in ("jsapi", "wx_card"):
            raise WeChatRefusal(40097, "invalid args")
        with self.store.transaction() as connection:
            return {"ticket": self._mint(connection, caller.appid, kind), "expires_in": _LIVES}

    def good_ticket(self, ticket: Any, appid: str) -> bool:
        """Tell whether a ticket is this account's card ticket and not over."""
        with self.store.transaction() as connection:
            return bool(
                connection.execute(
                    "SELECT 1 FROM wechat_token WHERE token = ? AND appid = ? AND kind = 'wx_card' AND expires > ?",
                    (str(ticket), appid, time.time()),
                ).fetchone()
            )
