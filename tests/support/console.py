"""A member of staff at the console, in process: signs in, fetches and validates pages, sends forms as they stand."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import html5lib
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.demo.settings import DemoSettings
from portal.models import Point

PASSWORD = DemoSettings.model_fields["demo_password"].default


@dataclass
class FormOnPage:
    """A form as it stands on a page: where it goes and what is filled in."""

    action: str
    method: str
    values: dict[str, Any] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[FormOnPage] = []
        self._select = ""
        self._text: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(FormOnPage(found.get("action", ""), found.get("method", "get").lower()))
        if not self.forms:
            return
        values = self.forms[-1].values
        if tag == "input" and "name" in found and found.get("type") not in ("checkbox", "radio", "file", "submit"):
            values[found["name"]] = found.get("value", "")
        if tag == "input" and found.get("type") in ("checkbox", "radio") and "checked" in found:
            values.setdefault(found["name"], []).append(found.get("value", "on"))
        if tag == "select":
            self._select = found.get("name", "")
        if tag == "option" and self._select and ("selected" in found or self._select not in values):
            values[self._select] = found.get("value", "")
        if tag == "textarea":
            self._select, self._text = found.get("name", ""), ""
        if tag == "button":
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if self._text is not None and self.forms and tag in ("textarea", "button"):
            if tag == "textarea":
                self.forms[-1].values[self._select] = self._text.strip()
                self._select = ""
            else:
                self.forms[-1].buttons.append(self._text.strip())
            self._text = None


_VALID: set[bytes] = set()
_VARIES = re.compile(r"[0-9A-Za-z_.-]{20,}|[0-9]+")


def valid(html: str) -> str:
    """The page, when its HTML has no error; fails naming the first ones.

    One that differs from a valid one by numbers and tokens only is not read again: half of a run's pages.
    """
    form = hashlib.sha256(_VARIES.sub("0", html).encode()).digest()
    if form in _VALID:
        return html
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(html)
    wrong = [error for error in parser.errors if error[1] != "expected-doctype-but-got-start-tag"]
    assert not wrong, (wrong[:3], html.splitlines()[wrong[0][0][0] - 1][:300])
    _VALID.add(form)
    return html


class Console:
    """One browser of one member of staff."""

    def __init__(self, app: Flask, username: str = "", password: str = PASSWORD) -> None:
        self.app = app
        self.client = app.test_client()
        if username:
            answer = self.sign_in(username, password)
            assert answer.status_code == 303, answer.text

    def sign_in(self, username: str, password: str = PASSWORD) -> TestResponse:
        """The log-in form, filled in and sent."""
        form = self.forms(self.get("/console/login").text)[0]
        return self.client.post(form.action, data=form.values | {"username": username, "password": password})

    def get(self, path: str, status: int = 200) -> TestResponse:
        """Fetch a page; HTML is validated."""
        answer = self.client.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.location)
        if answer.mimetype == "text/html" and status != 303:
            valid(answer.text)
        return answer

    def forms(self, html: str) -> list[FormOnPage]:
        """The forms of a page, in order."""
        parser = _Forms()
        parser.feed(html)
        return parser.forms

    def form(self, path: str, button: str = "") -> FormOnPage:
        """The posted form of a page that has this button (or the page's own, last one)."""
        found = [form for form in self.forms(self.get(path).text) if form.method == "post"]
        if button:
            found = [form for form in found if button in form.buttons]
        assert found, f"{path} has no form {button}"
        return found[-1]

    def send(self, path: str, button: str = "", **values: Any) -> TestResponse:
        """Open the page, fill in ``values``, press ``button``."""
        form = self.form(path, button)
        return self.client.post(form.action or path, data=form.values | values)

    def follow(self, answer: TestResponse) -> str:
        """The page that an act led to."""
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return self.get(answer.location or "").text


def at_window(app: Flask, username: str = "cashier") -> Console:
    """Sign somebody in who works at the first window, which has numbers for bills and deposits."""
    person = Console(app, username)
    with app.extensions["qupiao"].services.database.read() as connection:
        place = connection.execute(select(Point.id).where(Point.code == "01")).scalar_one()
    [form, *_] = [form for form in person.forms(person.get("/console/home").text) if form.action.endswith("/point")]
    assert person.client.post(form.action, data=form.values | {"point": str(place)}).status_code == 303
    return person


def approve(who: Console, words: str) -> None:
    """Open the first request that waits, whose list says ``words``, and agree to it."""
    page = who.get("/console/home/approvals").text
    assert words in page
    path = page.split('href="/console/home/approvals/')[1].split('"')[0]
    answer = who.send(f"/console/home/approvals/{path}", "同意并办理")
    assert answer.status_code == 303, answer.text
