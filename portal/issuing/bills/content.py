"""Digests of a settlement's content, which tell a repeated push from a conflicting one (docs/idempotency.md).

Content is the substance of the bill: scene, payer, money, lines, channels, the bill that it replaces. Times, people at
the window, contacts, visit texts and remarks may differ between two pushes of one settlement (a nightly job fills them
anew) and do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from portal.access.his.accounts import HisAccount
from portal.core import strict_json
from portal.core.crypto.field_cipher import BlindIndex
from portal.core.services import Services
from portal.core.strict_json import JsonError
from portal.domain.documents.settlement import Scene, Settlement
from portal.domain.errors import Refusal
from portal.domain.identity import normalise, normalise_name
from portal.his_contract import checks
from portal.his_contract import settlement as his_contract
from portal.ledger import bills

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
    "replaces": "被替换票据",
}


def digests(index: BlindIndex, settlement: Settlement, as_given: bool = False) -> dict[str, str]:
    """Make one short keyed digest for each part of :data:`PARTS`; kept with the bill.

    The order of lines is no content. ``as_given``: with it, as bills were kept before that.
    """
    in_order: Callable[[list[Any]], list[Any]] = list if as_given else partial(sorted, key=repr)
    payer = settlement.payer
    parts = {
        "scene": settlement.scene.value,
        "payer": f"{payer.kind}|{normalise_name(payer.name)}|{normalise(payer.id_no)}",
        "total": str(settlement.total_fen),
        "split": repr(settlement.split),
        "charges": repr(in_order([(row.code, row.name, row.amount_fen) for row in settlement.charges])),
        "details": repr(
            in_order([(row.code, row.name, row.quantity_micro, row.amount_micro) for row in settlement.details])
        ),
        "payments": repr(sorted((row.channel, row.amount_fen) for row in settlement.payments)),
    }
    if settlement.purpose is not None:
        parts["purpose"] = repr(settlement.purpose)
    if settlement.vouchers:  # a part of its own only where there are any: bills without stay as they were
        parts["vouchers"] = repr(sorted((row.pair, row.amount_fen) for row in settlement.vouchers))
    if settlement.replaces:
        parts["replaces"] = settlement.replaces
    return {name: index.digest(f"content.{name}", text).hex()[:16] for name, text in parts.items()}


def differing(stored: Mapping[str, str], sent: Mapping[str, str]) -> list[str]:
    """Return the Chinese names of the parts that differ; empty when it is the same settlement."""
    return [title for name, title in PARTS.items() if stored.get(name) != sent.get(name)]


def changed(
    services: Services, account: HisAccount, settlement: Settlement, bill_id: int, stored: Mapping[str, str]
) -> list[str]:
    """Return the Chinese names of the parts in which a settlement differs from the bill that its serial has.

    A bill's digests were made by the rules of its day, and a repeat of its push is no conflict because rules for
    reading rows, names and texts have changed since. What differs is therefore read again from the body that was kept.
    """
    index, sent = services.index, digests(services.index, settlement)
    if not differing(stored, sent):
        return []
    if not differing(stored, digests(index, settlement, as_given=True)):
        return []
    return differing({**stored, **_read_again(services, account, settlement, bill_id)}, sent)


def _read_again(services: Services, account: HisAccount, settlement: Settlement, bill_id: int) -> dict[str, str]:
    """Return by today's rules the digests that depend on how texts and rows are read; none where a form was typed."""
    method = "invEBillHospitalized" if settlement.scene is Scene.INPATIENT else "invoiceEBillOutpatient"
    lenient = replace(account, policies=dict.fromkeys((*checks.POLICIES, checks.TIMES), checks.IGNORE))
    try:
        body = strict_json.decode_object(bills.sent_body(services, bill_id).encode())
        first = digests(services.index, his_contract.settlement(method, body, lenient))
    except (Refusal, JsonError):
        return {}
    return {part: first[part] for part in ("payer", "charges", "details", "replaces") if part in first}
