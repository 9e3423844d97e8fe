"""What clients of the field really send in one field: times, tabs, figures, dates, names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.core import strict_json
from portal.core.clock import now
from portal.domain.errors import Refusal
from portal.his_contract.checks import check_time
from portal.his_contract.fields import Fields, Problems
from portal.his_contract.settlement import settlement
from tests.factories.his_account import ACCOUNT
from tests.factories.his_vectors import V6_BUSINESS


def field(value: Any) -> Fields:
    """One field ``x`` of a message."""
    return Fields({"x": value}, Problems())


@pytest.mark.parametrize(
    ("sent", "milliseconds"),
    [
        ("20261201003041", 0),
        ("202612010030414", 4),
        ("2026120100304142", 42),
        ("20261201003041420", 420),
        ("2026-12-01 00:30:41", 0),
        ("2026-12-01T00:30:41.42", 42),
    ],
)
def test_times_with_and_without_their_milliseconds(sent: str, milliseconds: int) -> None:
    """A kiosk appends milliseconds without zeros: 42 are forty-two."""
    assert field(sent).moment("x", "时间") == datetime(2026, 11, 30, 16, 30, 41, milliseconds * 1000, UTC)


@pytest.mark.parametrize("sent", ["20261201", "2026120100304", "202612010030414200", "20261301003041", "x" * 17])
def test_times_that_cannot_be(sent: str) -> None:
    """Too short, too long, or no time of any day."""
    read = field(sent)
    assert read.moment("x", "时间") is None
    assert read.problems.count == 1


@pytest.mark.parametrize("sent", ["20261130", "2026-11-30", "2026-11-30 08:00:00", "20261130080000000", "202611300800"])
def test_days_may_have_a_time(sent: str) -> None:
    """The day of a time counts; what is neither is named."""
    read = field(sent)
    assert (read.day("x", "日期"), read.problems.count) in [(date(2026, 11, 30), 0), (None, 1)]
    assert (read.problems.count == 0) == (sent != "202611300800")


@pytest.mark.parametrize("sent", ["--", "-", "", None, "0001-01-01", "0001-01-01 00:00:00", "无"])
def test_days_that_are_none(sent: Any) -> None:
    """Placeholders and the empty day of .NET."""
    read = field(sent)
    assert (read.day("x", "日期"), read.problems.count) == (None, 0)


def test_breaks_within_a_text_are_blanks() -> None:
    """Tabs and line ends stand in the master data of drugs, where no window can repair them."""
    assert field("示例注射液\t(5%)").text("x", "名称", 50) == "示例注射液 (5%)"
    assert field("250ml\r\n:12.5g").text("x", "规格", 50) == "250ml :12.5g"


@pytest.mark.parametrize(
    ("sent", "fen", "warned"),
    [
        (Decimal("2000.0500000000002"), 200005, 0),
        ("2000.0500000000002", 200005, 0),
        (Decimal("48.0434"), 4804, 1),
        ("48.0450", 4805, 1),
        ("-48.0450", -4805, 1),
        (".5", 50, 0),
        ("-.5", -50, 0),
        ("5.0E-4", 0, 1),
        ("1,234.50", 123450, 0),
        ("+3", 300, 0),
        (Decimal("1E+2"), 10000, 0),
    ],
)
def test_figures_are_rounded(sent: Any, fen: int, warned: int) -> None:
    """Noise of binary fractions without a word, real decimals with a warning."""
    read = field(sent)
    assert read.fen("x", "自费金额") == fen
    assert (read.problems.count, len(read.problems.warnings)) == (0, warned)


@pytest.mark.parametrize("sent", ["1.005", Decimal("128.500000001"), "１２", "1,23.4", ".", "-", "1.2.3", "NaN", True])
def test_the_sum_of_an_act_is_exact(sent: Any) -> None:
    """Nothing is rounded away from what is given or taken."""
    read = field(sent)
    read.exact_fen("x", "总金额")
    assert read.problems.count == 1


def test_list_figures_are_rounded_to_millionths() -> None:
    """0.1 + 0.2 of a program that counts in binary."""
    assert field(Decimal("0.30000000000000004")).micro("x", "金额") == 300_000


def test_what_only_describes_is_cut() -> None:
    """With a warning; what names or counts is refused."""
    read = field("规" * 60)
    assert read.text("x", "规格", 50, cut=True) == "规" * 50
    assert (read.problems.count, len(read.problems.warnings)) == (0, 1)
    assert read.text("x", "编码", 50) == ""
    assert read.problems.count == 1


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("王\ue863", "王䶮"),
        ("\ue815\ue864", "⺁龻"),
        ("Jose\u0301 Nun\u0303ez", "José Nuñez"),
        ("林\u00ad演\ufe0f安\u3164", "林演安"),
        ("\u200b林演安", "林演安"),
    ],
)
def test_names_as_they_were_meant(sent: str, meant: str) -> None:
    """Private codes of old GBK, letters in two parts, marks without ink."""
    assert field(sent).name("x", "姓名", 100) == meant


@pytest.mark.parametrize("sent", ["林\ufffd安", "???", "？？？", "? ?", "锟斤拷", "林锟斤拷"])
def test_names_whose_characters_are_lost(sent: str) -> None:
    """Refused: nobody can guess them, and the bill would carry them for ever."""
    read = field(sent)
    assert read.name("x", "姓名", 100) == ""
    assert read.problems.count == 1


def read(**changes: Any) -> Any:
    """A whole settlement with these members."""
    message = strict_json.decode_object(V6_BUSINESS.encode()) | changes
    return settlement("invoiceEBillOutpatient", message, ACCOUNT)


def test_rows_stand_by_their_sort_number() -> None:
    """Distinct numbers order the rows, whether sent as numbers or as text; others leave them as they came."""

    def names(*numbers: Any) -> list[str]:
        rows = [
            {"sortNo": number, "chargeCode": "1", "chargeName": name, "amt": amount}
            for number, name, amount in zip(numbers, "丙甲乙", ("28.50", "60", "40"), strict=True)
        ]
        return [row.name for row in read(chargeDetail=rows).charges]

    assert names(3, 1, 2) == names("3", "1", "2") == ["甲", "乙", "丙"]
    assert names(1, 1, 2) == names(None, 1, 2) == names("x", 1, 2) == ["丙", "甲", "乙"]
    assert names(10, 2, 9) == ["甲", "乙", "丙"]


def test_warnings_are_kept_with_the_bill() -> None:
    """What was rounded or cut is told; sums are checked with the rounded figures."""
    found = read(ownPay=Decimal("48.0434"), age="七十四岁零三个月又十一天")
    assert found.split.own_cost_fen == 4804
    assert found.visit.age == "七十四岁零三个月又十一天"[:10]
    assert sum("ownPay" in text or "age" in text for text in found.warnings) == 2


@pytest.mark.parametrize(
    ("sent", "sex"),
    [("未知的性别", "未知"), ("未说明的性别", "未知"), ("男性", "男"), ("女", "女"), ("不愿意透露", "未知")],
)
def test_names_of_the_national_dictionary(sent: str, sex: str) -> None:
    """Longer than the contract's four characters, and no reason to stop a bill."""
    assert read(sex=sent).visit.sex == sex


def test_business_times_beyond_reason() -> None:
    """A year ago and a day ahead are the bounds; the account says what happens beyond."""
    present = now()
    for within in (timedelta(), timedelta(days=-366), timedelta(days=1)):
        assert check_time({}, present + within, present) == ()
    for beyond in (timedelta(days=-367), timedelta(days=2)):
        assert len(check_time({}, present + beyond, present)) == 1
        assert check_time({"times": "ignore"}, present + beyond, present) == ()
        with pytest.raises(Refusal, match="busDateTime"):
            check_time({"times": "refuse"}, present + beyond, present)
    late = replace(ACCOUNT, policies={"times": "refuse"})
    message = strict_json.decode_object(V6_BUSINESS.encode()) | {"busDateTime": "20991201000000000"}
    with pytest.raises(Refusal, match="busDateTime"):
        settlement("invoiceEBillOutpatient", message, late)
