"""``qupiao demo run`` itself: killed without warning it leaves nothing behind; a second one at its port says so."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes.forks import ROOT
from tests.support.processes.installation import answers, free_pair
from tests.support.processes.services import wait_for

COMMAND = [sys.executable, "-m", "portal.cli", "demo", "run"]


@pytest.fixture
def environment(data_dir: Path, tmp_path: Path) -> dict[str, str]:
    """Of an installation whose demo data are there."""
    shutil.copytree(data_dir, tmp_path / "data")
    (tmp_path / "data" / "demo.done").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUPIAO_")}
    return kept | {"DATA_DIR": str(tmp_path / "data"), "PORT": str(free_pair())}


@pytest.fixture
def supervisor(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """It runs, and all of its children answer."""
    process = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    wait_for(lambda: ready(environment), 90, "the installation")
    yield process
    process.terminate()
    process.wait(30)
    wait_for(lambda: not family(environment), 30, "everything to end")


def ready(environment: dict[str, str]) -> bool:
    return answers(int(environment["PORT"]), "/readyz")


def family(environment: dict[str, str]) -> list[int]:
    """The processes of the installation, known by its data."""
    mark, found = f"DATA_DIR={environment['DATA_DIR']}".encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state = (path / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and mark in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
        except OSError:
            continue
    return found


def test_a_second_one_at_its_port_says_so_and_killed_it_leaves_nothing(
    environment: dict[str, str], supervisor: subprocess.Popen[bytes]
) -> None:
    second = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"端口 {environment['PORT']} 已有程序在用" in second.stdout and "PORT=8200 make run" in second.stdout
    assert ready(environment) and len(family(environment)) >= 4, "supervisor, web, worker, simulators go on"
    supervisor.send_signal(signal.SIGKILL)
    wait_for(lambda: not family(environment), 30, "the children's end")
