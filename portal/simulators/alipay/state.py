"""State of the simulated Alipay: its rules and where its messages go."""

from __future__ import annotations

from dataclasses import dataclass

from portal.simulators.alipay.rules import AlipayRules
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("html", "返回网页而不是 JSON"),
    Switch("no_sign", "应答没有签名"),
    Switch("wrong_sign", "应答签名不正确"),
    Switch("braces", "应答文字里有不成对的括号"),
    Switch("error_response", "网关错误（20000）"),
    Switch("business_error", "业务失败（40004）"),
    Switch("half_answer", "应答只有一半"),
    Switch("twice", "请求到达两次"),
    Switch("answer_lost", "已办理但应答丢失"),
)


@dataclass(slots=True)
class Alipay:
    """``base`` is the platform that log-ins lead back to, ``hook`` the one that messages are pushed to."""

    rules: AlipayRules
    faults: Faults
    base: str
    hook: str

    @classmethod
    def prepare(cls, context: Context) -> Alipay:
        """Make the state from the settings."""
        base = context.settings.base
        return cls(AlipayRules(context), context.add_faults("alipay", SWITCHES), base=base, hook=base)
