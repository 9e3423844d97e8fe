"""Master secrets and the files of the demo's keys: refusals, agreement of processes, repair, rotation."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import FileSigner, verify_detached
from portal.core.crypto.field_cipher import SealBroken, hmac_sm3
from portal.core.crypto.keyring import Keyring, MasterKeyMissing
from portal.core.settings import Settings
from portal.demo.keys import ensure_demo_keys, ensure_master_key
from portal.demo.settings import DemoSettings

FIRST, SECOND = (hashlib.sha256(name).digest() for name in (b"first", b"second"))


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Files must be private by our doing, not by the luck of the caller's umask."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("kind", [Settings, DemoSettings])
def test_a_given_secret_is_used_in_demo_and_production(tmp_path: Path, kind: type[Settings]) -> None:
    opened = kind(data_dir=tmp_path, master_key=f" {encoded(FIRST)}\n").keyring()
    assert opened.derive("x") == hmac_sm3(FIRST, b"qupiao/x")
    assert list(tmp_path.rglob("master.key")) == []


@pytest.mark.parametrize("nothing", ["", "  "])
def test_production_without_a_secret_does_not_start(tmp_path: Path, nothing: str) -> None:
    with pytest.raises(MasterKeyMissing, match=r"没有设置 QUPIAO_MASTER_KEY.*openssl rand -base64 32"):
        Settings(data_dir=tmp_path, master_key=nothing).keyring()
    assert list(tmp_path.iterdir()) == []


WEAK = {
    "not base64": "密钥密钥密钥",
    "cut base64": encoded(FIRST)[:-1],
    "short": encoded(FIRST[:31]),
    "zeros": encoded(bytes(32)),
    "repeated": encoded(b"\x01\x9f\xc3" * 11),
    "counting": encoded(bytes(range(32))),
    "steps": encoded(bytes(n * 3 % 256 for n in range(40))),
    "phrase": encoded(b"please-change-me-before-go-live-0123"),
    "hex digits": encoded(b"0123456789abcdef0123456789abcdef"),
}


@pytest.mark.parametrize("kind", [Settings, DemoSettings])
@pytest.mark.parametrize("weak", WEAK.values(), ids=WEAK.keys())
def test_weak_secrets_are_refused_without_being_repeated(tmp_path: Path, weak: str, kind: type[Settings]) -> None:
    with pytest.raises(MasterKeyMissing, match="openssl rand -base64 32") as caught:
        kind(data_dir=tmp_path, master_key=weak).keyring()
    assert weak not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"2:{encoded(SECOND)}", "缺少第 1 代"),
        (f"1:{encoded(FIRST)},1:{encoded(SECOND)}", "写了两次"),
        (f"0:{encoded(FIRST)}", "1 至 255"),
        (f"256:{encoded(FIRST)}", "1 至 255"),
        (f"new:{encoded(FIRST)}", "1 至 255"),
        (f"²:{encoded(FIRST)}", "1 至 255"),
        (f"1:{encoded(FIRST)},2:", "太短"),
        (f"1:{encoded(FIRST)},2:@", "不是 Base64"),
        (f"1:{encoded(FIRST)},", "写了两次"),
    ],
)
def test_malformed_generations_are_refused(text: str, message: str) -> None:
    with pytest.raises(MasterKeyMissing, match=message):
        Keyring.open(text)


def test_many_random_secrets_are_all_accepted() -> None:
    for _ in range(2000):
        Keyring.open(encoded(secrets.token_bytes(32)))


def test_each_purpose_has_a_key_of_its_own() -> None:
    ring = Keyring(FIRST)
    made = {
        ring.derive("field/1"),
        ring.index().digest("", ""),
        ring.link_key("A", "HIS1"),
        ring.link_key("A", "HIS2"),
        ring.link_key("B", "HIS1"),
        ring.session_secret(),
        Keyring(SECOND).link_key("A", "HIS1"),
        hmac_sm3(FIRST, b"HIS1"),
    }
    assert len(made) == 8
    assert ring.link_key("A", "HIS1") == Keyring(FIRST).link_key("A", "HIS1")


def test_a_second_master_seals_new_values_and_keeps_what_is_found_from_outside() -> None:
    before = Keyring(FIRST)
    after = Keyring.open(f"2:{encoded(SECOND)},1:{encoded(FIRST)}")
    old, new = before.cipher().encrypt("f", 1, "old"), after.cipher().encrypt("f", 1, "new")
    assert (old[0], new[0]) == (1, 2)
    assert after.cipher().decrypt_text("f", 1, old) == "old"
    assert after.cipher().decrypt_text("f", 1, new) == "new"
    with pytest.raises(SealBroken):
        before.cipher().decrypt("f", 1, new)
    assert after.index().digest("name", "张三") == before.index().digest("name", "张三")
    assert after.link_key("A", "HIS1") == before.link_key("A", "HIS1")
    assert after.session_secret() != before.session_secret()


def test_keyrings_do_not_show_their_secret() -> None:
    assert FIRST.hex() not in repr(Keyring(FIRST))
    assert repr(FIRST) not in repr(Keyring(FIRST))


@pytest.mark.usefixtures("open_umask")
def test_the_demo_makes_its_secret_once_and_private(tmp_path: Path) -> None:
    made = ensure_master_key(tmp_path)
    path = tmp_path / "keys" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(path.read_bytes()) == 32
    assert ensure_master_key(tmp_path) == made
    assert ensure_master_key(tmp_path / "other") != made


def test_a_damaged_demo_secret_is_not_replaced_silently(tmp_path: Path) -> None:
    ensure_master_key(tmp_path)
    path = tmp_path / "keys" / "master.key"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(MasterKeyMissing, match="已损坏"):
        ensure_master_key(tmp_path)
    assert len(path.read_bytes()) == 20


def test_a_draft_left_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name in ("master.new", "unit.key.new", "ca.crt.new"):
        (tmp_path / "keys" / name).write_bytes(b"half")
    assert ensure_master_key(tmp_path) == ensure_master_key(tmp_path)
    check(tmp_path)


START_TOGETHER = """
import sys
from pathlib import Path
from portal.demo.keys import ensure_demo_keys, ensure_master_key
print("ready", flush=True)
sys.stdin.readline()
folder = Path(sys.argv[1])
secret = ensure_master_key(folder)
files = ensure_demo_keys(folder)
print(secret.hex(), files.unit_certificate.read_bytes().hex(), files.finance_certificate.read_bytes().hex())
"""


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", START_TOGETHER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(5)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = {process.communicate()[0] for process in running}
    assert len(answers) == 1
    assert all(process.returncode == 0 for process in running)
    check(tmp_path)


def check(folder: Path) -> None:
    """Both pairs sign, and verify against the CA."""
    files = ensure_demo_keys(folder)
    root = load_certificate(files.ca_certificate)
    for key, certificate in ((files.unit_key, files.unit_certificate), (files.finance_key, files.finance_certificate)):
        signer = FileSigner.load(key, certificate)
        assert verify_detached(signer.sign(b"x"), b"x", [root]).serial_hex == signer.serial_hex


@pytest.mark.usefixtures("open_umask")
def test_demo_keys_are_private_and_stay(tmp_path: Path) -> None:
    files = ensure_demo_keys(tmp_path)
    paths = sorted(path for path in (tmp_path / "keys").iterdir() if path.suffix)
    assert [path.name for path in paths] == ["ca.crt", "ca.key", "finance.crt", "finance.key", "unit.crt", "unit.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    before = [path.read_bytes() for path in paths]
    assert ensure_demo_keys(tmp_path) == files
    assert [path.read_bytes() for path in paths] == before
    check(tmp_path)


@pytest.mark.parametrize("lost", ["ca.crt", "unit.key", "unit.crt", "finance.key", "finance.crt"])
def test_a_lost_file_is_made_again_and_older_signatures_still_verify(tmp_path: Path, lost: str) -> None:
    files = ensure_demo_keys(tmp_path)
    signed = FileSigner.load(files.unit_key, files.unit_certificate).sign(b"older")
    (tmp_path / "keys" / lost).unlink()
    check(tmp_path)
    verify_detached(signed, b"older", [load_certificate(files.ca_certificate)])


def test_without_the_ca_key_a_complete_set_stays_and_a_broken_one_is_made_anew(tmp_path: Path) -> None:
    files = ensure_demo_keys(tmp_path)
    before = files.ca_certificate.read_bytes()
    files.ca_key.unlink()
    check(tmp_path)
    assert files.ca_certificate.read_bytes() == before
    files.unit_certificate.unlink()
    check(tmp_path)
    assert files.ca_certificate.read_bytes() != before
