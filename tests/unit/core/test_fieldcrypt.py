"""Sealed fields and blind indexes, against an independent SM4-GCM and the OpenSSL command."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.hashes import SM3, Hash
from gmssl.sm4 import SM4_ENCRYPT, CryptSM4
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core.crypto.field_cipher import BlindIndex, FieldCipher, SealBroken, hmac_sm3

OLD, NEW = bytes(range(16)), bytes(range(100, 116))
CIPHER = FieldCipher({1: OLD}, 1)
INDEX = BlindIndex(b"k" * 32)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def independent_gcm(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    """SM4-GCM after NIST SP 800-38D on gmssl's SM4 block: ciphertext ‖ tag."""
    work = CryptSM4()
    work.set_key(key, SM4_ENCRYPT)

    def block(data: bytes) -> int:
        return int.from_bytes(bytes(work.one_round(work.sk, list(data))), "big")

    def counter(number: int) -> int:
        return block(nonce + number.to_bytes(4, "big"))

    def multiply(x: int, y: int) -> int:
        product = 0
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                product ^= y
            y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
        return product

    sealed = b""
    for start in range(0, len(plain), 16):
        part = plain[start : start + 16]
        stream = counter(start // 16 + 2).to_bytes(16, "big")
        sealed += bytes(a ^ b for a, b in zip(part, stream, strict=False))
    subkey, digest = block(bytes(16)), 0
    lengths = (len(associated) * 8).to_bytes(8, "big") + (len(sealed) * 8).to_bytes(8, "big")
    padded = b"".join(part + bytes(-len(part) % 16) for part in (associated, sealed)) + lengths
    for start in range(0, len(padded), 16):
        digest = multiply(digest ^ int.from_bytes(padded[start : start + 16], "big"), subkey)
    return sealed + (digest ^ counter(1)).to_bytes(16, "big")


def test_the_oracle_gives_the_published_vectors() -> None:
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    block = CryptSM4()
    block.set_key(key, SM4_ENCRYPT)
    assert bytes(block.one_round(block.sk, list(key))).hex() == "681edf34d206965e86b3e94f536e4246"  # GB/T 32907 A.1
    plain = bytes.fromhex("".join(digit * 16 for digit in "ABCDEFEA"))
    sealed = independent_gcm(  # RFC 8998 A.1
        key,
        bytes.fromhex("00001234567800000000ABCD"),
        plain,
        bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2"),
    )
    assert sealed.hex().upper() == (
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
        "83DE3541E4C2B58177E065A9BF7B62EC"
    )


@given(NAMES, NAMES, st.binary(max_size=70))
@settings(deadline=None, max_examples=25)
def test_a_sealed_value_is_sm4_gcm_with_field_and_row_bound(field: str, row: str, plain: bytes) -> None:
    sealed = CIPHER.encrypt(field, row, plain)
    assert sealed[0] == 1
    assert sealed[13:] == independent_gcm(OLD, sealed[1:13], plain, f"{field}\0{row}".encode())


@given(NAMES, st.integers(0, 2**62), st.text(st.characters(exclude_categories=["Cs"])))
@settings(deadline=None)
def test_text_returns_unchanged(field: str, row: int, text: str) -> None:
    sealed = CIPHER.encrypt(field, row, text)
    assert CIPHER.decrypt_text(field, row, sealed) == text
    assert CIPHER.decrypt(field, str(row), sealed) == text.encode(), "a row id means the same as number and as text"
    assert len(text) < 4 or text.encode() not in sealed


@given(NAMES, NAMES, NAMES, NAMES)
@settings(deadline=None)
def test_a_value_opens_only_in_its_own_field_and_row(field: str, row: str, other_field: str, other_row: str) -> None:
    sealed = CIPHER.encrypt(field, row, "张三")
    if (field, row) == (other_field, other_row):
        assert CIPHER.decrypt_text(other_field, other_row, sealed) == "张三"
    else:
        with pytest.raises(SealBroken, match="another row or field"):
            CIPHER.decrypt(other_field, other_row, sealed)


def test_a_value_moved_to_another_row_or_field_does_not_open() -> None:
    sealed = CIPHER.encrypt("bill_party.name", 7, "张三")
    for field, row in (("bill_party.name", 8), ("bill_party.phone", 7), ("bill_party.nam", "e7"), ("", 7)):
        with pytest.raises(SealBroken):
            CIPHER.decrypt(field, row, sealed)


def test_every_changed_byte_and_every_cut_is_noticed() -> None:
    sealed = CIPHER.encrypt("f", 1, "000000199001010011")
    for place in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[place] ^= 1 << bit
            with pytest.raises(SealBroken):
                CIPHER.decrypt("f", 1, bytes(changed))
    for size in range(len(sealed)):
        with pytest.raises(SealBroken):
            CIPHER.decrypt("f", 1, sealed[:size])
    with pytest.raises(SealBroken):
        CIPHER.decrypt("f", 1, sealed + b"\0")


def test_refusals_do_not_repeat_the_value() -> None:
    sealed = CIPHER.encrypt("f", 1, "张三")
    with pytest.raises(SealBroken) as caught:
        CIPHER.decrypt("f", 2, sealed)
    assert "张三" not in str(caught.value)
    assert sealed.hex() not in str(caught.value)


def test_old_values_open_after_rotation_until_their_key_is_dropped() -> None:
    old = CIPHER.encrypt("f", 1, "before")
    both = FieldCipher({1: OLD, 2: NEW}, 2)
    new = both.encrypt("f", 1, "after")
    assert (old[0], new[0]) == (1, 2)
    assert both.decrypt_text("f", 1, old) == "before"
    assert both.decrypt_text("f", 1, new) == "after"
    with pytest.raises(SealBroken, match="unknown key"):
        FieldCipher({2: NEW}, 2).decrypt("f", 1, old)
    with pytest.raises(SealBroken, match="another row or field"):
        both.decrypt("f", 1, b"\x02" + old[1:])


@pytest.mark.parametrize(
    ("keys", "current"), [({1: OLD}, 2), ({}, 1), ({256: OLD}, 256), ({-1: OLD}, -1), ({1: OLD[:15]}, 1)]
)
def test_impossible_keys_are_refused_at_start(keys: dict[int, bytes], current: int) -> None:
    with pytest.raises(ValueError, match=r"key"):
        FieldCipher(keys, current)


def test_equal_values_never_seal_alike() -> None:
    assert len({CIPHER.encrypt("f", 1, "same")[1:13] for _ in range(1000)}) == 1000


def test_sm3_gives_the_published_digest() -> None:
    work = Hash(SM3())
    work.update(b"abc")
    assert work.finalize().hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"  # GB/T 32905 A.1


@pytest.mark.parametrize("size", [1, 32, 64, 65, 200])
def test_hmac_sm3_agrees_with_openssl(size: int) -> None:
    key, message = bytes(n % 251 for n in range(7, 7 + size)), "张三\0000000".encode()
    shown = subprocess.run(
        ["openssl", "dgst", "-sm3", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"],
        input=message,
        capture_output=True,
        check=True,
    )
    assert hmac_sm3(key, message) == shown.stdout


@given(NAMES, st.text(st.characters(exclude_categories=["Cs"])))
@settings(deadline=None)
def test_an_index_is_hmac_sm3_over_kind_and_value(kind: str, value: str) -> None:
    expected = hmac_sm3(b"k" * 32, f"{kind}\0{value}".encode())
    assert INDEX.digest(kind, value) == expected == INDEX.digest(kind, value.encode())
    assert BlindIndex(b"j" * 32).digest(kind, value) != expected


@given(NAMES, NAMES, NAMES, NAMES)
def test_kinds_and_values_do_not_run_into_each_other(kind: str, value: str, kind2: str, value2: str) -> None:
    assert (INDEX.digest(kind, value) == INDEX.digest(kind2, value2)) == ((kind, value) == (kind2, value2))


def test_eight_threads_share_one_cipher_and_one_index() -> None:
    def work(number: int) -> bool:
        return all(
            CIPHER.decrypt_text("f", turn, CIPHER.encrypt("f", turn, f"{number}/{turn}")) == f"{number}/{turn}"
            and INDEX.digest("k", f"{number}/{turn}") == hmac_sm3(b"k" * 32, f"k\0{number}/{turn}".encode())
            for turn in range(500)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
