"""The turn of the year: which places lack numbers of a new year's codes, and which codes of an old year have some left.

Everything is decided by the balances alone, at any moment of any year.
"""

from __future__ import annotations

from portal.domain.states.stock import AlarmRule
from portal.stock import years
from portal.stock.balances import Holding


def alarms_of(balances: list[Holding], announced: bool) -> dict[AlarmRule, dict[str, str]]:
    """Return the alarms that should stand, by rule: subject → words. ``announced``: next year's numbers are awaited.

    A point is named once the unit has its code: before that there is nothing to hand out.
    """
    return {
        AlarmRule.NEXT_YEAR: _missing(balances, 1) if announced else {},
        AlarmRule.THIS_YEAR: _missing(balances, 0),
        AlarmRule.OLD_YEAR: _left_over(balances),
    }


def advances(balances: list[Holding]) -> list[tuple[int, str]]:
    """Return the points that are handed numbers by themselves, with next year's codes that the unit has and they have
    not."""
    there = {(each.place, each.bill_code) for each in balances}
    in_stock = {each.bill_code for each in balances if each.point_id is None and each.left}
    advances = []
    for each in balances:
        code = years.code_of(each.prefix, 1)
        if each.point_id and each.lot and code in in_stock and (each.place, code) not in there:
            advances.append((each.point_id, code))
    return sorted(set(advances))


def _missing(balances: list[Holding], later: int) -> dict[str, str]:
    """Find the places that use a kind, as its code of the year before shows, and have none of the year that is
    ``later`` years from now."""
    there = {(each.place, each.bill_code) for each in balances}
    in_unit = {code for place, code in there if place == "unit"}
    missing = {}
    for each in balances:
        code = years.code_of(each.prefix, later)
        before = years.code_of(each.prefix, later - 1)
        if each.bill_code != before or not each.active or (each.place, code) in there:
            continue
        if (each.point_id is None) != (code in in_unit):
            missing[f"{each.place}:{code}"] = _words(each, code, later)
    return missing


def _words(each: Holding, code: str, later: int) -> str:
    year = years.year_of(code)
    what = f"{each.point_name}还没有 {year} 年的{each.kind_name}号码（代码 {code}）"
    if later:
        cure = "请尽早向财政申领并入库" if each.point_id is None else "请提前分发"
        return f"{what}：{cure}，否则 {year} 年 1 月 1 日零时起不能开票"
    cure = "请向财政申领、入库并分发" if each.point_id is None else "请分发号段"
    return f"{what}，现在不能开票：{cure}"


def _left_over(balances: list[Holding]) -> dict[str, str]:
    left: dict[str, int] = {}
    names = {each.bill_code: each.kind_name for each in balances}
    for each in balances:
        if each.over and (count := each.left + each.reserved):
            left[each.bill_code] = left.get(each.bill_code, 0) + count
    return {
        f"unit:{code}": f"{years.year_of(code)} 年的{names[code]}（代码 {code}）余 {count:,} 份，已跨年停用："
        "请撤回各开票点未用的号码，再向财政申退"
        for code, count in left.items()
    }
