"""Coverage of a process is on the disk before the process has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal
from tests.support import measured
measured.keep()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_after_its_tests_has_left_its_coverage(tmp_path: Path) -> None:
    settings = tmp_path / "rc"
    settings.write_text(f"[run]\nbranch = true\nparallel = true\ndata_file = {tmp_path}/data\n")
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", tmp_path / "killed.py"]
    ended = subprocess.run(command, check=False, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, cwd=tmp_path)
    assert ended.returncode == -9
    assert list(tmp_path.glob("data.*.H*")), "whole: its name ends in the hash of what is in it"
