"""Typed bills for tests: a small catalogue of what may be charged, and what is known beside the typed texts."""

from __future__ import annotations

from datetime import UTC, datetime

from portal.domain.documents.manual_input import Entry, entry, figure
from portal.domain.documents.settlement import Scene
from portal.issuing.manual.catalogue import Catalogue, Priced
from portal.issuing.manual.entry import Checked, Context
from portal.rendering.pdf import fonts

fonts.ensure()  # here, so that no example of a property pays for reading them


def priced(
    area: str, code: str, name: str, charge: str, low: str = "", high: str = "", usual: str = "", **more: object
) -> Priced:
    """One item; prices as they are typed."""
    micro = [figure(text, 6) if text else None for text in (usual, low, high)]
    values = {"unit": "次", "valid_from": None, "valid_until": None, "active": True} | more
    return Priced(1, area, code, name, charge, values.pop("unit"), *micro, **values)  # type: ignore[arg-type]


CATALOGUE = Catalogue(
    {
        item.code: item
        for item in (
            priced("medical", "F0001", "普通门诊诊查费", "0101", "0", "6"),
            priced("medical", "F0002", "急诊诊查费", "0101"),
            priced("medical", "Y0002", "布洛芬缓释胶囊", "0109", "0", "12.50", "12.50", unit="盒"),
            priced("dealing", "W0101", "住院陪护床押金", "W01"),
            priced("donation", "J0101", "捐资助医", "J01"),
            priced("donation", "J0201", "捐赠物资", "J02"),
        )
    },
    {"0101": "诊查费", "0109": "西药费", "W01": "押金", "J01": "货币捐赠", "J02": "实物捐赠"},
)
CONTEXT = Context(
    CATALOGUE, {"01"}, "收费员甲", "收费员甲", "SG1234567890", datetime(2026, 11, 24, 2, tzinfo=UTC), "卫生院"
)
"""10:00 on 24 November 2026 in the hospital."""


def line(code: str = "0109", quantity: str = "1", price: str = "10", amount: str = "", **more: str) -> dict[str, str]:
    """A line of a typed bill, 10 yuan."""
    return {"code": code, "quantity": quantity, "price": price, "amount": amount} | more


def typed(
    kind: Scene = Scene.OUTPATIENT, lines: list | None = None, payments: list | None = None, **more: str
) -> Entry:
    """A good bill of that line, paid in cash, of any kind."""
    head = {"payer_kind": "1", "payer_name": "林演安", "business_day": "2026-11-24", "checker": "复核员乙"}
    head |= {"point_code": "01", "scene": "outpatient", "category": "押金", "basis": "陪护床管理规定"}
    head |= {"project": "助医", "donation_form": "money"}
    return entry(kind, head | more, [line()] if lines is None else lines, payments or [{"channel": "cash"}])


def wheres(checked: Checked) -> set[str]:
    """The fields at which something is wrong."""
    return {problem.where for problem in checked.problems}
