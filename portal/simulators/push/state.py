"""State of the simulated hospital APP: its rules and the platform that receipts go to."""

from __future__ import annotations

from dataclasses import dataclass

from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.push.rules import PushRules, Receiver

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("twice", "请求到达两次"),
    Switch("answer_lost", "已收下但应答丢失"),
    Switch("half_answer", "应答只有一半"),
)


@dataclass(frozen=True, slots=True)
class Push:
    """``base`` is the platform that receipts go to."""

    rules: PushRules
    faults: Faults
    base: str

    @classmethod
    def prepare(cls, context: Context) -> Push:
        """Make the state from the settings."""
        settings = context.settings
        rules = PushRules(context.store, Receiver(settings.push_key_id, settings.push_key))
        return cls(rules, context.add_faults("push", SWITCHES), settings.base)
