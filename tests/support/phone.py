"""A phone's browser for tests, and the text messages it gets."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from playwright.sync_api import Browser, Playwright

from tests.support.processes.installation import Installation
from tests.support.processes.services import wait_for

WIDTH = 360
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launched(playwright: Playwright, *arguments: str) -> Iterator[Browser]:
    """A browser for the length of a block."""
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])
    yield started
    started.close()


def last_code(installation: Installation, after: int) -> str:
    """The newest code in the SMS simulator's inbox among those that came after the first ``after`` messages."""

    def newest() -> str:
        answer = httpx.get(f"{installation.simulators}/sms/messages", trust_env=False).json()
        messages = answer["messages"] if isinstance(answer, dict) else answer
        codes = re.findall(r"验证码(\d{6})", str(messages[: len(messages) - after]))
        return codes[0] if codes else ""

    return wait_for(newest, 60, "the text message")
