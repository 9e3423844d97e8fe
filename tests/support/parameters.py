"""Parameters of the unit of a test."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import insert

from portal.core.clock import now
from portal.models import Parameter


def set_parameter(app: Flask, key: str, value: Any) -> None:
    """Set a parameter of the first unit, as the console's page does."""
    row = {"unit_id": 1, "key": key, "value": value, "changed_by": "测试", "changed_at": now()}
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(insert(Parameter), row)
