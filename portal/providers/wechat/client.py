"""The client of WeChat's API: wechatpy's, with its faults corrected.

Every call goes through :meth:`WeChat._request`: shared stable token, one retry after a refused token, time-out,
a JSON object or nothing, and every failure as a :class:`ChannelFault` that holds no secret.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from wechatpy.client import WeChatClient
from wechatpy.exceptions import WeChatClientException

from portal.core.clock import local, now
from portal.core.platform_settings import WECHAT_HOST, WeChatAccount
from portal.providers.calls import Calls
from portal.providers.faults import ChannelFault, FaultKind, not_sent, plain_text
from portal.providers.wechat import codes
from portal.providers.wechat.tokens import Fetched, Tokens

PDF = "application/pdf"


class _To(HTTPAdapter):
    """Sends what is meant for WeChat's host to where this installation has it (a simulator, a gateway).

    The library has the host in four places; this is the one through which all of them go.
    """

    def __init__(self, base: str) -> None:
        super().__init__(pool_maxsize=16)
        self._base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send as the adapter of the library, to another address."""
        request.url = self._base + str(request.url).removeprefix(WECHAT_HOST)
        return super().send(request, *args, **kwargs)


class WeChat(WeChatClient):  # type: ignore[misc]  # the library has no types
    """One account at WeChat. Safe for many threads. ``base``: where WeChat is, ``timeout`` in seconds for each call."""

    def __init__(self, account: WeChatAccount, tokens: Tokens, base: str = WECHAT_HOST, timeout: float = 8.0) -> None:
        super().__init__(account.appid, account.secret, timeout=timeout, auto_retry=False)
        self._tokens = tokens
        self._calls = Calls("wechat")
        self._http.trust_env = False
        self._http.mount(WECHAT_HOST, _To(base))

    # ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def access_token(self) -> str:
        """Return the token in force; fetched under the shared lock when there is none."""
        return self._token()

    def fetch_access_token(self) -> dict[str, Any]:
        """Return the shared token where the library would renew it."""
        return {"access_token": self._token()}

    def _token(self, stale: str = "") -> str:
        return self._tokens.get(f"wechat:{self.appid}:token", self._stable_token, stale)

    def _stable_token(self) -> Fetched:
        body = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret, "force_refresh": False}
        try:
            answer = self._send("post", f"{WECHAT_HOST}/cgi-bin/stable_token", json=body)
        except ChannelFault as fault:
            if fault.kind is not FaultKind.UNKNOWN:
                raise
            raise self._fault(FaultKind.RETRY, fault.code, fault.text) from None  # what the token is for has not begun
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise self._fault(FaultKind.RETRY, "no_token", "the token answer holds no token")
        return Fetched(token, _seconds(answer))

    def ticket(self, kind: str) -> str:
        """Return the ``jsapi`` or ``wx_card`` ticket, shared and renewed like the token. Raises ChannelFault."""

        def fetch() -> Fetched:
            answer = self._request("get", f"{WECHAT_HOST}/cgi-bin/ticket/getticket", params={"type": kind})
            return Fetched(str(answer["ticket"]), _seconds(answer))

        return self._tokens.get(f"wechat:{self.appid}:ticket:{kind}", fetch)

    # ── every call ────────────────────────────────────────────────────────────────────────────────────────────────
    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        """Call with a token: a refused token is renewed once and the call repeated once (class TOKEN).

        Returns the answer (a ``dict``) or what the library's ``result_processor`` makes of it. Raises ChannelFault.
        """
        read: Callable[[dict[str, Any]], Any] | None = kwargs.pop("result_processor", None)
        if "files" in kwargs:
            kwargs["files"] = {name: _whole(file) for name, file in kwargs["files"].items()}
        wanted = dict(kwargs.pop("params", None) or {})
        token = self._token()
        for last in (False, True):
            params = wanted | {"access_token": token}
            try:
                answer = self._send(method, url_or_endpoint, params=params, secret=token, **kwargs)
                break
            except ChannelFault as fault:
                if fault.kind is not FaultKind.TOKEN:
                    raise
                refused = fault
            if last:
                raise self._fault(FaultKind.CONFIG, refused.code, refused.text)
            token = self._token(stale=token)
        try:
            return read(answer) if read is not None else answer
        except (KeyError, TypeError, ValueError):
            pass
        raise self._fault(FaultKind.UNKNOWN, "incomplete", "the answer lacks what was asked for")

    def plain(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        """Call without a token (log-in codes). Raises ChannelFault."""
        return self._send(method, f"{WECHAT_HOST}{path}", **kwargs)

    def _send(self, method: str, url: str, secret: str = "", **kwargs: Any) -> dict[str, Any]:
        with self._calls.measure(url.removeprefix(WECHAT_HOST).strip("/")):
            return self._answer(method, url, secret, **kwargs)

    def _answer(self, method: str, url: str, secret: str, **kwargs: Any) -> dict[str, Any]:
        # raised outside the handlers: an exception that held the request would hold the token in its address
        kwargs.setdefault("params", {}).setdefault("access_token", None)  # None is left out; the library would ask
        try:
            answer = super()._request(method, url, allow_redirects=False, **kwargs)
        except WeChatClientException as error:
            failed = self._refusal(error, secret)
        except requests.RequestException as error:
            failed = self._fault(
                FaultKind.RETRY if not_sent(error) else FaultKind.UNKNOWN, "network", type(error).__name__
            )
        except (ValueError, TypeError) as error:  # an errcode that is no number, and the like
            failed = self._fault(FaultKind.UNKNOWN, "unreadable", type(error).__name__)
        else:
            if isinstance(answer, dict):
                return answer
            failed = self._fault(FaultKind.UNKNOWN, "unreadable", "the answer is not a JSON object")
        raise failed

    def _refusal(self, error: Any, secret: str) -> ChannelFault:
        if error.errcode is None:
            status = getattr(error.response, "status_code", 0)
            kind = FaultKind.UNKNOWN if status >= 500 else FaultKind.RETRY if status == 429 else FaultKind.CONFIG
            return self._fault(kind, f"http_{status}", "")
        code = int(error.errcode)
        after = codes.AFTER.get(code)
        if code in codes.NEXT_DAY:
            moment = local(now())
            midnight = (moment + timedelta(days=1)).replace(hour=0, minute=5, second=0, microsecond=0)
            after = (midnight - moment).total_seconds()
        return self._fault(codes.kind(code), str(code), plain_text(error.errmsg, secret, self.secret), after)

    def _fault(self, kind: FaultKind, code: str, text: str, after: float | None = None) -> ChannelFault:
        return ChannelFault("wechat", kind, code, text, after)

    # ── what we call ──────────────────────────────────────────────────────────────────────────────────────────────
    def send_template(
        self,
        openid: str,
        template: str,
        data: dict[str, str],
        url: str,
        our_id: str,
        mini: dict[str, str] | None = None,
    ) -> str:
        """Send a template message; ``our_id`` makes a repeat within ten minutes one message. Returns ``msgid``."""
        body: dict[str, Any] = {
            "touser": openid,
            "template_id": template,
            "url": url,
            "data": {name: {"value": value} for name, value in data.items()},
            "client_msg_id": our_id,
        }
        if mini:
            body["miniprogram"] = mini
        return str(self.post("message/template/send", data=body, result_processor=lambda answer: answer["msgid"]))

    def send_subscription(self, openid: str, template: str, data: dict[str, str], page: str) -> None:
        """Send a subscription notification of the official account; uses up one permission."""
        values = {name: {"value": value} for name, value in data.items()}
        self.message.send_subscribe_message(openid, template, values, page=page)

    def send_mini_subscription(
        self, openid: str, template: str, data: dict[str, str], page: str, state: str = "formal"
    ) -> None:
        """Send a subscription message of the mini-program; uses up one permission."""
        values = {name: {"value": value} for name, value in data.items()}
        body = {"touser": openid, "template_id": template, "page": page, "data": values}
        self.post("message/subscribe/send", data=body | {"miniprogram_state": state, "lang": "zh_CN"})

    def follows(self, openid: str) -> bool:
        """Say whether a user follows the official account, without which no template message reaches them."""
        url = f"{WECHAT_HOST}/cgi-bin/user/info"
        return bool(self._request("get", url, params={"openid": openid}, result_processor=_subscribed))

    def account_address(self) -> str:
        """Return the address in the account's own QR code, which whoever scans it may follow; kept for a day."""

        def fetch() -> Fetched:
            scene = {"scene": {"scene_str": "qupiao"}}
            body = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": scene}
            answer = self.post(f"{WECHAT_HOST}/cgi-bin/qrcode/create", data=body)
            return Fetched(str(answer["url"]), 86_400)

        return self._tokens.get(f"wechat:{self.appid}:account-qr", fetch)

    def web_login(self, code: str) -> str:
        """Return the openid behind a web log-in code. USER: the code is no good, or the openid is made up."""
        wanted = {"appid": self.appid, "secret": self.secret, "code": code, "grant_type": "authorization_code"}
        answer = self.plain("get", "/sns/oauth2/access_token", params=wanted)
        if answer.get("is_snapshotuser") in (1, "1"):
            raise self._fault(FaultKind.USER, "snapshot", "the page was opened in snapshot mode: the openid is made up")
        openid = answer.get("openid")
        if not isinstance(openid, str) or not openid:
            raise self._fault(FaultKind.UNKNOWN, "incomplete", "the answer holds no openid")
        return openid

    def login(self, code: str) -> str:
        """Return the openid behind a mini-program's log-in code; the session key is not kept. USER: code is no good."""
        wanted = {"appid": self.appid, "secret": self.secret, "js_code": code, "grant_type": "authorization_code"}
        openid = self.plain("get", "/sns/jscode2session", params=wanted).get("openid")
        if not isinstance(openid, str) or not openid:
            raise self._fault(FaultKind.UNKNOWN, "incomplete", "the answer holds no openid")
        return openid

    def phone(self, code: str) -> str:
        """Return the mainland phone that its owner has given this mini-program by a tap; ``""`` for a foreign one."""
        url = f"{WECHAT_HOST}/wxa/business/getuserphonenumber"
        found = self.post(url, data={"code": code}, result_processor=lambda answer: dict(answer["phone_info"]))
        if found.get("watermark", {}).get("appid") != self.appid:
            raise self._fault(FaultKind.CONFIG, "watermark", "the phone was given to another mini-program")
        return str(found.get("purePhoneNumber", "")) if str(found.get("countryCode", "86")) == "86" else ""


def _subscribed(answer: dict[str, Any]) -> bool:
    return int(answer["subscribe"]) == 1


def _whole(file: Any) -> Any:
    """Return a file to upload as bytes: an open one would be empty when the call is repeated."""
    return ("bill.pdf", file.read(), PDF) if hasattr(file, "read") else file


def _seconds(answer: dict[str, Any]) -> int:
    value = answer.get("expires_in")
    return value if isinstance(value, int) and value > 0 else 7200
