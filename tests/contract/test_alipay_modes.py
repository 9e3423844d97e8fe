"""Certificate mode and service-provider mode: what is sent, what is believed, and which settings refuse to start."""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from portal.core.settings import Settings
from portal.demo.settings import DemoSettings
from portal.providers.alipay.account import AlipayAccount, Certificates, account_of
from portal.providers.alipay.client import AlipayGateway
from portal.providers.alipay.library import signer
from portal.providers.faults import ChannelFault

METHOD, APP = "alipay.open.app.mini.templatemessage.send", "2021000000000001"
SM2_ROOT = """-----BEGIN CERTIFICATE-----
MIIB7zCCAZWgAwIBAgIUPzdk8ujUg3omWHW5HlfvcXw2eDEwCgYIKoEcz1UBg3Uw
TDELMAkGA1UEBhMCQ04xDTALBgNVBAoMBERlbW8xFjAUBgNVBAsMDUNlcnRpZmlj
YXRpb24xFjAUBgNVBAMMDURlbW8gU00yIFJvb3QwIBcNMjYxMTMwMjEwNDEyWhgP
MjEyNjExMDYyMTA0MTJaMEwxCzAJBgNVBAYTAkNOMQ0wCwYDVQQKDAREZW1vMRYw
FAYDVQQLDA1DZXJ0aWZpY2F0aW9uMRYwFAYDVQQDDA1EZW1vIFNNMiBSb290MFkw
EwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAE1lH/dFyFDmbz/nRJEjwiVxpTqivKANlZ
mVOn9Qu50+G1WcgeWOz6acThbl/6opYCXue/mmxihDzxit5FgC2odqNTMFEwHQYD
VR0OBBYEFOPBfTWna+vJtb3svdrPoKoy13nSMB8GA1UdIwQYMBaAFOPBfTWna+vJ
tb3svdrPoKoy13nSMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoEcz1UBg3UDSAAwRQIg
CRDYjN/0AuwjzCRDgBKzLDR2r9HOFlmMN7w/qRVjJ4wCIQDBkJsy65M4wQ/Rhhd/
Co6E6a95Cw2lshf2tlYAS+q2mA==
-----END CERTIFICATE-----
"""
"""Alipay's file of roots holds some of SM2 as well, which do not count."""


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """One key pair by its owner's name."""
    return rsa.generate_private_key(65537, 2048)


def private(name: str) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key(name).private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public(name: str) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key(name).public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@cache
def certificate(name: str, issuer: str, serial: int) -> x509.Certificate:
    """A certificate of ``name``, made by ``issuer``."""

    def called(who: str) -> x509.Name:
        parts = ((NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, "Demo Financial"))
        parts += ((NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"), (NameOID.COMMON_NAME, who))
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])

    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer)).serial_number(serial)
    made = made.public_key(key(name).public_key()).not_valid_before(start).not_valid_after(start + timedelta(3650))
    return made.sign(key(issuer), hashes.SHA256())


def text_of(found: x509.Certificate) -> str:
    return found.public_bytes(serialization.Encoding.PEM).decode()


def number_of(issuer: str, serial: int) -> str:
    """The number of a certificate as Alipay's documents have it: MD5 of the issuer's name and the serial number."""
    name = f"CN={issuer},OU=Certification Authority,O=Demo Financial,C=CN"
    return hashlib.md5(f"{name}{serial}".encode()).hexdigest()


FILES = Certificates(
    text_of(certificate("app", "class-2", 2**100 + 7)),
    text_of(certificate("alipay", "class-1", 3)),
    # with and without the blank lines, and with the line ends of another system
    SM2_ROOT
    + text_of(certificate("root-1", "root-1", 11))
    + text_of(certificate("root-2", "root-2", 12)).replace("\n", "\r\n"),
)
PLAIN = AlipayAccount(APP, private("app"), public("alipay"))
CERTIFIED = AlipayAccount(APP, private("app"), certificates=FILES)
NUMBERS = {
    "app_cert_sn": number_of("class-2", 2**100 + 7),
    "alipay_root_cert_sn": f"{number_of('root-1', 11)}_{number_of('root-2', 12)}",
}


