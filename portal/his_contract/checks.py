"""The sum policy: one hard rule, four switches per account; and the switch of business times.

Total = Σ chargeDetail.amt is always required. The rest differs between clients in the field, so each check is a
switch in ``account.policies``: ``refuse``, ``warn`` (the default; kept with the bill) or ``ignore``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from portal.domain.documents.settlement import Charge, Detail, Payment, Split
from portal.domain.errors import Refusal
from portal.domain.money import MICRO, yuan

CHANNELS, SPLIT, DETAILS, ZERO_ROWS, TIMES = "channels", "split", "details", "zero_rows", "times"
POLICIES = (CHANNELS, SPLIT, DETAILS, ZERO_ROWS)
EARLIEST, LATEST = timedelta(days=-366), timedelta(days=1)
"""From when to when, as seen from the present, a business time is within reason."""
LARGE_REVERSAL = "large_reversal"
"""Switch of an account: ``refuse`` stops what needs four eyes at the console as well; by default the HIS's own desk
has approved."""
VOID_REVERSES, YES, NO = "void_reverses", "yes", "no"
"""Switch of an account: ``yes`` has invalidPaper reverse the bill, for a HIS that calls nothing else for a refund."""
REFUSE, WARN, IGNORE = "refuse", "warn", "ignore"
DETAILS_TOLERANCE_FEN = 10


def findings(
    total_fen: int,
    split: Split,
    charges: Sequence[Charge],
    details: Sequence[Detail],
    payments: Sequence[Payment],
) -> Iterable[tuple[str, str]]:
    """(policy, Chinese sentence) of every soft check that fails."""
    total = yuan(total_fen)
    if (paid := sum(row.amount_fen for row in payments)) != total_fen:
        yield CHANNELS, f"payChannelDetail 合计 {yuan(paid)} 与 totalAmt {total} 不一致"
    parts = split.fund_fen + split.other_fund_fen + split.account_fen + split.own_cash_fen
    if parts != total_fen:
        yield SPLIT, f"fundPay + otherfundPay + accountPay + selfCashPay = {yuan(parts)} 与 totalAmt {total} 不一致"
    if details:
        listed = sum(row.amount_micro for row in details)
        scale = MICRO // 100
        if abs(listed - total_fen * scale) > DETAILS_TOLERANCE_FEN * scale:
            yield DETAILS, f"listDetail 合计与 totalAmt {total} 相差超过 {yuan(DETAILS_TOLERANCE_FEN)} 元"
    if zero := [str(place) for place, row in enumerate(charges) if not row.amount_fen]:
        yield ZERO_ROWS, f"chargeDetail 第 {'、'.join(zero[:10])} 行（从 0 起）金额为 0"


def check_sums(
    policies: Mapping[str, str],
    total_fen: int,
    split: Split,
    charges: Sequence[Charge],
    details: Sequence[Detail],
    payments: Sequence[Payment],
) -> tuple[str, ...]:
    """Return the warnings to keep with the bill. Raises SUM_MISMATCH naming everything that this account refuses."""
    refused, warned = [], []
    if (charged := sum(row.amount_fen for row in charges)) != total_fen:
        refused.append(f"chargeDetail 合计 {yuan(charged)} 与 totalAmt {yuan(total_fen)} 不一致")
    for policy, sentence in findings(total_fen, split, charges, details, payments):
        action = policies.get(policy, WARN)
        if action == REFUSE:
            refused.append(sentence)
        elif action != IGNORE:
            warned.append(sentence)
    if refused:
        raise Refusal("SUM_MISMATCH", problems="；".join(refused))
    return tuple(warned)


def check_time(policies: Mapping[str, str], business_at: datetime, present: datetime) -> tuple[str, ...]:
    """Return a warning where the business time is beyond reason. Raises FIELD_INVALID where this account refuses it."""
    action = policies.get(TIMES, WARN)
    if EARLIEST <= business_at - present <= LATEST or action == IGNORE:
        return ()
    sentence = "busDateTime（业务发生时间）早于一年以前或晚于明天"
    if action == REFUSE:
        raise Refusal("FIELD_INVALID", problems=f"{sentence}，请核对 HIS 服务器的时钟")
    return (sentence,)
