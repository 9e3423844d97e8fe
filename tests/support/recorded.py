"""The application with an access log of all that gives somebody away: ``access.log`` in the data folder, a line a call.

Address, query, Referer and every header of the answer, as a proxy or a server of the hospital could write them down.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from portal.demo.wsgi import application as served
from portal.web.gateway import Gateway

LOG = Path(os.environ["DATA_DIR"]) / "access.log"


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve as ``portal.demo.wsgi.application`` does, and write the line."""
    asked = [environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")]
    asked += [unquote(environ.get(name, "")) for name in ("QUERY_STRING", "HTTP_REFERER")]

    def answered(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        told = [unquote(f"{name}: {value}") for name, value in headers]
        with LOG.open("a", encoding="utf-8") as log:
            log.write(repr([*asked, status, *told]) + "\n")
        return start_response(status, headers, *more)

    return served(environ, answered)


gateway = Gateway(application, 4)
