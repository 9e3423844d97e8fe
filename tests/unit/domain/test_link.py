"""The published rule of offline links: the page's own code and vectors, and the command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from portal.domain.link import TOKEN, address, token

PAGE = (Path(__file__).parents[3] / "docs" / "offline-link.md").read_text(encoding="utf-8")
KEY = bytes(range(32))
VECTORS = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)


def reference() -> object:
    """The function that stands on the page, as a reader would copy it."""
    found = re.search(r"```python reference\n(.*?)```", PAGE, re.DOTALL)
    assert found
    names: dict[str, object] = {}
    exec(found[1], names)  # the page is ours
    return names["bill_link"]


def test_vectors_of_the_page() -> None:
    assert len(VECTORS) == 3
    for unit, serial, wanted in VECTORS:
        assert token(KEY, "A", unit, serial) == wanted
        assert reference()("http://h", KEY.hex(), "A", unit, serial) == f"http://h/b/{wanted}"  # type: ignore[operator]


@given(unit=st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True), serial=st.text(min_size=1, max_size=50))
def test_the_reference_implementation_is_ours(unit: str, serial: str) -> None:
    try:
        serial.encode()
    except UnicodeEncodeError:
        return
    made = token(KEY, "B", unit, serial)
    assert TOKEN.fullmatch(made)
    assert reference()("", KEY.hex(), "B", unit, serial) == f"/b/{made}"  # type: ignore[operator]


def test_unit_serial_generation_and_key_all_count() -> None:
    made = {
        token(KEY, "A", "u", "s"),
        token(KEY, "A", "u", "s", 1),
        token(KEY, "A", "us", ""),
        token(KEY, "A", "v", "s"),
        token(KEY[::-1], "A", "u", "s"),
    }
    assert len(made) == 5


def test_the_page_of_a_bill_lies_below_the_platform() -> None:
    assert address("https://pj.example.cn/qp", "Axyz") == "https://pj.example.cn/qp/b/Axyz"


def test_the_command_needs_neither_database_nor_network(tmp_path: Path) -> None:
    unit, serial, wanted = VECTORS[1]
    command = [
        sys.executable,
        "-m",
        "portal.cli",
        "offline",
        "link",
        "--unit",
        unit,
        "--key",
        KEY.hex(),
        "--key-id",
        "A",
    ]
    environment = {"DATA_DIR": str(tmp_path / "none"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    root = Path(__file__).parents[3]
    done = subprocess.run([*command, serial], capture_output=True, text=True, check=True, env=environment, cwd=root)
    assert done.stdout.strip() == f"http://127.0.0.1:8000/b/{wanted}"
    assert not (tmp_path / "none").exists()