@dataclass
class Gateway:
    """A gateway that keeps what comes, checks its signature, and answers under the key of ``signs``."""

    url: str
    signs: str = "alipay"
    seen: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            values = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            signature = b64decode(values.pop("sign"))
            text = "&".join(f"{name}={value}" for name, value in sorted(values.items()))
            key("app").public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
            found.seen.append(values)
            node = json.dumps({"code": "10000", "msg": "Success"})
            sign = b64encode(key(found.signs).sign(node.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
            more = {"alipay_cert_sn": number_of("class-1", 3)} if "app_cert_sn" in values else {}
            rest = json.dumps(more | {"sign": sign})[1:]
            name = values["method"].replace(".", "_") + "_response"
            data = f'{{"{name}":{node},{rest}'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Gateway(f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


MODES = {
    "keys": (PLAIN, "AliPay", {}),
    "certificates": (CERTIFIED, "DCAliPay", NUMBERS),
    "provider": (replace(PLAIN, merchant_token="2026BBtoken"), "ISVAliPay", {"app_auth_token": "2026BBtoken"}),
    "both": (replace(CERTIFIED, merchant_token="t"), "DCAliPay", NUMBERS | {"app_auth_token": "t"}),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_signs_what_it_adds_and_believes_alipay_only(mode: str, gateway: Gateway) -> None:
    account, kind, added = MODES[mode]
    assert type(signer(account)).__name__ == kind
    client = AlipayGateway(gateway.url, account)
    assert client.call(METHOD, {"a": "甲"})["code"] == "10000"
    names = {"app_cert_sn", "alipay_root_cert_sn", "app_auth_token"}
    assert {name: value for name, value in gateway.seen[0].items() if name in names} == added
    gateway.signs = "stranger"
    with pytest.raises(ChannelFault) as caught:
        client.call(METHOD)
    assert caught.value.code == "unsigned"


@pytest.mark.parametrize("mode", MODES)
def test_pushes_are_verified_in_every_mode(mode: str) -> None:
    client = AlipayGateway("http://127.0.0.1:9/", MODES[mode][0])
    text = "app_id=1&notify_id=2"
    for owner, good in (("alipay", True), ("stranger", False)):
        sign = b64encode(key(owner).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        assert client.verified({"app_id": "1", "notify_id": "2", "sign": sign}, keep_sign_type=False) is good


def test_certificates_that_do_not_fit_are_refused() -> None:
    stranger = replace(CERTIFIED, app_key=private("stranger"))
    no_roots = replace(CERTIFIED, certificates=replace(FILES, roots=SM2_ROOT))
    for account, named in ((stranger, "QUPIAO_ALIPAY_APP_CERT_FILE"), (no_roots, "QUPIAO_ALIPAY_ROOT_CERT_FILE")):
        with pytest.raises(ValueError, match=named):
            signer(account)


def test_secrets_are_not_shown() -> None:
    shown = repr(replace(CERTIFIED, merchant_token="2026BBtoken"))
    assert "2026BBtoken" not in shown and "PRIVATE" not in shown


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The files that settings name."""
    texts = {
        "alipay_key_file": private("app"),
        "alipay_public_file": public("alipay"),
        "alipay_app_cert_file": FILES.application,
        "alipay_public_cert_file": FILES.alipay,
        "alipay_root_cert_file": FILES.roots,
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode())
    return {name: tmp_path / name for name in texts}


KEYS = ("alipay_key_file", "alipay_public_file")
CERTIFICATES = ("alipay_key_file", "alipay_app_cert_file", "alipay_public_cert_file", "alipay_root_cert_file")


@pytest.mark.parametrize("owner", [Settings, DemoSettings])
@pytest.mark.parametrize(
    ("names", "kind"), [(KEYS, "AliPay"), (CERTIFICATES, "DCAliPay")], ids=["keys", "certificates"]
)
def test_settings_make_the_account(
    names: tuple[str, ...], kind: str, owner: type[Settings], files: dict[str, Path], tmp_path: Path
) -> None:
    chosen: dict[str, Any] = {name: files[name] for name in names}
    common: dict[str, Any] = {"data_dir": tmp_path, "alipay_appid": APP}
    assert type(signer(account_of(owner(**common, **chosen)))).__name__ == kind
    merchant = account_of(owner(**common, **chosen, alipay_app_auth_token="t"))
    assert merchant.merchant_token == "t" and merchant.app_id == APP


REFUSED: dict[str, tuple[tuple[str, ...], dict[str, Any], tuple[str, ...]]] = {
    "no keys": ((), {}, ("QUPIAO_ALIPAY_KEY_FILE", "QUPIAO_ALIPAY_PUBLIC_FILE")),
    "no public key": (("alipay_key_file",), {}, ("QUPIAO_ALIPAY_PUBLIC_FILE",)),
    "no root": (CERTIFICATES[:3], {}, ("QUPIAO_ALIPAY_ROOT_CERT_FILE",)),
    "no key": (CERTIFICATES[1:], {}, ("QUPIAO_ALIPAY_KEY_FILE",)),
    "only a root": (CERTIFICATES[3:], {}, ("QUPIAO_ALIPAY_APP_CERT_FILE", "QUPIAO_ALIPAY_PUBLIC_CERT_FILE")),
    "key and certificate": ((*CERTIFICATES, "alipay_public_file"), {}, ("QUPIAO_ALIPAY_PUBLIC_FILE",)),
    "token alone": ((), {"alipay_appid": "", "alipay_app_auth_token": "2026BBtoken"}, ("QUPIAO_ALIPAY_APPID",)),
    "no such file": (("alipay_key_file",), {"alipay_public_file": "gone.pem"}, ("QUPIAO_ALIPAY_PUBLIC_FILE",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_missing_and_contradictory_settings_refuse_by_name(case: str, files: dict[str, Path], tmp_path: Path) -> None:
    names, more, named = REFUSED[case]
    chosen: dict[str, Any] = {"alipay_appid": APP} | {name: files[name] for name in names} | more
    problems = Settings(data_dir=tmp_path, **chosen).problems()
    (told,) = (problem for problem in problems if "ALIPAY" in problem)
    assert all(name in told for name in named) and "2026BBtoken" not in "".join(problems)


def test_without_alipay_nothing_is_asked(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).alipay_app == ""
    assert DemoSettings(data_dir=tmp_path).alipay_app
