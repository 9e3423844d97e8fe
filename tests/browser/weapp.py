"""The mini-program in ``miniprogram/`` on a phone of WeChat: its own files, in Chromium, against a real application.

``weapp.js`` plays the part of WeChat's client; WeChat's servers are the simulator's.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser

from portal.blueprints.mini import openapi
from tests.support.processes.forks import ROOT
from tests.support.processes.installation import Installation
from tests.support.processes.services import wait_for

HERE = Path(__file__).parent
SHELL = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title></title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="stylesheet" href="weapp.css"><style></style><body>
<header><button hidden aria-label="返回">‹</button><b></b></header><page></page>
<script src="weapp.js"></script></body></html>"""
WIDTH = 375


class WeChatPhone:
    """One person's phone with the mini-program on it; whatever the program does wrong is in ``faults``."""

    def __init__(self, browser: Browser, installation: Installation, openid: str, template: str) -> None:
        self._installation, self._openid, self._template = installation, openid, template
        context = browser.new_context(viewport={"width": WIDTH, "height": 667}, locale="zh-CN")
        self.page = context.new_page()
        self.faults: list[str] = []
        self.addresses: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.addresses.append(request.url))
        self.page.expose_function("wechatCode", self._code)
        for name, body in {"": SHELL, "weapp.js": None, "weapp.css": None}.items():
            text = body if body is not None else (HERE / name).read_text(encoding="utf-8")
            kind = {"": "text/html", "weapp.js": "text/javascript", "weapp.css": "text/css"}[name]
            self.page.route(f"{installation.base}/weapp/{name}", _answering(text, kind))

    def _code(self, kind: str) -> str:
        asked = {"kind": kind, "openid": self._openid}
        answer = httpx.post(f"{self._installation.simulators}/wechat/codes", json=asked, trust_env=False)
        return str(answer.raise_for_status().json()["code"])

    def start(self, **phone: Any) -> None:
        """Open the program anew, as after it was swiped away; ``phone``: see ``window.phone`` in weapp.js."""
        folder, base = ROOT / "miniprogram", f"{self._installation.base}{openapi.BASE}"
        files = {
            one.relative_to(folder).as_posix(): one.read_text(encoding="utf-8")
            for one in folder.rglob("*")
            if one.is_file()
        }
        config = {"base": base, "unit": "pgzx", "template": self._template}
        files["config.js"] = f"module.exports = {json.dumps(config)}"
        self.page.goto(f"{self._installation.base}/weapp/")
        self.page.evaluate("(phone) => Object.assign(window.phone, phone)", phone)
        self.page.evaluate("([files, base]) => boot(files, base)", [files, base])

    def tap(self, words: str) -> None:
        """Tap what says ``words``."""
        self.page.locator("page button, page [role=button]").filter(has_text=words).first.click()

    def type(self, field: str, text: str) -> None:
        """Type into the field of that name."""
        self.page.get_by_label(field).fill(text)

    def see(self, words: str) -> str:
        """Wait until the page says ``words``; returns all it says."""
        text = ""

        def there() -> bool:
            nonlocal text
            text = self.page.inner_text("page")
            return words in text or bool(self.faults)

        try:
            wait_for(there, 30, words)
        finally:
            assert words in text, (words, text, self.faults)
        return text

    def gone(self, words: str) -> None:
        """Wait until the page no longer says ``words``."""
        wait_for(lambda: words not in self.page.inner_text("page"), 30, f"{words} to go")

    def back(self) -> None:
        """The bar's arrow."""
        self.page.click("header button")

    @property
    def title(self) -> str:
        """The bar's title."""
        return self.page.title()

    def opened(self) -> list[bytes]:
        """Files that were opened for the person."""
        return [base64.b64decode(one["text"]) for one in self.page.evaluate("window.phone.opened")]

    def picture(self, path: Path) -> None:
        """Keep what is seen."""
        self.page.screenshot(path=path, full_page=True)

    def close(self) -> None:
        """Put it away."""
        self.page.context.close()


def _answering(text: str, kind: str) -> Any:
    return lambda route: route.fulfill(body=text, content_type=f"{kind}; charset=utf-8")
