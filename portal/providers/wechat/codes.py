"""WeChat's error codes by class."""

from __future__ import annotations

from portal.providers.faults import Kind

STALE = (40001, 40014, 42001)
"""The token is no longer good."""
GENERAL: dict[int, Kind] = {
    -1: Kind.RETRY,
    **dict.fromkeys(STALE, Kind.TOKEN),
    **dict.fromkeys((40013, 40125, 41002, 41004), Kind.CONFIG),
    **dict.fromkeys((40164, 89501, 89503, 89506, 89507), Kind.CONFIG),
    **dict.fromkeys((40003, 46004), Kind.NEVER),
    **dict.fromkeys((40029, 40163), Kind.USER),
    **dict.fromkeys((40037, 41030, 43116, 45103, 45109, 48001, 48004), Kind.CONFIG),
    **dict.fromkeys((43004, 43101, 45047, 50002, 40226), Kind.NEVER),
    43117: Kind.LATER,
    45009: Kind.LATER,
    45011: Kind.RETRY,
    **dict.fromkeys((47001, 47003, 40097), Kind.BUG),
}
CARDS: dict[int, Kind] = {
    **dict.fromkeys((72015, 72022), Kind.CONFIG),
    **dict.fromkeys((72017, 72031, 72041, 72043, 72047), Kind.BUG),
    **dict.fromkeys((72018,), Kind.DONE),
    **dict.fromkeys((72023, 72024, 72037, 72060, 72061), Kind.NEVER),
    **dict.fromkeys((72035, 72038, 72048, 72049, 72050, 72053, 72067), Kind.USER),
    **dict.fromkeys((72036, 72054, 72059), Kind.RETRY),
    **dict.fromkeys((72040, 72046, 72082, 72083), Kind.BUG),  # upload the PDF once more first: see cards
    **dict.fromkeys((72042, 72056), Kind.DONE),  # if it is ours: the caller looks
    **dict.fromkeys((72055, 72057), Kind.LATER),
    **dict.fromkeys((40078, 73104), Kind.RETRY),
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


def kind(code: int) -> Kind:
    """The class of a code; one that nobody has described is a fault of our set-up until a person has looked."""
    return GENERAL.get(code) or CARDS.get(code, Kind.CONFIG)
