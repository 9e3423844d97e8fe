"""What a production installation must be given before it may start: secrets, keys, certificate, addresses, seals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from asn1crypto import x509

from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.keyring import Keyring, MasterKeyMissing
from portal.core.crypto.sm2 import CryptoError, PrivateKey, PublicKey

if TYPE_CHECKING:
    from portal.core.settings import Settings

SHORTEST = 12
"""Characters of a shared secret; providers give out 16 and more."""
_INVENTED = re.compile(r"演示|DEMO|[Dd]emo|[Cc]hange.?[Mm]e")


class NotReady(RuntimeError):
    """The installation may not start; ``problems`` names everything that is missing, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"不能启动，请先补齐以下各项（见 README“正式运行”）：{lines}")
        self.problems = tuple(problems)


def settings_problems(settings: Settings) -> list[str]:
    """Name every setting, key and certificate that is missing, short, or made for trying out."""
    return [*_always(settings), *_where_used(settings), *_files(settings)]


def seal_problems(unit: str, seals: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """Name every field of a unit's seals that no bill may be signed with.

    ``seals``: title, id, name and hash of each.
    """
    problems = []
    for title, seal_id, name, digest in seals:
        where = f"单位 {unit} 的{title}"
        problems += [f"{where}编号：{why}" for why in _text(seal_id)]
        problems += [f"{where}名称：{why}" for why in _text(name)]
        problems += [f"{where}摘要：{why}" for why in _text(digest) or ([] if digest.strip("0") else ["全是零"])]
    return problems


def _always(settings: Settings) -> Iterator[str]:
    try:
        Keyring.open(settings.master_key)
    except MasterKeyMissing as missing:
        yield str(missing)
    yield from _named("QUPIAO_BASE_URL", settings.base_url)
    yield from _named("QUPIAO_FINANCE_URL", settings.finance_url)
    yield from _named("QUPIAO_FINANCE_APP_ID", settings.finance_app_id)
    yield from _secret("QUPIAO_FINANCE_APP_KEY", settings.finance_app_key)


def _where_used(settings: Settings) -> Iterator[str]:
    """Check the accounts of the parties that the settings name; a party that is not named needs none."""
    if settings.sms_url:
        yield from _named("QUPIAO_SMS_APP_ID", settings.sms_app_id)
        yield from _secret("QUPIAO_SMS_APP_KEY", settings.sms_app_key)
    if settings.push_url:
        yield from _named("QUPIAO_PUSH_KEY_ID", settings.push_key_id)
        yield from _secret("QUPIAO_PUSH_KEY", settings.push_key)
    if settings.smtp_user:
        yield from _named("QUPIAO_SMTP_PASSWORD", settings.smtp_password)
    if settings.callback_secret:
        yield from _secret("QUPIAO_CALLBACK_SECRET", settings.callback_secret)
    if settings.wechat_appid:
        yield from _secret("QUPIAO_WECHAT_SECRET", settings.wechat_secret)
    if settings.mini_appid:
        yield from _secret("QUPIAO_MINI_SECRET", settings.mini_secret)
    if settings.card_bureau_url:
        yield from _secret("QUPIAO_CARD_BUREAU_KEY", settings.card_bureau_key)
    if complaint := settings.alipay_complaint():
        yield complaint


def _files(settings: Settings) -> Iterator[str]:
    """Check the unit's signing key and its certificate, and that they belong together."""
    key_file, certificate_file = settings.unit_key, settings.unit_certificate
    public = b""
    try:
        public = PrivateKey.from_pem(key_file.read_bytes()).public_der()
    except OSError:
        yield f"单位签名私钥 {key_file}：没有这个文件，或无权读取"
    except (CryptoError, ValueError):
        yield f"单位签名私钥 {key_file}：不是 PEM 格式的 SM2 私钥"
    try:
        certificate = x509.Certificate.load(load_certificate(certificate_file))
        names = f"{certificate.subject.human_friendly} {certificate.issuer.human_friendly}"
        own, ends = certificate.public_key.dump(), certificate.not_valid_after
    except OSError:
        yield f"单位签名证书 {certificate_file}：没有这个文件，或无权读取"
        return
    except (ValueError, TypeError):
        yield f"单位签名证书 {certificate_file}：不是 PEM 或 DER 格式的证书"
        return
    if _INVENTED.search(names):
        yield f"单位签名证书 {certificate_file}：是演示证书，请换成持牌机构签发的证书"
    if ends < datetime.now(UTC):
        yield f"单位签名证书 {certificate_file}：已于 {ends:%Y-%m-%d} 到期"
    if public and not _same_key(public, own):
        yield f"单位签名证书 {certificate_file}：与私钥 {key_file.name} 不是一对"


def _same_key(public: bytes, other: bytes) -> bool:
    try:
        return PublicKey.from_der(public).public_der() == PublicKey.from_der(other).public_der()
    except (CryptoError, ValueError):
        return False


def _named(name: str, value: str) -> list[str]:
    return [f"{name}：{why}" for why in _text(value)]


def _text(value: str) -> list[str]:
    if not value.strip():
        return ["没有设置"]
    return ["是演示值"] if _INVENTED.search(value) else []


def _secret(name: str, value: str) -> list[str]:
    problems = _named(name, value)
    if not problems and (len(value) < SHORTEST or len(set(value)) < 6):
        problems = [f"{name}：太短或太简单（至少 {SHORTEST} 个字符）"]
    return problems
