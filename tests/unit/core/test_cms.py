"""Detached CMS signatures: what OpenSSL says of them, and every way in which one can be wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms, core, keys, pem, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core.crypto.certificates import SM2_WITH_SM3, issue_certificate
from portal.core.crypto.cms import SIGNED_DATA, SM3, FileSigner, SignatureInvalid, Skeleton, verify_detached
from portal.core.crypto.sm2 import CryptoError, PrivateKey

PKCS7 = "1.2.840.113549.1.7.2"
DISTID = "distid:1234567812345678"
CONTENT = "<Header>演示</Header><EInvoiceData/>".encode() * 30
DAY = timedelta(days=1)

CA_KEY, UNIT_KEY, FINANCE_KEY = (PrivateKey.generate() for _ in range(3))
ROOT = issue_certificate("测试 CA", CA_KEY.public_der(), "测试 CA", CA_KEY, ca=True)
UNIT = issue_certificate("开票单位", UNIT_KEY.public_der(), "测试 CA", CA_KEY)
FINANCE = issue_certificate("财政监制", FINANCE_KEY.public_der(), "测试 CA", CA_KEY)
SIGNER = FileSigner(UNIT_KEY, UNIT)
SIGNED = SIGNER.sign(CONTENT)


def refused(der: bytes, reason: str, *, roots: list[bytes] | None = None, at: datetime | None = None) -> None:
    verify_detached(SIGNED, CONTENT, [ROOT])  # the control: what is varied is good
    with pytest.raises(SignatureInvalid, match=reason):
        verify_detached(der, CONTENT, [ROOT] if roots is None else roots, at)


def reissued(change: Callable[[x509.TbsCertificate], None], key: PrivateKey = CA_KEY) -> bytes:
    """The unit's certificate with its body changed and signed again by the CA (or by ``key``)."""
    body = x509.Certificate.load(UNIT).copy()["tbs_certificate"]
    change(body)
    algorithm = {"algorithm": SM2_WITH_SM3}
    whole = {"tbs_certificate": body, "signature_algorithm": algorithm, "signature_value": key.sign(body.dump(True))}
    return bytes(x509.Certificate(whole).dump(True))


def signed_with(certificate: bytes) -> bytes:
    return Skeleton(certificate).around(UNIT_KEY.sign(CONTENT))


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


def files(folder: Path, **contents: bytes) -> list[Path]:
    paths = [folder / name for name in contents]
    for path, data in zip(paths, contents.values(), strict=True):
        path.write_bytes(data)
    return paths


# --- what OpenSSL says ------------------------------------------------------------------------------------------


def test_openssl_verifies_the_chain(tmp_path: Path) -> None:
    stranger = PrivateKey.generate()
    forged = issue_certificate("测试 CA", stranger.public_der(), "测试 CA", stranger, ca=True)
    root, other, unit, finance = files(
        tmp_path,
        **{
            name: pem.armor("CERTIFICATE", der)
            for name, der in (("root", ROOT), ("other", forged), ("unit", UNIT), ("finance", FINANCE))
        },
    )
    for certificate in (unit, finance):
        shown = openssl("verify", "-x509_strict", "-vfyopt", DISTID, "-CAfile", root, certificate)
        assert shown.stdout.strip().endswith(": OK"), shown.stderr
    assert openssl("verify", "-x509_strict", "-vfyopt", DISTID, "-CAfile", other, unit).returncode != 0
    assert openssl("verify", "-vfyopt", "distid:8765432187654321", "-CAfile", root, unit).returncode != 0


@pytest.mark.parametrize("form", [SIGNED_DATA, PKCS7])
def test_openssl_verifies_the_value_over_the_stored_bytes(tmp_path: Path, form: str) -> None:
    der = Skeleton(UNIT, form).around(UNIT_KEY.sign(CONTENT))
    signed, content, other, certificate = files(tmp_path, signed=der, content=CONTENT, other=CONTENT[1:], unit=UNIT)
    lines = openssl("asn1parse", "-inform", "DER", "-in", signed).stdout.splitlines()
    assert "OCTET STRING" in lines[-1], "the signature value is the last element"
    assert lines[1].endswith(form) or "pkcs7-signedData" in lines[1]
    offset, header, length = (int(lines[-1].replace("=", " ").replace(":", " ").split()[n]) for n in (0, 4, 6))
    (value,) = files(tmp_path, value=der[offset + header : offset + header + length])
    public = tmp_path / "public"
    shown = openssl("x509", "-inform", "DER", "-in", certificate, "-pubkey", "-noout", "-out", public)
    assert shown.returncode == 0, shown.stderr
    check = ("dgst", "-sm3", "-verify", public, "-sigopt", DISTID, "-signature", value)
    assert openssl(*check, content).stdout.strip() == "Verified OK"
    assert openssl(*check, other).returncode != 0


