"""State of the simulated SMS gateway, which the two public clouds share."""

from __future__ import annotations

from dataclasses import dataclass

from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.sms.rules import Gateway

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("twice", "请求到达两次"),
    Switch("answer_lost", "已发送但应答丢失"),
    Switch("half_answer", "已发送但应答只有一半"),
)


@dataclass(frozen=True, slots=True)
class Sms:
    """``app_id`` and ``app_key`` are the account, at the gateway and at the clouds."""

    gateway: Gateway
    faults: Faults
    app_id: str
    app_key: str

    @classmethod
    def prepare(cls, context: Context) -> Sms:
        """Make the state from the settings."""
        account = (context.settings.sms_app_id, context.settings.sms_app_key)
        gateway = Gateway(context.store, *account, context.settings.outside)
        return cls(gateway, context.add_faults("sms", SWITCHES), *account)
