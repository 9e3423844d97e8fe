"""An installation and a browser, as most of these tests want them: one of each for the tests of a module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.phone import launched
from tests.support.processes.installation import Installation, running


@pytest.fixture(scope="module")
def installation(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Web, simulators and worker over a copy of the seeded data."""
    folder = tmp_path_factory.mktemp("installation")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    with running(folder, "", ("web", "simulators", "worker")) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright, launched(playwright) as started:
        yield started
