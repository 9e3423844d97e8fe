"""The length of a run: short in ``make test``, full in ``make soak`` (``QUPIAO_SOAK=1``)."""

from __future__ import annotations

import os

import pytest

SOAK = os.environ.get("QUPIAO_SOAK") == "1"
SQLITE_FIRST = ["sqlite", "postgresql"] if SOAK else ["sqlite"]
"""Databases of long tests whose subject is not the database: both only at full length."""
sqlite_first = pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
"""The same for a file of short tests, as ``pytestmark``."""
