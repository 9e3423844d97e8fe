"""The floor of a page: a bare Flask application with one primary-key read and a template of the same size.

No session, no rights, no sealed values, no protection of forms, no headers: what the framework, the template engine
and one query cost by themselves, in the same kind of server. ``BENCH_PAGE`` names the template.
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, render_template
from sqlalchemy import bindparam, create_engine, select

from portal.core.database import engine_options
from portal.models import Bill
from portal.web.gateway import Gateway

ENGINE = create_engine(os.environ["DATABASE_URL"], **engine_options(os.environ["DATABASE_URL"]))
BY_ID = select(Bill.__table__).where(Bill.__table__.c.id == bindparam("bill"))

application = Flask(__name__)
gateway = Gateway(application, 4)
page = application.jinja_env.from_string(Path(os.environ["BENCH_PAGE"]).read_text(encoding="utf-8"))


@application.get("/healthz")
def health() -> str:
    """Ready."""
    return "ok"


@application.get("/bill/<int:bill_id>")
def bill(bill_id: int) -> str:
    """One row by its key on a page of the real one's size."""
    with ENGINE.connect() as connection:
        row = connection.execute(BY_ID, {"bill": bill_id}).one()
    return render_template(page, bill=row)
