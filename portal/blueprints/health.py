"""Whether the process is alive and ready: for supervisors and load balancers."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from portal.web.edge import services

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """Answer that the process is alive."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> tuple[Response, int]:
    """Answer whether the database answers as well."""
    if not services().database.answers():
        return jsonify(status="database away"), 503
    return jsonify(status="ok"), 200
