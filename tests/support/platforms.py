"""Clients of the simulated WeChat and Alipay for tests, and the tokens they share."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from sqlalchemy import insert, select

from portal.core.clock import now
from portal.core.crypto.field_cipher import FieldCipher
from portal.core.database import Database, make_engine
from portal.core.platform_settings import WeChatAccount
from portal.delivery import bindings
from portal.delivery.bindings import Subject
from portal.demo.accounts import DEMO_ALIPAY_APP, DEMO_MINI, DEMO_WECHAT
from portal.demo.alipay_keys import ensure_demo_keys
from portal.demo.settings import DemoSettings
from portal.models import Bill, BillParty, Parameter, PartyKey, PlatformToken, Unit
from portal.providers.alipay.account import AlipayAccount
from portal.providers.alipay.client import AlipayGateway
from portal.providers.wechat.client import WeChat
from portal.providers.wechat.tokens import Tokens
from tests.support.processes.simulators import Simulators

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
    return AlipayGateway(url, AlipayAccount(DEMO_ALIPAY_APP, keys.app_private, keys.alipay_public), timeout)


def sqlite_url(folder: Path) -> str:
    """A database of its own in a folder."""
    return f"sqlite:///{folder / 'tokens.sqlite3'}"


def connected(settings: DemoSettings, simulators: Simulators, **more: object) -> DemoSettings:
    """The same installation speaking to these simulators."""
    keys = ensure_demo_keys(simulators.data_dir)
    own, theirs = simulators.data_dir / "app.pem", simulators.data_dir / "theirs.pem"
    own.write_text(keys.app_private, encoding="ascii")
    theirs.write_text(keys.alipay_public, encoding="ascii")
    return settings.model_copy(
        update={
            "wechat_url": simulators.url("/wechat"),
            "alipay_gateway": simulators.url("/alipay/gateway.do"),
            "alipay_key_file": own,
            "alipay_public_file": theirs,
            **more,
        }
    )


def bound(app: Flask, bill_id: int, subject: Subject) -> None:
    """Bind an account to a bill's patient, as a page does after the code was right."""
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        row = connection.execute(
            select(PartyKey.digest, BillParty.name_digest, Bill.unit_id)
            .join(BillParty, BillParty.bill_id == PartyKey.bill_id)
            .join(Bill, Bill.id == PartyKey.bill_id)
            .where(PartyKey.bill_id == bill_id)
        ).first()
        assert row is not None
        bindings.bind_on(services, connection, row.unit_id, subject, row.digest, row.name_digest, "sms")


def set_parameters(app: Flask, **values: object) -> None:
    """Parameters of the demo's unit, for a test: ``delivery_order="wechat:10 sms"``."""
    with app.extensions["qupiao"].services.database.write() as connection:
        unit_id = connection.scalar(select(Unit.id))
        for name, value in values.items():
            group, _, rest = name.partition("_")
            key = f"{group}.{rest.replace('_', '-')}"
            row = {"unit_id": unit_id, "key": key, "value": value, "changed_by": "test", "changed_at": now()}
            connection.execute(insert(Parameter), row)
