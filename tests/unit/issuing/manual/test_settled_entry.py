"""A typed bill that is good: the settlement that it becomes, with nothing lost and nothing invented."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from portal.domain.documents.manual_input import Entry
from portal.domain.documents.settlement import (
    Charge,
    Dealing,
    Detail,
    Payer,
    Payment,
    Scene,
    Settlement,
    Split,
    Visit,
)
from portal.issuing.manual.entry import ANONYMOUS, check
from tests.factories.manual_entries import CONTEXT, line, typed, wheres

STAY = {"kind": Scene.INPATIENT, "hospital_no": "ZY1", "in_date": "2026-11-01", "out_date": "2026-11-03"}


def settled(changes: dict | None = None, **more: Any) -> Settlement:
    checked = check(typed(**(changes or {}), **more), CONTEXT)
    assert checked.problems == []
    assert checked.settlement is not None
    return checked.settlement


def test_an_outpatient_entry_becomes_its_settlement() -> None:
    made = typed(
        lines=[line(), line("F0001", "2", "5.5", "11", remark="复诊", unit="人次")],
        payments=[{"channel": "wechat", "amount": "20", "reference": "W1"}, {"channel": "cash", "amount": "1"}],
        serial="MZ1",
        scene="emergency",
        id_no="000000195203150010",
        phone="１0000000001",
        email="lin@example.com",
        remark="备注一",
        patient_no="p-1",
        visit_date="2026/11/23",
        department="内科",
        insurance_type="居民医保",
        insurance_no="yb 1",
        sex="女",
        age="74岁",
        fund="8",
        other_fund="1",
        account="2",
        self_pay="3",
        own_cost="4",
    )
    assert check(made, CONTEXT).settlement == Settlement(
        serial="MZ1",
        scene=Scene.EMERGENCY,
        point_code="01",
        business_at=CONTEXT.moment,
        payer=Payer(
            "1",
            "林演安",
            "id_card",
            "000000195203150010",
            "10000000001",
            "lin@example.com",
            insurance_no="YB1",
            patient_id="P1",
        ),
        cashier="收费员甲",
        author="收费员甲",
        checker="复核员乙",
        total_fen=2100,
        split=Split(
            account_fen=200, fund_fen=800, other_fund_fen=100, own_cash_fen=1000, own_cost_fen=400, self_pay_fen=300
        ),
        visit=Visit(
            org_type="卫生院",
            visit_date=date(2026, 11, 23),
            patient_no="p-1",
            sex="女",
            age="74岁",
            department="内科",
            insurance_type="居民医保",
        ),
        charges=(
            Charge("0109", "西药费", 1000, "", 10_000_000, 1_000_000),
            Charge("0101", "诊查费", 1100, "人次", 5_500_000, 2_000_000, remark="复诊"),
        ),
        details=(
            Detail("0109", "西药费", 10_000_000, "0109", "西药费", price_micro=10_000_000, quantity_micro=1_000_000),
            Detail(
                "F0001",
                "普通门诊诊查费",
                11_000_000,
                "0101",
                "诊查费",
                unit="人次",
                price_micro=5_500_000,
                quantity_micro=2_000_000,
                remark="复诊",
            ),
        ),
        payments=(Payment("wechat", 2000), Payment("cash", 100)),
        remark="备注一",
    )
    assert Entry.of_text(check(made, CONTEXT).settlement.sent) == made  # type: ignore[union-attr]


def test_without_a_serial_it_has_that_of_its_draft() -> None:
    assert settled().serial == "SG1234567890"
    assert settled(serial="SG123456789").serial == "SG123456789"


def test_an_inpatient_entry_has_its_stay_and_its_deposits() -> None:
    made = settled(STAY | {"case_no": "BL1", "org_type": "县医院", "prepay": "12", "recharge": "1", "refund": "3"})
    assert made.scene is Scene.INPATIENT
    assert made.visit == Visit(
        org_type="县医院",
        case_no="BL1",
        hospital_no="ZY1",
        in_date=date(2026, 11, 1),
        out_date=date(2026, 11, 3),
        days="2",
    )
    assert (made.split.prepay_fen, made.split.recharge_fen, made.split.refund_fen) == (1200, 100, 300)
    assert (made.payer.patient_id, made.warnings) == ("ZY1", ())


@pytest.mark.parametrize(
    ("deposits", "warnings"),
    [
        ({"prepay": "10"}, ()),
        ({"prepay": "12", "recharge": "1", "refund": "2"}, ("预缴加补缴减退费是 11.00，个人现金支付是 10.00",)),
        ({"recharge": "1"}, ()),
    ],
)
def test_deposits_that_differ_from_cash_are_a_warning_only(deposits: dict, warnings: tuple[str, ...]) -> None:
    assert settled(STAY | deposits).warnings == warnings


@pytest.mark.parametrize(
    ("stay", "days"),
    [
        ({"out_date": "2026-11-01"}, "1"),
        ({"out_date": "2026-11-02"}, "1"),
        ({"out_date": "2026-11-04"}, "3"),
        ({"days": "7"}, "7"),
    ],
)
def test_the_days_of_a_stay_are_counted_unless_they_are_typed(stay: dict, days: str) -> None:
    assert settled(STAY | stay).visit.days == days


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        ("2026-11-24", CONTEXT.moment),
        ("", CONTEXT.moment),
        ("2026-11-23", datetime(2026, 11, 23, 4, tzinfo=UTC)),
        ("2025-11-23", datetime(2025, 11, 23, 4, tzinfo=UTC)),
    ],
)
def test_a_bill_of_today_is_of_now_and_one_of_another_day_of_noon(day: str, moment: datetime) -> None:
    checked = check(typed(business_day=day), CONTEXT)
    if day:
        assert checked.settlement is not None and checked.settlement.business_at == moment
    else:
        assert wheres(checked) == {"business_day"}


@pytest.mark.parametrize(
    ("payer", "known_as"),
    [
        ({"id_no": "12345"}, ("card", "12345")),
        ({"id_no": "h12345678"}, ("hong_kong_macau", "H12345678")),
        ({"id_no": "h12345678", "id_type": "passport"}, ("passport", "H12345678")),
        ({"id_no": "1234", "id_type": ""}, ("other", "1234")),
        ({"id_no": "000000195203150011", "id_type": "other"}, ("other", "000000195203150011")),
        ({"id_no": "", "id_type": "passport"}, ("", "")),
        ({"id_no": "12440000test00001x", "payer_kind": "2"}, ("credit_code", "12440000TEST00001X")),
    ],
)
def test_a_number_is_of_the_kind_that_is_said_or_else_looks_likeliest(payer: dict, known_as: tuple[str, str]) -> None:
    made = settled(payer)
    assert (made.payer.id_type, made.payer.id_no) == known_as


def test_a_usual_price_and_unit_are_taken_where_none_is_typed() -> None:
    made = settled(lines=[line("Y0002", price="")])
    assert (made.total_fen, made.details[0].unit, made.details[0].name) == (1250, "盒", "布洛芬缓释胶囊")
    assert check(typed(lines=[line("Y0002", price="12")]), CONTEXT).total_fen == 1200


def test_lines_of_one_charge_are_added_and_listed_one_by_one() -> None:
    made = settled(lines=[line(remark="甲"), line(quantity="2"), line("F0001", price="6")])
    assert made.charges == (
        Charge("0109", "西药费", 3000),
        Charge("0101", "诊查费", 600, "次", 6_000_000, 1_000_000),
    )
    assert [(row.charge_code, row.amount_micro) for row in made.details] == [
        ("0109", 10_000_000),
        ("0109", 20_000_000),
        ("0101", 6_000_000),
    ]


def test_lines_that_say_no_more_than_the_charges_are_not_listed_again() -> None:
    assert settled(lines=[line()]).details == ()
    assert len(settled(lines=[line(), line(name="西药")]).details) == 2


def test_a_name_is_that_of_its_code_however_it_is_spelled() -> None:
    assert settled(lines=[line("F0001", price="6", name="普通门诊 诊查费")]).details[0].name == "普通门诊 诊查费"


def test_a_dealing_has_its_purpose_and_all_of_it_is_cash() -> None:
    made = settled(kind=Scene.DEALING, lines=[line("W0101")], counterparty="五金厂", payments=[{"channel": "pos"}])
    assert made.purpose == Dealing("押金", "五金厂", "陪护床管理规定")
    assert made.split == Split(own_cash_fen=1000)
    assert made.visit == Visit()
    assert made.payments == (Payment("pos", 1000),)


def test_lines_that_cannot_be_read_are_held_against_nothing() -> None:
    checked = check(typed(lines=[line(), line(price="x")], payments=[{"channel": "cash", "amount": "3"}]), CONTEXT)
    assert wheres(checked) == {"lines.1.price"}
    assert (checked.line_amounts, checked.total_fen, checked.paid_fen) == ([1000, None], 1000, 300)
    foreign = {"currency": "USD", "original": "100", "rate": "7"}
    assert wheres(check(typed(Scene.DONATION, [line("J0101", price="x")], **foreign), CONTEXT)) == {"lines.0.price"}


def test_an_anonymous_donor_is_told_nothing_about_a_name() -> None:
    made = settled(kind=Scene.DONATION, lines=[line("J0101")], anonymous="1", payer_name="", payer_kind="")
    assert made.payer == Payer("1", ANONYMOUS)


@pytest.mark.parametrize(("price", "due"), [("712.34", "100"), ("0.07", "0.01"), ("35.62", "5.0003")])
def test_foreign_money_is_rounded_to_the_nearest_fen(price: str, due: str) -> None:
    lines = [line("J0101", price=price)]
    assert settled(kind=Scene.DONATION, lines=lines, currency="USD", original=due, rate="7.1234").split.own_cash_fen


def test_what_is_not_typed_is_nothing() -> None:
    assert settled().split == Split(own_cash_fen=1000)
    assert settled().visit == Visit(org_type="卫生院")
    assert settled(STAY).split == Split(own_cash_fen=1000)
