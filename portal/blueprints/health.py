"""Whether the process is alive and ready: for supervisors and load balancers."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from portal.web.edge import services

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """Answer that the process is alive."""
    return jsonify(status="ok")


@health.get("/favicon.ico")
def icon() -> Response:
    """Show the sign of the platform, which browsers ask for without being told where it is."""
    return current_app.send_static_file("icon.svg")


@health.get("/readyz")
def ready() -> tuple[Response, int]:
    """Answer whether the database answers as well."""
    if not services().database.answers():
        return jsonify(status="database away"), 503
    return jsonify(status="ok"), 200
