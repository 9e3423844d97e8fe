"""The demo's two RSA key pairs: our application's and the simulated Alipay's."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True, slots=True)
class AlipayKeys:
    """PEM texts of all four; outside the demo nobody has all four."""

    app_private: str
    app_public: str
    alipay_private: str
    alipay_public: str


def ensure_demo_keys(data_dir: Path) -> AlipayKeys:
    """Return the key pairs in ``data_dir/keys``, made on first use."""
    folder = data_dir / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".alipay-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        texts = [text for name in ("app", "alipay") for text in _pair(folder / f"demo-{name}-rsa.pem")]
    return AlipayKeys(*texts)


def _pair(path: Path) -> tuple[str, str]:
    if not path.exists():
        made = rsa.generate_private_key(65537, 2048)
        form = serialization.PrivateFormat.PKCS8
        path.write_bytes(made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        path.chmod(0o600)
    text = path.read_bytes()
    key = serialization.load_pem_private_key(text, None)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return text.decode(), public.decode()
