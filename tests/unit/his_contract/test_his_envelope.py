"""The envelope and its JSON reader: what is read, what is refused, and that no small body is costly."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.blueprints.his import views
from portal.core import strict_json
from portal.domain.errors import Refusal
from portal.his_contract import envelope
from portal.his_contract.envelope import Call
from tests.factories.his_vectors import APPID, KEY, V1_BODY


def refused(body: bytes) -> str:
    """The code of the refusal of this body."""
    with pytest.raises(Refusal) as caught:
        envelope.parse(body)
    return caught.value.code


@given(st.text(alphabet='"\\[]{}a', max_size=60))
def test_every_string_is_left_out_of_the_depth(text: str) -> None:
    """No quotation mark remains to start another search: the count of brackets takes one pass, whatever the text."""
    assert '"' not in strict_json._STRING.sub("", text)


@pytest.mark.parametrize("opened", [b'"', b'"\\', b'"\\"', b'"a\\"b'])
def test_open_strings_after_many_brackets(opened: bytes) -> None:
    """A million escaped quotation marks in a string that never ends (hours, were each looked at to the end)."""
    assert refused(b'{"appid":' + b"[" * 41 + opened + b'\\"' * 1_000_000) == "ENVELOPE_INVALID"


def test_addresses_of_many_blanks() -> None:
    """The address is read in one pass as well."""
    assert views._TAIL.fullmatch("/api/medical/" + " " * 1_000_000 + "x/y") is None
    found = views._TAIL.fullmatch("//api//medical/turnPaper ")
    assert found
    assert found[1].strip() == "turnPaper"


@given(st.integers(1, 60), st.sampled_from(["[", '{"a":']))
def test_depth(depth: int, opening: str) -> None:
    """Forty levels and no more; brackets inside strings do not count."""
    closing = "]" if opening == "[" else "}"
    text = opening * depth + '"' + "[" * 50 + '"' + closing * depth
    if depth <= strict_json.MOST_DEPTH:
        strict_json.decode(text.encode())
    else:
        with pytest.raises(strict_json.JsonError, match="嵌套"):
            strict_json.decode(text.encode())


@pytest.mark.parametrize(
    "number", ["1e41", "1e999999999", "-1E-999999999", "9" * 41, "NaN", "Infinity", "1e" + "9" * 60]
)
def test_numbers_that_would_grow(number: str) -> None:
    """A few characters never become a long number."""
    with pytest.raises(strict_json.JsonError):
        strict_json.decode(number.encode())


def test_numbers_stay_exact() -> None:
    """Fractions keep every digit; Java's way of writing ten million is read."""
    assert strict_json.decode(b"[0.10, 1.28505E7]") == [Decimal("0.10"), Decimal(12850500)]


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text("ABCab01+/=", min_size=1, max_size=40))
def test_form_and_json_are_one(noise: str, data: str) -> None:
    """The same members, however they travel."""
    members = {"appid": APPID, "data": data, "noise": noise, "version": "1.0", "sign": "0" * 32}
    assert envelope.parse(urlencode(members).encode()) == envelope.parse(json.dumps(members).encode())


@given(st.sampled_from(["appid", "data", "noise", "version", "sign"]), st.integers(0, 3000))
def test_any_changed_character_breaks_the_signature(name: str, place: int) -> None:
    """Every member is under the signature."""
    call = envelope.parse(V1_BODY.encode())
    text = getattr(call, name)
    place %= len(text)
    changed = text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :]
    members = {member: getattr(call, member) for member in ("appid", "data", "noise", "version", "sign")}
    assert envelope.signature_holds(call, KEY)
    assert not envelope.signature_holds(Call(**members | {name: changed}), KEY)
    assert not envelope.signature_holds(call, "")


def test_limits() -> None:
    """Four megabytes; twice the same key; half a character."""
    assert refused(b"{" + b" " * envelope.MOST_BYTES) == "BODY_TOO_LARGE"
    assert refused(b"appid=1&appid=2") == "ENVELOPE_INVALID"
    assert refused(b'{"appid":"1","appid":"2"}') == "ENVELOPE_INVALID"
    assert refused(b'{"noise":"\\udc00"}') == "ENVELOPE_INVALID"
