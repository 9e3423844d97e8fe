"""The platforms' clients of one process, built when they are first used."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from portal.core.services import Services
from portal.core.settings import Settings
from portal.providers.alipay.client import AlipayGateway
from portal.providers.alipay.demo_keys import ensure_demo_keys
from portal.providers.wechat.client import WeChat
from portal.providers.wechat.tokens import Tokens


class Platforms:
    """Official account, mini-program and Alipay application as the settings name them. Safe for many threads."""

    def __init__(self, services: Services) -> None:
        self.settings: Settings = services.settings
        self.tokens = Tokens(services.database, services.cipher, services.settings.redis_url)

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
        settings = self.settings
        if settings.alipay_key_file is None and settings.demo:
            keys = ensure_demo_keys(settings.data_dir)
            own, theirs = keys.app_private, keys.alipay_public
        else:
            own, theirs = _text(settings.alipay_key_file), _text(settings.alipay_public_file)
        return AlipayGateway(settings.alipay, settings.alipay_app, own, theirs, settings.alipay_timeout)


def _text(path: Path | None) -> str:
    if path is None:
        raise ValueError("QUPIAO_ALIPAY_KEY_FILE and QUPIAO_ALIPAY_PUBLIC_FILE name no file")
    return path.read_text(encoding="ascii")