def test_openssl_reads_the_structure(tmp_path: Path) -> None:
    (signed,) = files(tmp_path, signed=Skeleton(UNIT, PKCS7).around(UNIT_KEY.sign(CONTENT)))
    shown = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", signed)
    assert shown.returncode == 0, shown.stderr
    for line in (
        "pkcs7-signedData",
        "eContent: <ABSENT>",
        "sm3 (1.2.156.10197.1.401)",
        "signedAttrs:\n          <ABSENT>",
    ):
        assert line in shown.stdout
    assert shown.stdout.count("issuerAndSerialNumber") == 1


def test_a_general_parser_gives_back_the_same_bytes() -> None:
    outer = cms.ContentInfo.load(SIGNED, strict=True)
    assert outer["content_type"].dotted == SIGNED_DATA
    inner = outer["content"].parse(cms.SignedData)
    assert inner["certificates"][0].chosen.dump() == UNIT
    assert inner["signer_infos"][0]["sid"].chosen["serial_number"].native == int(SIGNER.serial_hex, 16)
    assert inner.dump(force=True) in SIGNED


# --- good ones --------------------------------------------------------------------------------------------------


def test_a_good_signature_names_its_signer() -> None:
    info = verify_detached(SIGNED, CONTENT, [ROOT])
    assert "开票单位" in info.subject
    assert "测试 CA" in info.issuer
    assert info.serial_hex == SIGNER.serial_hex == f"{x509.Certificate.load(UNIT).serial_number:x}"


@pytest.mark.parametrize("form", [SIGNED_DATA, PKCS7])
@pytest.mark.parametrize("algorithm", [SM2_WITH_SM3, "1.2.156.10197.1.301.1"])
@pytest.mark.parametrize("null", [False, True])
def test_the_forms_of_sign_servers_are_accepted(form: str, algorithm: str, null: bool) -> None:
    verify_detached(Skeleton(UNIT, form, algorithm, null).around(UNIT_KEY.sign(CONTENT)), CONTENT, [ROOT])


@given(st.binary(max_size=3000))
@settings(deadline=None, max_examples=40)
def test_any_content_signs_and_verifies_and_no_other_does(content: bytes) -> None:
    signed = SIGNER.sign(content)
    verify_detached(signed, content, [ROOT])
    with pytest.raises(SignatureInvalid, match="签名与内容不符"):
        verify_detached(signed, content + b" ", [ROOT])


def test_eight_threads_sign_with_one_signer() -> None:
    def work(number: int) -> list[tuple[bytes, bytes]]:
        return [(data, SIGNER.sign(data)) for data in (f"{number}/{turn}".encode() for turn in range(40))]

    with ThreadPoolExecutor(8) as pool:
        made = [pair for pairs in pool.map(work, range(8)) for pair in pairs]
        infos = list(pool.map(lambda pair: verify_detached(pair[1], pair[0], [ROOT]), made))
    assert {info.serial_hex for info in infos} == {SIGNER.serial_hex}
    assert len({signed for _, signed in made}) == 8 * 40


# --- wrong ones -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_every_changed_byte_is_noticed(bit: int) -> None:
    verify_detached(SIGNED, CONTENT, [ROOT])
    for place in range(len(SIGNED)):
        changed = bytearray(SIGNED)
        changed[place] ^= 1 << bit
        with pytest.raises(SignatureInvalid):
            verify_detached(bytes(changed), CONTENT, [ROOT])


