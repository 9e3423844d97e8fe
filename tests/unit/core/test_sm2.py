"""SM2 through libcrypto, against the standard's example, the gmssl package and the OpenSSL command."""

from __future__ import annotations

import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from asn1crypto.algos import DSASignature
from asn1crypto.keys import PublicKeyInfo
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from gmssl.sm2 import CryptSM2
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core.crypto.sm2 import DISTINGUISHING_ID, CryptoError, PrivateKey, PublicKey

# GM/T 0003.5 annex A: key, message and signature on the recommended curve
PRIVATE = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
POINT = (
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
R = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
S = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
MESSAGE = b"message digest"

KEY = PrivateKey.generate()
PUBLIC = KEY.public()


def der(r: str, s: str) -> bytes:
    return bytes(DSASignature({"r": int(r, 16), "s": int(s, 16)}).dump())


def raw(signature: bytes) -> str:
    parsed = DSASignature.load(signature, strict=True).native
    return f"{parsed['r']:064x}{parsed['s']:064x}"


def standard_key() -> PrivateKey:
    """The annex's key as an RFC 5915 structure, written out."""
    curve, point = "a00a06082a811ccf5501822d", "a144034200" + "04" + POINT
    return PrivateKey.from_der(bytes.fromhex("30770201010420" + PRIVATE + curve + point))


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_standard_example_verifies() -> None:
    public = standard_key().public()
    assert PublicKeyInfo.load(public.public_der())["public_key"].native.hex() == "04" + POINT
    assert public.verify(der(R, S), MESSAGE)
    assert not public.verify(der(R, S), b"message digesT")
    assert not public.verify(der(S, R), MESSAGE)


def test_gmssl_verifies_ours_and_we_verify_theirs() -> None:
    ours, theirs = standard_key(), CryptSM2(private_key=PRIVATE, public_key=POINT)
    assert theirs.verify_with_sm3(raw(ours.sign(MESSAGE)), MESSAGE)
    assert not theirs.verify_with_sm3(raw(ours.sign(MESSAGE)), b"another")
    made = theirs.sign_with_sm3(MESSAGE)
    assert ours.public().verify(der(made[:64], made[64:]), MESSAGE)


def test_openssl_command_verifies_ours_and_we_verify_theirs(tmp_path: Path) -> None:
    key, public, data, signature = (tmp_path / name for name in ("key.pem", "public.der", "data", "signature"))
    key.write_bytes(KEY.to_pem())
    public.write_bytes(KEY.public_der())
    data.write_bytes(MESSAGE)
    signature.write_bytes(KEY.sign(MESSAGE))
    distid = f"distid:{DISTINGUISHING_ID.decode()}"
    check = ("dgst", "-sm3", "-verify", public, "-keyform", "DER", "-signature", signature, "-sigopt")
    assert openssl(*check, distid, data).stdout.strip() == "Verified OK"
    assert openssl(*check, "distid:8765432187654321", data).returncode != 0
    paths = ("-in", data, "-out", signature)
    sign = openssl("pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", key, *paths, "-pkeyopt", distid)
    assert sign.returncode == 0, sign.stderr
    assert PUBLIC.verify(signature.read_bytes(), MESSAGE)


def test_key_survives_pem_and_der_and_openssl_reads_both(tmp_path: Path) -> None:
    for form, written, read in (
        ("PEM", KEY.to_pem(), PrivateKey.from_pem),
        ("DER", KEY.to_der(), PrivateKey.from_der),
    ):
        again = read(written)
        assert again.public_der() == KEY.public_der()
        assert PUBLIC.verify(again.sign(b"x"), b"x")
        path = tmp_path / form
        path.write_bytes(written)
        shown = openssl("pkey", "-inform", form, "-in", path, "-noout", "-text")
        assert "ASN1 OID: SM2" in shown.stdout, shown.stderr


@given(st.binary(max_size=4096))
@settings(deadline=None, max_examples=50)
def test_any_data_signs_and_verifies(data: bytes) -> None:
    signature = KEY.sign(data)
    assert PUBLIC.verify(signature, data)
    assert not PUBLIC.verify(signature, data + b"\0")


@given(st.binary(max_size=100))
@settings(deadline=None, max_examples=200)
def test_arbitrary_bytes_are_no_signature(junk: bytes) -> None:
    assert not PUBLIC.verify(junk, MESSAGE)


def test_every_changed_byte_of_a_signature_is_noticed() -> None:
    signature = KEY.sign(MESSAGE)
    assert PUBLIC.verify(signature, MESSAGE)
    for place in range(len(signature)):
        for bit in range(8):
            changed = bytearray(signature)
            changed[place] ^= 1 << bit
            assert not PUBLIC.verify(bytes(changed), MESSAGE), (place, bit)
    assert not PUBLIC.verify(signature + b"\0", MESSAGE)
    assert not PUBLIC.verify(signature[:-1], MESSAGE)


def test_signatures_never_repeat() -> None:
    assert len({KEY.sign(MESSAGE)[:40] for _ in range(50)}) == 50


def test_eight_threads_sign_and_verify_with_one_key() -> None:
    def work(number: int) -> list[tuple[bytes, bytes]]:
        made = [(data, KEY.sign(data)) for data in (f"{number}/{turn}".encode() for turn in range(60))]
        assert all(PUBLIC.verify(signature, data) for data, signature in made)
        return made

    with ThreadPoolExecutor(8) as pool:
        made = [pair for pairs in pool.map(work, range(8)) for pair in pairs]
    assert all(PUBLIC.verify(signature, data) for data, signature in made)
    assert len({signature for _, signature in made}) == 8 * 60
    assert not PUBLIC.verify(made[0][1], made[1][0])


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def test_keys_that_are_not_sm2_are_refused_when_read() -> None:
    p256, rsa_key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    for other in (p256, rsa_key):
        with pytest.raises(CryptoError, match="SM2"):
            PrivateKey.from_pem(_pem(other))
        public = other.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with pytest.raises(CryptoError, match="SM2"):
            PublicKey.from_der(public)


@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_bytes_that_are_no_key_are_refused(junk: bytes) -> None:
    for read in (PrivateKey.from_pem, PrivateKey.from_der, PublicKey.from_der):
        with pytest.raises(CryptoError):
            read(junk)
    assert PUBLIC.verify(KEY.sign(b"x"), b"x"), "an earlier refusal must not spoil later calls"


READ_KEY = """
import sys
from pathlib import Path
from portal.core.crypto.sm2 import CryptoError, PrivateKey
try:
    PrivateKey.from_pem(Path(sys.argv[1]).read_bytes())
except CryptoError:
    print("refused")
"""


def test_encrypted_key_is_refused_without_asking_anybody(tmp_path: Path) -> None:
    """At a terminal, where libcrypto would otherwise wait for a pass phrase."""
    path = tmp_path / "key.pem"
    path.write_bytes(_pem(ec.generate_private_key(ec.SECP256R1()), b"secret"))
    terminal = ["script", "-qec", shlex.join([sys.executable, "-c", READ_KEY, str(path)]), "/dev/null"]
    shown = subprocess.run(
        terminal, input="\n", capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert "refused" in shown.stdout
    assert "pass phrase" not in shown.stdout
