"""Digests of a settlement's content, which tell a repeated push from a conflicting one (docs/idempotency.md).

Content is the substance of the bill: scene, payer, money, lines, channels. Times, people at the window, contacts, visit
texts and remarks may differ between two pushes of one settlement (a nightly job fills them anew) and do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

from portal.core.crypto.field_cipher import BlindIndex
from portal.domain.documents.settlement import Settlement
from portal.domain.identity import normalise, normalise_name

PARTS = {
    "scene": "业务类型",
    "payer": "交款人",
    "total": "总金额",
    "split": "费用构成",
    "charges": "收费项目",
    "details": "清单明细",
    "payments": "缴费渠道",
    "purpose": "往来或捐赠内容",
    "vouchers": "预交金扣款",
}


def digests(index: BlindIndex, settlement: Settlement) -> dict[str, str]:
    """Make one short keyed digest for each part of :data:`PARTS`; kept with the bill."""
    payer = settlement.payer
    parts = {
        "scene": settlement.scene.value,
        "payer": f"{payer.kind}|{normalise_name(payer.name)}|{normalise(payer.id_no)}",
        "total": str(settlement.total_fen),
        "split": repr(settlement.split),
        "charges": repr([(row.code, row.name, row.amount_fen) for row in settlement.charges]),
        "details": repr([(row.code, row.name, row.quantity_micro, row.amount_micro) for row in settlement.details]),
        "payments": repr(sorted((row.channel, row.amount_fen) for row in settlement.payments)),
    }
    if settlement.purpose is not None:
        parts["purpose"] = repr(settlement.purpose)
    if settlement.vouchers:  # a part of its own only where there are any: bills without stay as they were
        parts["vouchers"] = repr(sorted((row.pair, row.amount_fen) for row in settlement.vouchers))
    return {name: index.digest(f"content.{name}", text).hex()[:16] for name, text in parts.items()}


def differing(stored: Mapping[str, str], sent: Mapping[str, str]) -> list[str]:
    """Return the Chinese names of the parts that differ; empty when it is the same settlement."""
    return [title for name, title in PARTS.items() if stored.get(name) != sent.get(name)]
