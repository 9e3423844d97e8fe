"""State of the simulated WeChat: its rules, its card packs, and where its events go."""

from __future__ import annotations

from dataclasses import dataclass

from portal.core.platform_settings import WeChatAccount
from portal.demo.accounts import DEMO_MINI, DEMO_WECHAT
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.wechat import pushes
from portal.simulators.wechat.cards import CardRules
from portal.simulators.wechat.people import PeopleRules
from portal.simulators.wechat.rules import MessageRules
from portal.simulators.wechat.tokens import TokenRules

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("busy", "系统繁忙（-1）"),
    Switch("revoke", "令牌突然失效（40001）"),
    Switch("html", "返回网页而不是 JSON"),
    Switch("twice", "请求到达两次"),
    Switch("half_answer", "应答只有一半"),
    Switch("undelivered", "收下但未送达，事件里说明"),
    Switch("answer_lost", "已办理但应答丢失"),
)


@dataclass(slots=True)
class WeChat:
    """``base`` is the platform that log-ins lead back to, ``hook`` the one that events are pushed to.

    ``tells``: whether the platform is told what became of a message.
    """

    tokens: TokenRules
    people: PeopleRules
    messages: MessageRules
    cards: CardRules
    faults: Faults
    service: WeChatAccount
    mini: WeChatAccount
    base: str
    hook: str
    tells: bool

    @classmethod
    def prepare(cls, context: Context) -> WeChat:
        """Make the state from the settings; accounts that are not configured are the demo's."""
        settings = context.settings
        tokens, people = TokenRules(context.store, settings), PeopleRules(context.store)
        return cls(
            tokens,
            people,
            MessageRules(context.store, settings, people),
            CardRules(context.store, settings, tokens),
            context.add_faults("wechat", SWITCHES),
            settings.wechat_service if settings.wechat_appid else DEMO_WECHAT,
            settings.wechat_mini if settings.mini_appid else DEMO_MINI,
            base=settings.base,
            hook=settings.base,
            tells=settings.wechat_tells,
        )

    def push(self, account: WeChatAccount, text: str) -> None:
        """Push an event of an account to the platform."""
        name = "mini" if account.appid == self.mini.appid else "service"
        pushes.push(f"{self.hook}/wechat/callback/{name}", account, text)
