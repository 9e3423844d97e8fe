"""The message envelope: exact bytes, keyed digest, hardened parsing."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.providers.finance.national import envelope
from portal.providers.finance.national.envelope import EnvelopeError, Head

KEY = "TEST_APP_KEY"
HEAD = Head("8901", "KPQZDWB5629411", "20190522213800999", "20190522213800999")
REFERENCE = (
    b"<?xml version='1.0' encoding='UTF-8'?><Invoice><Head><MsgNo>8901</MsgNo><Version>1.0</Version>"
    b"<AppId>KPQZDWB5629411</AppId><MsgId>20190522213800999</MsgId><DateTime>20190522213800999</DateTime>"
    b"<Resvered></Resvered></Head><Msg>PFZvdWNoZXI+PFBsYWNlQ29kZT4wMDE8L1BsYWNlQ29kZT48L1ZvdWNoZXI+</Msg></Invoice>"
)
VOUCHER = b"<Voucher><PlaceCode>001</PlaceCode></Voucher>"


def test_reference_vector_byte_for_byte() -> None:
    """The test vector of appendix B: bytes and both digests."""
    body = envelope.build(HEAD, envelope.build_voucher({"PlaceCode": "001"}))
    assert body == REFERENCE
    assert envelope.digest("SHA256", KEY, body) == "09be4a8404ae81630c4bc6fb6c58df816a724d48e7ff2dd22ff79d87e43f342a"
    assert envelope.digest("SM3", KEY, body) == "34a137b8bba3b6eefbee72eac423eddefc67048ba9e1fa725139ad596e8dedf4"


def test_reference_vector_reads_back() -> None:
    """What was built is what is read."""
    message = envelope.parse(REFERENCE)
    assert message.head == HEAD
    assert message.voucher == VOUCHER
    assert envelope.parse_voucher(message.voucher) == {"PlaceCode": "001"}


@pytest.mark.parametrize("algorithm", envelope.ALGORITHMS)
def test_digest_holds_only_for_the_same_bytes_and_key(algorithm: str) -> None:
    """Another byte, another key, another case: refused."""
    good = envelope.digest(algorithm, KEY, REFERENCE)
    assert envelope.digest_holds(algorithm, KEY, REFERENCE, good)
    assert not envelope.digest_holds(algorithm, KEY, REFERENCE + b" ", good)
    assert not envelope.digest_holds(algorithm, KEY + "x", REFERENCE, good)
    assert not envelope.digest_holds(algorithm, KEY, REFERENCE, good.upper())
    assert not envelope.digest_holds(algorithm, KEY, REFERENCE, "摘要")


def test_unknown_algorithm_is_refused() -> None:
    """No downgrade to MD5."""
    with pytest.raises(EnvelopeError, match="SM3"):
        envelope.digest("MD5", KEY, REFERENCE)


_BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
_HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "doctype": b"<!DOCTYPE Invoice>" + REFERENCE,
    "external entity": REFERENCE.replace(b"?><", b'?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><', 1),
    "laughs": f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{_BOMB}]><Invoice>&a11;</Invoice>'.encode(),
    "undeclared entity": REFERENCE.replace(b"8901", b"&e;"),
    "utf-16": REFERENCE.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "deep": b"<Invoice>" * 100_000 + b"</Invoice>" * 100_000,
    "huge": b"<Invoice>" + b"a" * envelope.MOST_BYTES + b"</Invoice>",
    "attribute": REFERENCE.replace(b"<Head>", b'<Head id="1">'),
    "namespace": REFERENCE.replace(b"<Invoice>", b'<Invoice xmlns="urn:x">'),
    "comment": REFERENCE.replace(b"<Head>", b"<Head><!-- -->"),
    "cdata": REFERENCE.replace(b"8901", b"<![CDATA[8901]]>"),
    "instruction": REFERENCE.replace(b"<Head>", b"<Head><?php x?>"),
    "mixed content": REFERENCE.replace(b"<Head>", b"<Head>x"),
    "tail": REFERENCE.replace(b"</MsgNo>", b"</MsgNo>x"),
    "two heads": REFERENCE.replace(b"<Invoice>", b"<Invoice><Head></Head>"),
    "right spelling": REFERENCE.replace(b"Resvered", b"Reserved"),
    "other order": REFERENCE.replace(
        b"<MsgNo>8901</MsgNo><Version>1.0</Version>", b"<Version>1.0</Version><MsgNo>8901</MsgNo>"
    ),
    "short id": REFERENCE.replace(b"<MsgId>2", b"<MsgId>"),
    "full-width id": REFERENCE.replace(b"<MsgId>2", "<MsgId>２".encode()),
    "no such time": REFERENCE.replace(b"<DateTime>201905", b"<DateTime>201913"),
    "version": REFERENCE.replace(b"1.0</V", b"1.1</V"),
    "not base64": REFERENCE.replace(b"<Msg>P", b"<Msg>*"),
    "child in message": REFERENCE.replace(b"<Msg>", b"<Msg><a></a>"),
    "nul": REFERENCE.replace(b"8901", b"89\x0001"),
    "invalid utf-8": REFERENCE.replace(b"8901", b"89\xff1"),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_bytes_are_refused(name: str) -> None:
    """Everything but the known form is one named error."""
    with pytest.raises(EnvelopeError):
        envelope.parse(_HOSTILE[name])


@pytest.mark.parametrize(
    "voucher",
    [
        b"<Other></Other>",
        b"<Voucher><A>1</A><A>2</A></Voucher>",
        b"<Voucher><A><B>1</B><B>2</B></A></Voucher>",
        b"<Voucher><A><B><C>1</C></B></A></Voucher>",
        b'<!DOCTYPE v [<!ENTITY e SYSTEM "file:///etc/passwd">]><Voucher><A>&e;</A></Voucher>',
    ],
)
def test_hostile_vouchers_are_refused(voucher: bytes) -> None:
    """A doubled name is not chosen from; depth is what the form knows."""
    with pytest.raises(EnvelopeError):
        envelope.parse_voucher(voucher)


@pytest.mark.parametrize(
    "head",
    [
        Head("9301", "A B", "20190522213800999", "20190522213800999"),
        Head("93", "APP", "20190522213800999", "20190522213800999"),
        Head("9301", "APP", "1", "20190522213800999"),
    ],
)
def test_wrong_heads_are_not_built(head: Head) -> None:
    """We never send what we would refuse."""
    with pytest.raises(EnvelopeError):
        envelope.build(head, VOUCHER)


def test_control_characters_and_names_are_not_built() -> None:
    """A character that XML has no word for is an error here, not at finance."""
    with pytest.raises(EnvelopeError):
        envelope.build_voucher({"A": "\x00"})
    with pytest.raises(EnvelopeError):
        envelope.build_voucher({"a b": "x"})


@given(moment=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)), minutes=st.integers(-600, 600))
def test_skew_is_five_minutes(moment: datetime, minutes: int) -> None:
    """Five minutes either way are allowed, a sixth is not."""
    sent = moment.replace(tzinfo=UTC, microsecond=0)
    head = envelope.head_for("9301", "APP", "2" * 17, sent)
    assert head.within_skew(sent + timedelta(minutes=minutes)) == (abs(minutes) <= 5)


_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=60)
_names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,20}", fullmatch=True)
_groups = st.dictionaries(_names, _texts, min_size=1, max_size=4)


@given(st.dictionaries(_names, st.one_of(_texts, _groups), max_size=6))
def test_voucher_reads_back(fields: dict[str, str | dict[str, str]]) -> None:
    """parse(build(x)) = x, whatever the texts hold."""
    voucher = envelope.build_voucher(fields)
    message = envelope.parse(envelope.build(HEAD, voucher))
    assert envelope.parse_voucher(message.voucher) == fields
    assert base64.b64encode(voucher) in envelope.build(HEAD, voucher)


@given(st.binary(max_size=300), st.integers(0, len(REFERENCE)), st.integers(0, 40))
def test_any_bytes_give_an_envelope_or_the_named_error(noise: bytes, at: int, cut: int) -> None:
    """Fuzz around a good message: nothing else is ever raised."""
    body = REFERENCE[:at] + noise + REFERENCE[at + cut :]
    with contextlib.suppress(EnvelopeError):
        message = envelope.parse(body)
        assert envelope.build(message.head, message.voucher)
