"""What a stored password costs whoever stole it; the tests' own process takes a cheaper hash."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes.forks import ROOT


def test_a_stored_password_costs_what_owasp_asks_for() -> None:
    program = "from portal.access.sign_in.passwords import hashed, nobody; print(hashed('x')); print(nobody())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    for stored in done.stdout.split():
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
