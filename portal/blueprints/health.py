"""Whether the process is alive and ready: for supervisors and load balancers."""

from __future__ import annotations

import shutil

from flask import Blueprint, Response, current_app, jsonify

from portal.web.edge import services

health = Blueprint("health", __name__)
LEAST_FREE = 32 * 1024 * 1024
"""Bytes on the disk of ``DATA_DIR`` below which a database, a log and a form that is drawn would soon fail."""


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
    """Answer whether something can be written as well: the database answers and takes writes, the disk has room."""
    trouble = services().database.trouble() or _no_room()
    if trouble:
        return jsonify(status=trouble), 503
    return jsonify(status="ok"), 200


def _no_room() -> str:
    free = shutil.disk_usage(services().settings.data_dir).free
    return "disk full" if free < LEAST_FREE else ""
