"""Batch files for tests: rows by column name, written as people's programs write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import openpyxl

from portal.issuing.manual.batch_file import COLUMNS, SHEET

TITLES = [column.title for column in COLUMNS]
NAMES = [column.name for column in COLUMNS]


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A good outpatient bill of one line, 12.50 yuan."""
    return {
        "order": "1",
        "serial": f"MZ{number:06d}",
        "kind": "医疗门诊收费票据",
        "payer_kind": "个人",
        "payer_name": "林演安",
        "id_no": "000000195203150010",
        "phone": "10000000001",
        "business_day": "",
        "code": "Y0002",
        "quantity": 1,
        "price": 12.5,
        "amount": 12.5,
        "channel": "微信",
    } | changes


def bad_row(number: int) -> dict[str, Any]:
    """One of a few ways in which people get a row wrong."""
    wrong: Sequence[Mapping[str, Any]] = (
        {"amount": 12.6},
        {"payer_name": ""},
        {"code": "没有"},
        {"id_no": "000000195203150011"},
        {"channel": "比特币"},
    )
    return row(number, **wrong[number % len(wrong)])


def xlsx(rows: Iterable[Mapping[str, Any]], titles: Sequence[str] = TITLES) -> bytes:
    """The rows as a workbook with one sheet."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(SHEET)
    sheet.append(titles)
    for found in rows:
        sheet.append([found.get(name) for name in NAMES])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def csv_file(rows: Iterable[Mapping[str, Any]], encoding: str) -> bytes:
    """The rows as csv."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(TITLES)
    writer.writerows([found.get(name, "") for name in NAMES] for found in rows)
    return out.getvalue().encode(encoding)
