"""WeChat's error codes by class."""

from __future__ import annotations

from portal.providers.faults import FaultKind

STALE = (40001, 40014, 42001)
"""The token is no longer good."""
GENERAL: dict[int, FaultKind] = {
    -1: FaultKind.RETRY,
    **dict.fromkeys(STALE, FaultKind.TOKEN),
    **dict.fromkeys((40013, 40125, 41002, 41004), FaultKind.CONFIG),
    **dict.fromkeys((40164, 89501, 89503, 89506, 89507), FaultKind.CONFIG),
    **dict.fromkeys((40003, 46004), FaultKind.NEVER),
    **dict.fromkeys((40029, 40163), FaultKind.USER),
    **dict.fromkeys((40037, 41030, 43116, 45103, 45109, 48001, 48004), FaultKind.CONFIG),
    **dict.fromkeys((43004, 43101, 45047, 50002, 40226), FaultKind.NEVER),
    43117: FaultKind.LATER,
    45009: FaultKind.LATER,
    45011: FaultKind.RETRY,
    **dict.fromkeys((47001, 47003, 40097), FaultKind.BUG),
}
CARDS: dict[int, FaultKind] = {
    **dict.fromkeys((72015, 72022), FaultKind.CONFIG),
    **dict.fromkeys((72017, 72031, 72041, 72043, 72047), FaultKind.BUG),
    **dict.fromkeys((72018,), FaultKind.DONE),
    **dict.fromkeys((72023, 72024, 72037, 72060, 72061), FaultKind.NEVER),
    **dict.fromkeys((72035, 72038, 72048, 72049, 72050, 72053, 72067), FaultKind.USER),
    **dict.fromkeys((72036, 72054, 72059), FaultKind.RETRY),
    **dict.fromkeys((72040, 72046, 72082, 72083), FaultKind.BUG),  # upload the PDF once more first: see cards
    **dict.fromkeys((72042, 72056), FaultKind.DONE),  # if it is ours: the caller looks
    **dict.fromkeys((72055, 72057), FaultKind.LATER),
    **dict.fromkeys((40078, 73104), FaultKind.RETRY),
}
AFTER: dict[int, float] = {45011: 60.0, 73104: 60.0, 40078: 1800.0, 43117: 6 * 3600.0, 43116: 3600.0}
"""Seconds to wait, where the platform states them; :data:`NEXT_DAY` where it is the next day in Beijing."""
NEXT_DAY = frozenset((45009, 72055, 72057))
UNFOLLOWED = frozenset((40003, 46004, 43004))
"""The binding is stale: this openid does not reach anybody."""
NO_PERMISSION = 43101
PDF_REFUSED = frozenset((72040, 72046, 72082, 72083))
NOT_AUTHORISED = frozenset((72038, 72049, 72053))
TAKEN = frozenset((72018, 72042, 72056))


def kind(code: int) -> FaultKind:
    """Return the class of a code. An undescribed code counts as a fault of our set-up until a person has looked."""
    return GENERAL.get(code) or CARDS.get(code, FaultKind.CONFIG)
