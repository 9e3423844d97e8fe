"""Writes routes.txt anew after a deliberate change: ``python -m tests.structure.routes``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Flask

from portal.app import create_app
from portal.demo.settings import DemoSettings

AGREED = Path(__file__).parent / "routes.txt"


def routes(app: Flask) -> list[str]:
    """Every address with its methods, sorted."""
    return sorted(
        f"{rule.rule} {' '.join(sorted({'GET', 'POST'} & set(rule.methods or ())))}"
        for rule in app.url_map.iter_rules()
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        application = create_app(DemoSettings(data_dir=Path(folder)))
        AGREED.write_text("\n".join(routes(application)) + "\n", encoding="utf-8")
