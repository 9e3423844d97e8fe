"""The client of Alipay's gateway: python-alipay-sdk signs and verifies, the transport is ours.

POST with everything in the body, a time-out, the answer's node found by a JSON-aware scan and verified as it
stands, ``code`` looked at, and every failure as a :class:`ChannelFault` that holds no secret.
"""

from __future__ import annotations

import json
from typing import Any

import requests

from portal.core.clock import local, now
from portal.providers.alipay import codes
from portal.providers.alipay.account import AlipayAccount
from portal.providers.alipay.reading import codec, compact, top_level
from portal.providers.calls import Calls
from portal.providers.faults import ChannelFault, FaultKind, not_sent, plain_text

FORM = "application/x-www-form-urlencoded;charset=utf-8"


class AlipayGateway:
    """One application at Alipay. Safe for many threads. Raises ValueError for keys that cannot be used."""

    def __init__(self, gateway: str, account: AlipayAccount, timeout: float = 8.0) -> None:
        self.app_id = account.app_id
        self._gateway = gateway
        self._timeout = timeout
        from portal.providers.alipay.library import signer  # only where an account is set up

        self._signer = signer(account)
        # the library knows certificates and service providers, but no service provider with certificates
        both = account.certificates is not None and account.merchant_token
        self._common = {"app_auth_token": account.merchant_token} if both else {}
        self._http = requests.Session()
        self._http.trust_env = False
        self._calls = Calls("alipay")

    def call(self, method: str, biz_content: dict[str, Any] | None = None, **common: Any) -> dict[str, Any]:
        """Call a method and return the answer's node. ``common``: top-level parameters. Raises ChannelFault."""
        with self._calls.measure(method):
            return self._read(method, self._post(self.form(method, biz_content, **common)))

    def _post(self, body: bytes) -> requests.Response:
        headers = {"Content-Type": FORM}
        try:
            return self._http.post(
                self._gateway, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            kind = FaultKind.RETRY if not_sent(error) else FaultKind.UNKNOWN
            failed = ChannelFault("alipay", kind, "network", type(error).__name__)
        raise failed  # outside the handler: the library's exception holds the request

    def form(self, method: str, biz_content: dict[str, Any] | None = None, **common: Any) -> bytes:
        """Write the signed body of a call. Values of any JSON type; the time is Beijing's."""
        values = {name: value if isinstance(value, str) else compact(value) for name, value in common.items()}
        values |= self._common
        values["timestamp"] = local(now()).strftime("%Y-%m-%d %H:%M:%S")
        data = self._signer.build_body(method, None, **values)
        # a text, because the library would write dictionaries with escapes and stop at Decimal
        data |= {"format": "JSON", "biz_content": compact(biz_content or {})}
        return str(self._signer.sign_data(data)).encode()

    def verified(self, values: dict[str, str], keep_sign_type: bool, charset: str = "utf-8") -> bool:
        """Say whether a push is Alipay's. ``keep_sign_type``: it is signed text in messages, not in plain notifies.

        What is signed are the bytes that came: ``charset`` is that by which they were read.
        """
        rest = {name: value for name, value in values.items() if name != "sign"}
        if not keep_sign_type:
            rest.pop("sign_type", None)
        text = "&".join(f"{name}={value}" for name, value in sorted(rest.items()))
        return self._good(text.encode(charset), values.get("sign", ""))

    def _good(self, signed: bytes, signature: str) -> bool:
        from portal.providers.alipay.library import holds

        try:
            return holds(self._signer, signed, signature)
        except (ValueError, TypeError):
            return False

    def _read(self, method: str, answer: requests.Response) -> dict[str, Any]:
        if answer.status_code != 200:
            kind = FaultKind.UNKNOWN if answer.status_code >= 500 else FaultKind.CONFIG
            raise ChannelFault("alipay", kind, f"http_{answer.status_code}")
        name = method.replace(".", "_") + "_response"
        charset = codec(answer.headers.get("Content-Type", "").lower().rpartition("charset=")[2])
        try:
            text = answer.content.decode(charset)
            whole: Any = json.loads(text)
            nodes = top_level(text)
        except (ValueError, RecursionError):
            whole, nodes = {}, {}
        signed = "error_response" if "error_response" in nodes else name
        node = whole.get(signed) if isinstance(whole, dict) else None
        if not isinstance(node, dict):
            raise ChannelFault("alipay", FaultKind.UNKNOWN, "unreadable", "the answer is not one of this call")
        signature = whole.get("sign")
        good = isinstance(signature, str) and self._good(nodes[signed].encode(charset), signature)
        code, sub_code = str(node.get("code", "")), str(node.get("sub_code", ""))
        failed = code != "10000" and not (method == "alipay.system.oauth.token" and "access_token" in node)
        if not good and not (failed and not signature):  # refusals of the gateway itself come unsigned
            # somebody between us and Alipay, or a text that we read wrongly: nothing may be concluded from it
            raise ChannelFault("alipay", FaultKind.UNKNOWN, "unsigned", "the answer's signature does not hold")
        if failed:
            text = plain_text(f"{node.get('msg', '')} {node.get('sub_msg', '')}".strip())
            raise ChannelFault("alipay", codes.kind(code, sub_code), sub_code or code, text)
        return node

    # ── what we call ──────────────────────────────────────────────────────────────────────────────────────────────
    def login(self, code: str) -> tuple[str, str]:
        """Return who is behind a log-in code: (``open_id`` or ``user_id``, its value). USER: the code is no good."""
        node = self.call("alipay.system.oauth.token", grant_type="authorization_code", code=code)
        for kind in ("open_id", "user_id"):
            if isinstance(node.get(kind), str) and node[kind]:
                return kind, node[kind]
        raise ChannelFault("alipay", FaultKind.UNKNOWN, "incomplete", "the answer names nobody")

    def send_mini(self, subject_kind: str, subject: str, template: str, page: str, values: list[str]) -> None:
        """Send a subscription message of the mini-program: ``values`` in the order of the template's keywords."""
        data = {f"keyword{number}": {"value": value[:50]} for number, value in enumerate(values, 1)}
        content = {f"to_{subject_kind}": subject, "user_template_id": template, "page": page, "data": compact(data)}
        self.call("alipay.open.app.mini.templatemessage.send", content)

    def send_life(self, subject_kind: str, subject: str, template: str, url: str, values: list[str]) -> None:
        """Send a template message of a life account; followers only."""
        context: dict[str, Any] = {"head_color": "#000000", "url": url, "action_name": "查看票据"}
        for number, value in enumerate(values, 1):
            context[f"keyword{number}"] = {"value": value, "color": "#000000"}
        content = {f"to_{subject_kind}": subject, "template": {"template_id": template, "context": context}}
        self.call("alipay.open.public.message.single.send", content)

    def send_bill(self, short_names: str, bill: dict[str, Any]) -> str:
        """Hand a bill, or its reversal, to the person's 发票管家; returns its address there. DONE: it is there."""
        brand, _, branch = short_names.partition("/")
        content = {"m_short_name": brand, "sub_m_short_name": branch or brand, "invoice_info_list": [bill]}
        return str(self.call("alipay.ebpp.invoice.info.send", content).get("url", ""))
