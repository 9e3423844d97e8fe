"""An address that begins with two slashes is led to the one with one; nothing is done by it."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("method", "path", "status", "location"),
    [
        ("GET", "//console/login", "303 SEE OTHER", "/console/login"),
        ("GET", "//h/pgzx", "303 SEE OTHER", "/h/pgzx"),
        ("GET", "///x.example/console", "303 SEE OTHER", "/x.example/console"),
        ("POST", "//h/pgzx", "404 NOT FOUND", None),
    ],
)
def test_two_slashes(app: Flask, method: str, path: str, status: str, location: str | None) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    environ = EnvironBuilder(path="/x", method=method).get_environ() | {"PATH_INFO": path}
    _, answered, headers = run_wsgi_app(app.wsgi_app, environ)
    assert (answered, headers.get("Location")) == (status, location)
