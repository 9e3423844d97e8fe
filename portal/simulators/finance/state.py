"""State of the simulated finance: its rules, its front end and its faults."""

from __future__ import annotations

from dataclasses import dataclass

from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.finance.front_end import FrontEnd
from portal.simulators.finance.paper_rules import PaperRules
from portal.simulators.finance.rules import FinanceRules
from portal.simulators.finance.stock_rules import SWITCHES as STOCK_SWITCHES
from portal.simulators.finance.stock_rules import StockRules

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("hang_up", "一接通就断开"),
    Switch("answer_lost", "已办理但应答丢失"),
    Switch("half_answer", "应答只有一半"),
    Switch("busy", "系统繁忙（5001）"),
    Switch("reject_field", "拒收数据项（2001）"),
    Switch("duplicate", "同一报文送达两次（4001）"),
    Switch("queue", "排队，稍后监制", "多久以后（毫秒）"),
    Switch("wrong_signature", "监制签名与票据不符"),
    Switch("wrong_digest", "应答摘要错误"),
    *STOCK_SWITCHES,
)


@dataclass(frozen=True, slots=True)
class Finance:
    """``rules`` are those for bills, ``stock`` for numbers, ``papers`` for paper sheets."""

    rules: FinanceRules
    stock: StockRules
    papers: PaperRules
    front_end: FrontEnd
    faults: Faults

    @classmethod
    def prepare(cls, context: Context) -> Finance:
        """Make the state from the settings."""
        faults = context.add_faults("finance", SWITCHES)
        rules = FinanceRules(context.store, context.keys)
        stock, papers = StockRules(context.store, faults), PaperRules(context.store)
        return cls(rules, stock, papers, FrontEnd(context.settings, rules, stock, papers, faults), faults)
