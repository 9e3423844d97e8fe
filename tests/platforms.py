"""Clients of the simulated WeChat and Alipay for tests, and the tokens they share."""

from __future__ import annotations

from pathlib import Path

from portal.core.alipay_keys import ensure_demo_keys
from portal.core.database import Database, make_engine
from portal.core.fieldcrypt import FieldCipher
from portal.core.platforms import DEMO_ALIPAY_APP, DEMO_MINI, DEMO_WECHAT, WeChatAccount
from portal.delivery.alipay.client import AlipayGateway
from portal.delivery.wechat.client import WeChat
from portal.delivery.wechat.tokens import Tokens
from portal.models import PlatformToken
from tests.simulators import Simulators

FOLLOWER, SECOND, STRANGER = (
    "oDEMO-service-follower-0001",
    "oDEMO-service-follower-0002",
    "oDEMO-service-stranger-0003",
)
MINI_USER = "oDEMO-miniapp-user-00000001"
ALIPAY_USER = "2088DEMO00000001"
DATA = {"thing1": "演示市人民医院", "phrase2": "门诊", "amount3": "¥128.50", "time4": "2026年11月24日"}
_CIPHER = FieldCipher({1: b"k" * 16}, 1)


def tokens(url: str, redis_url: str = "", wait: float = 20.0) -> Tokens:
    """Tokens in a database (its table is made) or in Redis, as one process has them."""
    engine = make_engine(url)
    PlatformToken.__table__.create(engine, checkfirst=True)  # type: ignore[attr-defined]
    return Tokens(Database(engine), _CIPHER, redis_url, wait)


def wechat(
    simulators: Simulators, shared: Tokens, account: WeChatAccount = DEMO_WECHAT, timeout: float = 5.0
) -> WeChat:
    """A client of the simulated WeChat."""
    return WeChat(account, shared, simulators.url("/wechat"), timeout)


def mini(simulators: Simulators, shared: Tokens) -> WeChat:
    """The mini-program's client."""
    return wechat(simulators, shared, DEMO_MINI)


def alipay(simulators: Simulators, timeout: float = 5.0) -> AlipayGateway:
    """A client of the simulated Alipay with the demo's keys."""
    keys = ensure_demo_keys(simulators.data_dir)
    url = simulators.url("/alipay/gateway.do")
    return AlipayGateway(url, DEMO_ALIPAY_APP, keys.app_private, keys.alipay_public, timeout)


def sqlite_url(folder: Path) -> str:
    """A database of its own in a folder."""
    return f"sqlite:///{folder / 'tokens.sqlite3'}"
