"""A supervision counts only when it covers exactly our bytes, by finance's own certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from portal.core.clock import now
from portal.core.crypto.certificates import issue_certificate, load_certificate
from portal.core.crypto.cms import FileSigner, SignatureInvalid
from portal.core.crypto.sm2 import PrivateKey
from portal.fiscal.supervision import Trust, verify
from portal.providers.finance.messages import SupervisionGiven, Upload
from portal.rendering import xml
from tests.support.processes.simulators import BillMaker


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> BillMaker:
    """Keys of a demo installation."""
    return BillMaker(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def finance(maker: BillMaker) -> FileSigner:
    """Finance's own signer."""
    return FileSigner.load(maker.keys.finance_key, maker.keys.finance_certificate)


def answer_of(bill: Upload, signer: FileSigner, extra: bytes = b"", serial: str = "") -> SupervisionGiven:
    """What finance would answer, signed by ``signer``."""
    parts = xml.split(bill.document)
    at = now().replace(microsecond=0)
    signature = signer.sign(xml.supervised_bytes(parts.signed, parts.unit_element) + extra)
    element = xml.supervisor_signature_element("SM3withSM2", at, serial or signer.serial_hex, signature)
    return SupervisionGiven(element, {"SealId": "9" * 32}, at)


def check(maker: BillMaker, bill: Upload, answer: SupervisionGiven, trust: Trust | None = None) -> bytes:
    """Verify as the exchange does; returns the element."""
    parts = xml.split(bill.document)
    trust = trust or Trust.load(maker.keys.ca_certificate.parent)
    return verify(trust, parts.signed, parts.unit_element, bill.signed_at, answer).element


def test_a_good_one_holds(maker: BillMaker, finance: FileSigner) -> None:
    """And the element is kept byte for byte."""
    bill = maker.upload()
    answer = answer_of(bill, finance)
    assert check(maker, bill, answer) == answer.supervisor_signature


def _foreign(maker: BillMaker) -> FileSigner:
    authority, key = PrivateKey.generate(), PrivateKey.generate()
    return FileSigner(key, issue_certificate("演示财政监制", key.public_der(), "Qupiao demo CA 演示", authority))


@pytest.mark.parametrize("who", [lambda maker: maker.signer, _foreign], ids=["the unit itself", "a foreign authority"])
def test_others_cannot_supervise(maker: BillMaker, who: Callable[[BillMaker], FileSigner]) -> None:
    """Neither the unit with its own valid certificate nor a look-alike authority."""
    bill = maker.upload()
    with pytest.raises(SignatureInvalid):
        check(maker, bill, answer_of(bill, who(maker)))


def test_without_the_pin_any_certificate_of_the_authority_counts(maker: BillMaker) -> None:
    """The control: it is the pin that keeps the unit from supervising itself."""
    bill = maker.upload()
    roots = (load_certificate(maker.keys.ca_certificate),)
    assert check(maker, bill, answer_of(bill, maker.signer), Trust(roots))


def test_other_bytes_are_not_covered(maker: BillMaker, finance: FileSigner) -> None:
    """A signature over one byte more, and the genuine one of another bill."""
    bill, other = maker.upload(), maker.upload()
    for answer in (answer_of(bill, finance, b" "), answer_of(other, finance)):
        with pytest.raises(SignatureInvalid):
            check(maker, bill, answer)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</SupervisorPartySignature>", b"<Note>x</Note></SupervisorPartySignature>"),
        (b"<SupervisorPartySignature>", b"<SupervisorPartySignature> "),
        (b"<SignatureFormat>DETACH", b"<SignatureFormat>ATTACH"),
        (b"SM3withSM2", b"SHA1withRSA"),
        (b"<SignatureTime>2", b"<SignatureTime>3"),
        (b"<SerialNumber>", b"<SerialNumber>0"),
        (b"<SignatureValue>M", b"<SignatureValue>*"),
    ],
)
def test_the_element_is_canonical(maker: BillMaker, finance: FileSigner, old: bytes, new: bytes) -> None:
    """Nothing rides along unsigned in the element."""
    bill = maker.upload()
    answer = answer_of(bill, finance)
    assert old in answer.supervisor_signature
    with pytest.raises(SignatureInvalid):
        check(maker, bill, replace(answer, supervisor_signature=answer.supervisor_signature.replace(old, new, 1)))


def test_named_serial_must_be_the_signers(maker: BillMaker, finance: FileSigner) -> None:
    """The element cannot name another certificate than the one that signed."""
    bill = maker.upload()
    with pytest.raises(SignatureInvalid):
        check(maker, bill, answer_of(bill, finance, serial=maker.signer.serial_hex))


def test_seal_and_time_must_fit(maker: BillMaker, finance: FileSigner) -> None:
    """The seal of the signed document; a time after the issue."""
    bill = maker.upload()
    with pytest.raises(SignatureInvalid, match="监制章"):
        check(maker, bill, replace(answer_of(bill, finance), seal={"SealId": "8" * 32}))
    later = replace(bill, signed_at=bill.signed_at + timedelta(hours=1))
    with pytest.raises(SignatureInvalid, match="监制时间"):
        check(maker, later, answer_of(bill, finance))


def test_trust_reads_what_is_there(maker: BillMaker, finance: FileSigner, tmp_path: Path) -> None:
    """The pin is finance's certificate beside the authority's; without it only the authority counts."""
    (tmp_path / "ca.crt").write_bytes(maker.keys.ca_certificate.read_bytes())
    assert Trust.load(tmp_path).certificate_serial is None
    (tmp_path / "finance.crt").write_bytes(maker.keys.finance_certificate.read_bytes())
    assert Trust.load(tmp_path).certificate_serial == finance.serial_hex
