"""The platforms' clients of one process, built when they are first used."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from portal.core.services import Services
from portal.core.settings import Settings
from portal.providers.alipay.account import AlipayAccount, Certificates
from portal.providers.alipay.client import AlipayGateway
from portal.providers.wechat.client import WeChat
from portal.providers.wechat.tokens import Tokens


class Platforms:
    """Official account, mini-program and Alipay application as the settings name them. Safe for many threads."""

    def __init__(self, services: Services) -> None:
        self.settings: Settings = services.settings
        self.tokens = Tokens(services.database, services.cipher, services.settings.redis_url)
        if services.settings.alipay_app_cert_file is not None:
            _ = self.alipay  # certificates that do not fit stop the start

    @cached_property
    def service(self) -> WeChat:
        """The official account's client."""
        settings = self.settings
        return WeChat(settings.wechat_service, self.tokens, settings.wechat, settings.wechat_timeout)

    @cached_property
    def mini(self) -> WeChat:
        """The mini-program's client."""
        settings = self.settings
        return WeChat(settings.wechat_mini, self.tokens, settings.wechat, settings.wechat_timeout)

    @cached_property
    def alipay(self) -> AlipayGateway:
        """The Alipay application's client. Raises ValueError, OSError for keys that cannot be used."""
        return AlipayGateway(self.settings.alipay, _alipay_account(self.settings), self.settings.alipay_timeout)


def _alipay_account(settings: Settings) -> AlipayAccount:
    app_id, merchant = settings.alipay_app, settings.alipay_app_auth_token
    if settings.alipay_app_cert_file is None:
        own, theirs = settings.alipay_keys()
        return AlipayAccount(app_id, own, theirs, merchant_token=merchant)
    own = _text(settings.alipay_key_file)
    files = (settings.alipay_app_cert_file, settings.alipay_public_cert_file, settings.alipay_root_cert_file)
    return AlipayAccount(app_id, own, certificates=Certificates(*map(_text, files)), merchant_token=merchant)


def _text(path: Path | None) -> str:
    if path is None:
        raise ValueError("QUPIAO_ALIPAY_KEY_FILE and QUPIAO_ALIPAY_PUBLIC_FILE name no file")
    return path.read_text(encoding="utf-8")
