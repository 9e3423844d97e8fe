"""What the application registers for the mini-program: every operation, its document, the document's page."""

from __future__ import annotations

import json

from flask import Response, render_template

from portal.blueprints.mini import bills, family, help_desk, log_in, many, openapi
from portal.blueprints.mini.context import answer, failed, mini, refused
from portal.blueprints.mini.examples import ANSWERS
from portal.web.edge import services

__all__ = ["PARTS", "failed", "mini", "refused"]

PARTS = (log_in, bills, many, help_desk, family)
"""The modules whose operations hang on the same blueprint."""


@mini.get("/openapi.json")
def document() -> Response:
    """Show the API's description."""
    return answer(**openapi.document("取票", services().settings.outside))


@mini.get("/docs")
def docs() -> str:
    """Show the same as a page, with nothing from elsewhere."""
    api = openapi.document("取票", services().settings.outside)
    answers = {name: json.dumps(told, ensure_ascii=False, indent=2) for name, told in ANSWERS.items()}
    more = {"order": openapi.ORDER, "limits": openapi.LIMITS, "codes": openapi.CODES, "answers": answers}
    return render_template("mini/docs.html", api=api, **more)
