"""State of the simulated card platform: its rules and the key that hospitals sign with."""

from __future__ import annotations

from dataclasses import dataclass

from portal.demo.accounts import DEMO_CARD
from portal.simulators.bureau.rules import BureauRules
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("twice", "请求到达两次"),
    Switch("idle", "收下但不放入，等人办理"),
    Switch("mute", "已放入但一直答“办理中”"),
    Switch("answer_lost", "已办理但应答丢失"),
    Switch("half_answer", "应答只有一半"),
)


@dataclass(frozen=True, slots=True)
class Bureau:
    """``key`` is the one that hospitals sign with."""

    rules: BureauRules
    faults: Faults
    key: str

    @classmethod
    def prepare(cls, context: Context) -> Bureau:
        """Make the state from the settings."""
        settings = context.settings
        rules = BureauRules(context.store, settings.card_id or DEMO_CARD)
        return cls(rules, context.add_faults("bureau", SWITCHES), settings.card_bureau_key)
