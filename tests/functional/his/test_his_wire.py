"""The HIS interface over real sockets to the real server, where clients do what no client library would."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.support.his import Answer, decode, encode, outpatient
from tests.support.processes.installation import Installation, running

ADDRESS = "/medical-web/api/medical/invoiceEBillOutpatient"


@pytest.fixture(scope="module")
def web(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    with running(folder, "", ("web",)) as started:
        yield started


def body() -> bytes:
    """A signed settlement of more than 30,000 characters, where one client begins to send in chunks."""
    values = outpatient("WIRE", remark="注" * 200, listDetail=outpatient("x")["listDetail"] * 200)
    made = json.dumps(encode(values)).encode()
    assert len(made) > 30_000
    return made


def chunked(plain: bytes) -> bytes:
    """The body in chunks of 4 KiB."""
    parts = [plain[place : place + 4096] for place in range(0, len(plain), 4096)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


def send(web: Installation, headers: list[str], payload: bytes, address: str = ADDRESS) -> Answer:
    """Write a request byte by byte as given; the decoded answer."""
    head = [f"POST {address} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as connection:
        connection.sendall("\r\n".join(head).encode() + payload)
        answer = HTTPResponse(connection, method="POST")
        answer.begin()
        assert answer.status == 200
        return decode(json.loads(answer.read()))


def test_length_and_chunked_together(web: Installation) -> None:
    """Both headers, in either order, with the length of the plain or of the chunked body: the chunks are read."""
    plain = body()
    both = [[f"Content-Length: {length}", "Transfer-Encoding: chunked"] for length in (len(plain), len(chunked(plain)))]
    answers = [send(web, order, chunked(plain)) for pair in both for order in (pair, pair[::-1])]
    answers.append(send(web, ["Transfer-Encoding: chunked"], chunked(plain)))
    answers.append(send(web, [f"Content-Length: {len(plain)}"], plain))
    assert all(answer.ok for answer in answers), answers
    assert len({answer.payload["billNo"] for answer in answers}) == 1


def test_chunked_announced_but_not_done_is_refused_whole(web: Installation) -> None:
    """A body that is not in chunks although it says so is a well-formed refusal, and nothing is issued."""
    plain = body()
    answer = send(web, [f"Content-Length: {len(plain)}", "Transfer-Encoding: chunked"], plain)
    assert not answer.ok


def test_the_other_quirks_on_the_wire(web: Installation) -> None:
    """Content-Encoding: UTF-8, doubled slashes, a trailing blank, a random query reach the application as sent."""
    plain = json.dumps(encode(outpatient("WIRE-2"))).encode()
    headers = [f"Content-Length: {len(plain)}", "Content-Encoding: UTF-8", "Content-Type: text/plain;charset=utf8"]
    addresses = [ADDRESS, ADDRESS.replace("/api", "//api"), f"{ADDRESS}%20", f"{ADDRESS}?random=%200.5", f"/{ADDRESS}"]
    answers = [send(web, headers, plain, address) for address in addresses]
    assert all(answer.ok for answer in answers), answers
    assert len({answer.payload["billNo"] for answer in answers}) == 1