def test_every_cut_and_every_extra_byte_is_noticed() -> None:
    for size in range(len(SIGNED)):
        with pytest.raises(SignatureInvalid):
            verify_detached(SIGNED[:size], CONTENT, [ROOT])
    for place in range(len(SIGNED) + 1):
        with pytest.raises(SignatureInvalid):
            verify_detached(SIGNED[:place] + b"\0" + SIGNED[place:], CONTENT, [ROOT])


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_arbitrary_bytes_are_refused_in_one_way(junk: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify_detached(junk, CONTENT, [ROOT])


def test_other_content_and_other_key_do_not_verify() -> None:
    refused(SIGNER.sign(b"other"), "签名与内容不符")
    refused(Skeleton(UNIT).around(FINANCE_KEY.sign(CONTENT)), "签名与内容不符")


def test_the_embedded_certificate_alone_is_not_trusted() -> None:
    stranger = PrivateKey.generate()
    namesake = issue_certificate("测试 CA", stranger.public_der(), "测试 CA", stranger, ca=True)
    forged = issue_certificate("开票单位", UNIT_KEY.public_der(), "测试 CA", stranger)
    own = issue_certificate("开票单位", UNIT_KEY.public_der(), "开票单位", UNIT_KEY)
    refused(signed_with(forged), "不是受信任的机构")
    refused(signed_with(own), "不是受信任的机构")
    refused(SIGNED, "不是受信任的机构", roots=[])
    refused(SIGNED, "不是受信任的机构", roots=[namesake])
    verify_detached(SIGNED, CONTENT, [namesake, ROOT])


def test_a_certificate_holder_is_no_authority() -> None:
    """A unit must not issue certificates with its own, even when that is put among the roots by mistake."""
    issued = issue_certificate("冒充", UNIT_KEY.public_der(), "开票单位", UNIT_KEY)
    refused(signed_with(issued), "不是受信任的机构", roots=[ROOT, UNIT])


def test_another_customer_of_the_ca_is_not_the_expected_signer() -> None:
    finance = FileSigner(FINANCE_KEY, FINANCE).sign(CONTENT)
    verify_detached(finance, CONTENT, [ROOT])
    verify_detached(finance, CONTENT, [ROOT], signer=FINANCE)
    with pytest.raises(SignatureInvalid, match="不是指定的签名者"):
        verify_detached(finance, CONTENT, [ROOT], signer=UNIT)


def test_validity_is_judged_at_the_time_of_signing() -> None:
    start = datetime(2020, 3, 1, tzinfo=UTC)
    old = issue_certificate("开票单位", UNIT_KEY.public_der(), "测试 CA", CA_KEY, validity=(start, start + 10 * DAY))
    root = issue_certificate(
        "测试 CA", CA_KEY.public_der(), "测试 CA", CA_KEY, ca=True, validity=(start + DAY, start + 6 * DAY)
    )
    always = issue_certificate(
        "测试 CA", CA_KEY.public_der(), "测试 CA", CA_KEY, ca=True, validity=(start - DAY, start + 11999 * DAY)
    )
    signed, second = signed_with(old), timedelta(seconds=1)
    for at in (start, start + 10 * DAY):
        verify_detached(signed, CONTENT, [always], at)
    for at in (start - second, start + 10 * DAY + second, None):
        refused(signed, "不在有效期", roots=[always], at=at)
    verify_detached(signed, CONTENT, [root], start + DAY)
    refused(signed, "不在有效期", roots=[root], at=start)
    refused(signed, "不在有效期", roots=[root], at=start + 7 * DAY)


def _extension(body: x509.TbsCertificate, name: str) -> int:
    return [extension["extn_id"].native for extension in body["extensions"]].index(name)


def test_only_certificates_for_signing_may_sign() -> None:
    authority = issue_certificate("开票单位", UNIT_KEY.public_der(), "测试 CA", CA_KEY, ca=True)
    refused(signed_with(authority), "不能用于签名")

    def drop(body: x509.TbsCertificate) -> None:
        del body["extensions"][_extension(body, "key_usage")]

    def encipher(body: x509.TbsCertificate) -> None:
        body["extensions"][_extension(body, "key_usage")]["extn_value"] = x509.KeyUsage({"key_encipherment"})

    refused(signed_with(reissued(drop)), "不能用于签名")
    refused(signed_with(reissued(encipher)), "不能用于签名")


def test_an_unknown_critical_extension_is_refused_and_a_mild_one_is_not() -> None:
    def add(critical: bool) -> Callable[[x509.TbsCertificate], None]:
        def change(body: x509.TbsCertificate) -> None:
            value = core.ParsableOctetString(core.Null().dump())
            body["extensions"].append({"extn_id": "1.2.3.4.5", "critical": critical, "extn_value": value})

        return change

    verify_detached(signed_with(reissued(add(False))), CONTENT, [ROOT])
    refused(signed_with(reissued(add(True))), "关键扩展")


def test_a_certificate_of_another_kind_of_key_is_refused() -> None:
    spki = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = spki.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def swap(body: x509.TbsCertificate) -> None:
        body["subject_public_key_info"] = keys.PublicKeyInfo.load(der)

    refused(signed_with(reissued(swap)), "公钥无法使用")


def test_the_certificate_body_is_covered_by_the_ca() -> None:
    def rename(body: x509.TbsCertificate) -> None:
        body["subject"] = x509.Name.build({"common_name": "冒充"})

    verify_detached(signed_with(reissued(rename)), CONTENT, [ROOT])
    refused(signed_with(reissued(rename, key=UNIT_KEY)), "不是受信任的机构")


def _rebuilt(change: Callable[[cms.SignedData], None], form: str = SIGNED_DATA) -> bytes:
    """The signature with its SignedData changed by a general writer."""
    inner = cms.ContentInfo.load(SIGNED)["content"].parse(cms.SignedData)
    change(inner)
    if form == SIGNED_DATA:
        return bytes(cms.ContentInfo({"content_type": form, "content": core.Any(inner)}).dump(force=True))
    return bytes(cms.ContentInfo({"content_type": form, "content": inner}).dump(force=True))


def _attach(inner: cms.SignedData) -> None:
    inner["encap_content_info"] = {"content_type": "data", "content": b"something else"}


def _attributes(inner: cms.SignedData) -> None:
    inner["signer_infos"][0]["signed_attrs"] = [{"type": "content_type", "values": ["data"]}]


def _unsigned_attributes(inner: cms.SignedData) -> None:
    inner["signer_infos"][0]["unsigned_attrs"] = [{"type": "1.2.3.4", "values": [core.Null()]}]


def _two_signers(inner: cms.SignedData) -> None:
    inner["signer_infos"].append(inner["signer_infos"][0].copy())


def _two_certificates(inner: cms.SignedData) -> None:
    inner["certificates"].append(x509.Certificate.load(FINANCE))


def _no_certificate(inner: cms.SignedData) -> None:
    del inner["certificates"][0]


def _other_certificate(inner: cms.SignedData) -> None:
    inner["certificates"][0] = cms.CertificateChoices("certificate", x509.Certificate.load(FINANCE))


def _sha256(inner: cms.SignedData) -> None:
    inner["signer_infos"][0]["digest_algorithm"] = {"algorithm": "sha256"}


def _ecdsa(inner: cms.SignedData) -> None:
    inner["signer_infos"][0]["signature_algorithm"] = {"algorithm": "sha256_ecdsa"}


def _claims_sha256(inner: cms.SignedData) -> None:
    inner["digest_algorithms"][0] = {"algorithm": "sha256"}


def _version(inner: cms.SignedData) -> None:
    inner["version"] = "v3"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_attach, "不应自带内容"),
        (_attributes, "签名属性"),
        (_unsigned_attributes, "不是规范的 DER"),
        (_two_signers, "只有一个签名者"),
        (_two_certificates, "一张证书"),
        (_no_certificate, "一张证书"),
        (_other_certificate, "与所附证书不一致"),
        (_sha256, "不是 SM3"),
        (_ecdsa, "不是 SM2"),
        (_claims_sha256, "不是规范的 DER"),
        (_version, "不是规范的 DER"),
    ],
)
def test_structures_outside_the_profile_are_refused(change: Callable[[cms.SignedData], None], reason: str) -> None:
    assert _rebuilt(lambda inner: None) == SIGNED, "the writer itself changes nothing"
    refused(_rebuilt(change), reason)


def test_other_content_types_are_refused() -> None:
    refused(bytes(cms.ContentInfo({"content_type": "data", "content": b"x"}).dump()), "不是 SignedData")


def test_a_key_and_a_certificate_that_do_not_match_are_refused_at_start() -> None:
    with pytest.raises(CryptoError, match="不是一对"):
        FileSigner(UNIT_KEY, FINANCE)


def test_the_digest_algorithm_is_named_sm3() -> None:
    inner = cms.ContentInfo.load(SIGNED)["content"].parse(cms.SignedData)
    assert inner["digest_algorithms"][0]["algorithm"].dotted == SM3
    assert inner["signer_infos"][0]["digest_algorithm"]["algorithm"].dotted == SM3
