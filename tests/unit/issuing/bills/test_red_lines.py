"""A red bill is its original with the signs turned, and names it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from portal.domain.documents.bill import AuxItem, BillDocument, InvoicingParty, Item, MedicalExt, PayerParty, Seal
from portal.issuing.bills.red_lines import Heading, document, serial_of, turned

SEAL = Seal("a" * 32, "财务专用章", "b" * 64)
ORIGINAL = BillDocument(
    name="门诊票据",
    code="99060126",
    number="0000000412",
    check_code="a1b2c3",
    specimen_code="S1",
    area_code="440000",
    total_fen=12850,
    issued_at=datetime(2026, 1, 15, tzinfo=UTC),
    unit=InvoicingParty("U1", "样板卫生院"),
    payer=PayerParty("1", "林演安", "000000195203150010"),
    serial="OP1",
    cashier="收费员甲",
    checker="复核员乙",
    ext=MedicalExt(
        business_date=date(2026, 1, 15),
        patient_number="MZ1",
        fund_pay_fen=8000,
        own_pay_fen=4850,
        prepay_fen=None,
        refund_fen=300,
        extras=(("个人自负", "3.00"), ("个人账户余额", "9.00"), ("病区", "三病区")),
    ),
    items=(
        Item("01", "诊察费", 2000, 1_000_000, "次", 20_000_000, "复诊"),
        Item("02", "西药费", 10850),
    ),
    aux_items=(
        AuxItem("02", "西药费", "Y1", "布洛芬", 108_500_000, 2_000_000, "盒", 54_250_000, "0.3g", "乙类"),
        AuxItem("01", "诊察费", "Z1", "诊查", 20_000_000),
    ),
    remark="备注一",
    supervisor_remark="监制备注",
    unit_seal=SEAL,
    tag="CZ-EI-99",
)
HEADING = Heading("44060127", "门诊票据（红）", "S2", "收费员丁", "复核员戊")


def test_a_red_bill_is_its_original_with_the_signs_turned() -> None:
    assert document(ORIGINAL, HEADING, "退费") == replace(
        ORIGINAL,
        name="门诊票据（红）",
        code="44060127",
        number="",
        check_code="",
        specimen_code="S2",
        total_fen=-12850,
        serial="CH-99060126-0000000412",
        cashier="收费员丁",
        checker="复核员戊",
        ext=MedicalExt(
            business_date=date(2026, 1, 15),
            patient_number="MZ1",
            fund_pay_fen=-8000,
            own_pay_fen=-4850,
            prepay_fen=None,
            refund_fen=-300,
            related_code="99060126",
            related_number="0000000412",
            extras=(("个人自负", "-3.00"), ("个人账户余额", "9.00"), ("病区", "三病区")),
        ),
        items=(
            Item("01", "诊察费", -2000, -1_000_000, "次", 20_000_000, "复诊"),
            Item("02", "西药费", -10850),
        ),
        aux_items=(
            AuxItem("02", "西药费", "Y1", "布洛芬", -108_500_000, -2_000_000, "盒", 54_250_000, "0.3g", "乙类"),
            AuxItem("01", "诊察费", "Z1", "诊查", -20_000_000),
        ),
        remark="冲红原票 99060126 0000000412，原因：退费",
        supervisor_remark="",
        tag="CZ-EI-44",
    )


def test_without_a_checker_of_its_own_it_has_that_of_the_original() -> None:
    assert document(ORIGINAL, replace(HEADING, checker=""), "退费").checker == "复核员乙"


def test_an_original_has_one_serial_of_its_red_bill() -> None:
    assert serial_of("99060126", "0000000412") == "CH-99060126-0000000412"


@pytest.mark.parametrize(
    ("column", "value", "red"),
    [
        ("amount_fen", 100, -100),
        ("amount_fen", 0, 0),
        ("self_fen", None, None),
        ("quantity_micro", 5, -5),
        ("amount_micro", -5, 5),
        ("original_micro", 7, -7),
        ("price_micro", 9, 9),
        ("rate_micro", 9, 9),
        ("sort_no", 3, 3),
        ("name", "诊察费", "诊察费"),
    ],
)
def test_amounts_and_quantities_of_a_row_turn_and_prices_stay(column: str, value: object, red: object) -> None:
    assert turned({"line": 1, column: value}) == {"line": 1, column: red}
