"""Who gets in at the finance office: digests, clocks, replays, foreign keys, hostile bodies; over real HTTP."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.core.clock import now
from portal.core.crypto.certificates import issue_certificate
from portal.core.crypto.cms import FileSigner
from portal.core.crypto.sm2 import PrivateKey
from portal.demo.settings import DemoSettings
from portal.providers.finance.adapter import FinanceAccount
from portal.providers.finance.client import FinanceClient
from portal.providers.finance.message_log import MessageIds
from portal.providers.finance.messages import FinanceAway, SupervisionGiven, SupervisionRefused, Upload
from portal.providers.finance.national import envelope
from portal.providers.finance.national.bill_messages import upload_fields, upload_number
from portal.providers.finance.result_codes import ResultCode
from portal.rendering import xml
from tests.support.processes.simulators import BillMaker, Simulators, running_simulators

ACCOUNT = DemoSettings()


def _post(finance: Simulators, body: bytes, **changes: str) -> httpx.Response:
    sent = envelope.headers("SM3", ACCOUNT.finance_app_id, ACCOUNT.finance_app_key, body) | changes
    return httpx.post(finance.url("/finance/exchange"), content=body, headers=sent, timeout=10, trust_env=False)


def _message(bill: Upload, **changes: str) -> bytes:
    head = envelope.head_for(upload_number(bill), ACCOUNT.finance_app_id, MessageIds().next(), now())
    return envelope.build(replace(head, **changes), envelope.build_voucher(upload_fields(bill)))


def _code(answer: httpx.Response) -> object:
    assert answer.status_code == 200
    assert envelope.digest_holds("SM3", ACCOUNT.finance_app_key, answer.content, answer.headers["X-Digest"])
    return envelope.parse_voucher(envelope.parse(answer.content).voucher)["ResultCode"]


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Digest": "0" * 64},
        {"X-Digest": ""},
        {"X-Digest-Alg": "MD5"},
        {"X-Digest-Alg": "SHA256"},
        {"X-App-Id": "SOMEBODY000001"},
    ],
)
def test_strangers_get_nothing(finance: Simulators, maker: BillMaker, changes: dict[str, str]) -> None:
    """Wrong digest, missing digest, downgrade, other algorithm than said, other account: 401, nothing kept."""
    bill = maker.upload()
    answer = _post(finance, _message(bill), **changes)
    assert answer.status_code == 401
    assert "X-Digest" not in answer.headers
    assert finance.bill(bill.code, bill.number) is None


def test_altered_body_is_refused(finance: Simulators, maker: BillMaker) -> None:
    """One byte after the digest was made."""
    bill = maker.upload()
    body = _message(bill)
    good = envelope.digest("SM3", ACCOUNT.finance_app_key, body)
    assert _post(finance, body.replace(b"9301", b"9303"), **{"X-Digest": good}).status_code == 401
    assert finance.bill(bill.code, bill.number) is None


def test_wrong_key_is_no_answer_for_the_client(finance: Simulators, maker: BillMaker) -> None:
    """The client does not take an unauthenticated refusal for finance's word: it is tried again later."""
    with pytest.raises(FinanceAway, match="401"):
        finance.client(app_key="another").upload(maker.upload())


@pytest.mark.parametrize(("minutes", "code"), [(-6, "1004"), (6, "1004"), (-4, "0000"), (4, "0000")])
def test_clock_skew(finance: Simulators, maker: BillMaker, minutes: int, code: str) -> None:
    """Five minutes either way."""
    bill = maker.upload()
    head = envelope.head_for("9301", ACCOUNT.finance_app_id, MessageIds().next(), now() + timedelta(minutes=minutes))
    assert _code(_post(finance, envelope.build(head, envelope.build_voucher(upload_fields(bill))))) == code
    assert (finance.bill(bill.code, bill.number) is not None) == (code == "0000")


def test_replayed_message_is_refused(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """The same bytes again: 1005; the client calls it worth another try with a new id."""
    bill, other = maker.upload(), maker.upload()
    body = _message(bill)
    assert _code(_post(finance, body)) == "0000"
    assert _code(_post(finance, body)) == "1005"
    used = envelope.parse(body).head.message_id
    with pytest.raises(FinanceAway) as refusal:
        client.upload(other, message_id=used)
    assert refusal.value.code == ResultCode.REPLAYED
    assert finance.bill(other.code, other.number) is None


def test_unknown_message_and_other_account_inside(finance: Simulators, maker: BillMaker) -> None:
    """The head counts too, not the header alone."""
    bill = maker.upload()
    assert _code(_post(finance, _message(bill, message_no="9999"))) == ResultCode.MESSAGE_UNKNOWN
    assert _code(_post(finance, _message(bill, app_id="SOMEBODY000001"))) == ResultCode.APP_UNKNOWN


def _foreign_signer() -> FileSigner:
    authority, unit = PrivateKey.generate(), PrivateKey.generate()
    return FileSigner(unit, issue_certificate("外人", unit.public_der(), "Qupiao demo CA 演示", authority))


def test_foreign_unit_key_is_refused(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """A certificate that only names our CA as its issuer."""
    bill = maker.upload(signer=_foreign_signer())
    answer = client.upload(bill)
    assert isinstance(answer, SupervisionRefused)
    assert answer.code == ResultCode.SIGNATURE_INVALID
    assert finance.bill(bill.code, bill.number) is None


def test_signature_of_other_bytes_is_refused(finance: Simulators, client: FinanceClient, maker: BillMaker) -> None:
    """The total changed after signing; the signature of another bill put in; the message's copy exchanged."""
    document, other = maker.document(), maker.upload()
    signed, at = xml.write(document), document.issued_at
    signature = maker.signer.sign(signed)
    altered = signed.replace(b"128.50", b"128.51")
    for bill, code in (
        (maker.packed(document, altered, signature, at, maker.signer.serial_hex), ResultCode.SIGNATURE_INVALID),
        (maker.packed(document, signed, other.signature, at, maker.signer.serial_hex), ResultCode.SIGNATURE_INVALID),
        (replace(maker.upload(document), signature=other.signature), ResultCode.DOCUMENT_DISAGREES),
        (replace(maker.upload(document), serial="OTHER"), ResultCode.DOCUMENT_DISAGREES),
        (replace(maker.upload(document), document=b"<EInvoice/>"), ResultCode.FIELD_INVALID),
    ):
        answer = client.upload(bill)
        assert isinstance(answer, SupervisionRefused)
        assert answer.code == code
    assert finance.bill(document.code, document.number) is None


_BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
_HOSTILE = {
    "laughs": f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{_BOMB}]><Invoice>&a11;</Invoice>'.encode(),
    "file": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Invoice>&e;</Invoice>',
    "deep": b"<Invoice>" * 100_000,
    "text": b"hello",
    "empty": b"",
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_bodies_with_a_right_digest(finance: Simulators, name: str) -> None:
    """Even who has the key cannot make finance read a file or swell: a named 400."""
    before = len(finance.get("/finance/bills.json"))
    answer = _post(finance, _HOSTILE[name])
    assert answer.status_code == 400
    assert "root:" not in answer.text
    assert len(finance.get("/finance/bills.json")) == before


def test_hostile_voucher_and_document(finance: Simulators, maker: BillMaker) -> None:
    """The same inside the base64 layers: a data error, nothing kept."""
    bomb = _HOSTILE["laughs"]
    head = envelope.head_for("9301", ACCOUNT.finance_app_id, MessageIds().next(), now())
    assert _code(_post(finance, envelope.build(head, bomb))) == ResultCode.FIELD_INVALID
    bill = maker.upload()
    entity = bill.document.replace(b"<EInvoice>", b'<!DOCTYPE EInvoice [<!ENTITY e "x">]><EInvoice>', 1)
    inner = bill.document.replace(b"</Main>", b'<!DOCTYPE x [<!ENTITY e "x">]>&e;</Main>', 1)
    for document in (bomb, entity, inner):
        assert _code(_post(finance, _message(replace(bill, document=document)))) == ResultCode.FIELD_INVALID
    assert finance.bill(bill.code, bill.number) is None


def test_finance_remembers_over_kill(tmp_path: Path) -> None:
    """kill -9 and restart: the same bill is 4001 with the same signature, a message id stays used."""
    with running_simulators(tmp_path) as finance:
        maker = BillMaker(tmp_path)
        client, bill = finance.client(), maker.upload()
        body = _message(maker.upload())
        assert _code(_post(finance, body)) == "0000"
        first = client.upload(bill)
        finance.kill()
        with pytest.raises(FinanceAway):
            client.upload(bill)
        finance.start()
        again = client.upload(bill)
        assert isinstance(first, SupervisionGiven)
        assert isinstance(again, SupervisionGiven)
        assert again.duplicate
        assert again.supervisor_signature == first.supervisor_signature
        assert _code(_post(finance, body)) == "1005"
        assert finance.stop() == 0


class _Recorder(BaseHTTPRequestHandler):
    """Answers everything with one recorded answer."""

    answer: httpx.Response

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        for name in ("X-Digest", "X-Digest-Alg"):
            self.send_header(name, self.answer.headers[name])
        self.send_header("Content-Length", str(len(self.answer.content)))
        self.end_headers()
        self.wfile.write(self.answer.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def test_recorded_answer_is_not_taken_for_another(finance: Simulators, maker: BillMaker) -> None:
    """A genuine old answer, played back to another message by somebody on the line."""
    _Recorder.answer = _post(finance, _message(maker.upload()))
    server = HTTPServer(("127.0.0.1", 0), _Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    client = FinanceClient(FinanceAccount(url, ACCOUNT.finance_app_id, ACCOUNT.finance_app_key, 5))
    with pytest.raises(FinanceAway, match="不是对本报文的应答"):
        client.upload(maker.upload())
    server.shutdown()
    server.server_close()
