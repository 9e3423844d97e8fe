"""Reading uploaded tables: what was written is what is read; hostile files are refused before unpacking."""

from __future__ import annotations

import contextlib
import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from datetime import date

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core import spreadsheet
from portal.core.spreadsheet import MOST_COLUMNS, MOST_ROWS, Cell, SheetRefused, read

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=20
).filter(lambda text: "_x" not in text)
VALUES = st.one_of(
    st.none(),
    TEXT,
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.decimals(-(10**9), 10**9, places=2, allow_nan=False),
    st.dates(date(1900, 3, 1), date(2099, 12, 31)),
)


def book(rows: list[list[object]]) -> bytes:
    made = openpyxl.Workbook()
    for number, values in enumerate(rows, 1):
        for place, value in enumerate(values, 1):
            cell = made.active.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = "s"
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def expected(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(
        "-0", "0" if text.strip("-0.") == "" else "-0"
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=8))
def test_what_is_written_is_read(rows: list[list[object]]) -> None:
    found = {row.number: row for row in read(book(rows))}
    for number, values in enumerate(rows, 1):
        texts = [cell.text for cell in found[number].cells] if number in found else []
        texts += [""] * (len(values) - len(texts))
        assert texts == [expected(value) for value in values]


def test_kinds_of_cells() -> None:
    cells = read(book([[date(2026, 11, 24), 440101199001011234, 0.1 + 0.2, True, "=1+1"]]))[0].cells
    assert cells[0] == Cell("date", "2026-11-24")
    assert cells[1].kind == "long"
    assert cells[2] == Cell("number", "0.3")
    assert cells[3] == Cell("text", "是")
    assert cells[4] == Cell("text", "=1+1"), "a text that begins with = is a text"
    formula = openpyxl.Workbook()
    formula.active.append(["=1+1"])
    out = io.BytesIO()
    formula.save(out)
    assert read(out.getvalue())[0].cells[0].kind == "formula"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_csv_of_every_encoding(encoding: str) -> None:
    rows = read('姓名,金额\r\n林演安,"1,234.50"\r\n,\r\n=1+1,2\r\n'.encode(encoding))
    assert [[cell.text for cell in row.cells] for row in rows] == [
        ["姓名", "金额"],
        ["林演安", "1,234.50"],
        ["=1+1", "2"],
    ]
    assert rows[2].number == 4


@pytest.mark.parametrize(
    ("value", "number_format", "cell"),
    [
        (1234, "00000000", Cell("number", "00001234")),
        (1234, "0", Cell("number", "1234")),
        (1234, "0_ ", Cell("number", "1234")),
        (1234, "#,##0.00_);[Red]\\(#,##0.00\\)", Cell("number", "1234")),
        (1234, "[DBNum1][$-804]General", Cell("number", "1234")),
        (1234, '"MZ"000000', Cell("styled", "1234")),
        (1234, "000-0000", Cell("styled", "1234")),
        (46387, '[$-804]yyyy"年"m"月"d"日";@', Cell("date", "2026-12-31")),
        (46387.4, "yyyy/m/d h:mm", Cell("date", "2026-12-31")),
    ],
)
def test_a_number_is_read_as_its_format_shows_it(value: float, number_format: str, cell: Cell) -> None:
    made = openpyxl.Workbook()
    made.active.append([value])
    made.active.cell(1, 1).number_format = number_format
    out = io.BytesIO()
    made.save(out)
    assert read(out.getvalue())[0].cells == (cell,)


def test_rows_that_excel_hides_are_named() -> None:
    made = openpyxl.Workbook()
    for number in range(1, 4):
        made.active.append([number])
    made.active.row_dimensions[2].hidden = True
    out = io.BytesIO()
    made.save(out)
    assert [(row.number, row.hidden) for row in read(out.getvalue())] == [(1, False), (2, True), (3, False)]


def test_what_is_promised_is_read_and_more_is_refused_whole() -> None:
    line = "," * 31
    promised = "头\n" + f"甲{line}\n" * (MOST_ROWS - 1)
    assert len(read(promised.encode())) == MOST_ROWS
    with pytest.raises(SheetRefused, match="20,000 行"):
        read(f"{promised}乙\n".encode())
    with pytest.raises(SheetRefused, match="60 列"):
        read(("甲" + "," * MOST_COLUMNS + "乙\n").encode())
    empty = '<c s="0"/>' * 31
    rows = f"<row><c><v>1</v></c>{empty}</row>" * MOST_ROWS
    assert len(read(with_sheet(f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"))) == MOST_ROWS


def archive(entries: dict[str, bytes], **more: object) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in more.items():
                setattr(info, key, value)
            made.writestr(info, data)
    return out.getvalue()


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


WHOLE = book([["a"]])
PLAIN = parts(WHOLE)
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def with_sheet(xml: str, **strings: str) -> bytes:
    changed = PLAIN | {"xl/worksheets/sheet1.xml": xml.encode()}
    if "shared" in strings:
        changed["xl/sharedStrings.xml"] = strings["shared"].encode()
    return archive(changed)


def lying() -> bytes:
    """An entry whose directory says 10 bytes and which unpacks to 50 MB."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(b"\0" * 50_000_000) + bomb.flush()
    data = bytearray(archive(PLAIN | {"xl/styles.xml": b"x" * 10}))
    name = b"xl/styles.xml"
    local = data.index(name) - 30
    size = struct.unpack("<I", data[local + 18 : local + 22])[0]
    start = local + 30 + len(name)
    data[start : start + size] = packed
    for place in (local + 18, data.rindex(name) - 26):
        data[place : place + 4] = struct.pack("<I", len(packed))
    end = data.rindex(b"PK\x05\x06")
    grown = len(packed) - size
    data[end + 16 : end + 20] = struct.pack("<I", struct.unpack("<I", data[end + 16 : end + 20])[0] + grown)
    return bytes(data)


def many_entries() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(10_000):
            made.writestr(f"{number}", b"")
    return out.getvalue()


ENTITIES = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
HOSTILE = {
    "ten gigabytes": lambda: archive(PLAIN | {"xl/media/a": b"\0" * 40_000_000, "xl/media/b": b"\0" * 40_000_000}),
    "steep ratio": lambda: archive(PLAIN | {"xl/media/a": b"\0" * 5_000_000}),
    "lying size": lying,
    "10,000 entries": many_entries,
    "upwards": lambda: archive(PLAIN | {"../../etc/passwd": b"x"}),
    "absolute": lambda: archive(PLAIN | {"/etc/passwd": b"x"}),
    "backslash": lambda: archive(PLAIN | {"xl\\..\\..\\a": b"x"}),
    "symlink": lambda: archive(PLAIN, external_attr=0o120777 << 16),
    "nested": lambda: archive(PLAIN | {"xl/embeddings/a.xlsx": b"PK"}),
    "macro": lambda: archive(PLAIN | {"xl/vbaProject.bin": b"x"}),
    "half a file": lambda: book([["a"]])[:-30],
    "not a workbook": lambda: archive({"a.txt": b"x"}),
    "old excel": lambda: b"\xd0\xcf\x11\xe0" + b"\0" * 100,
    "binary": lambda: bytes(range(256)) * 10,
    "empty": lambda: b"",
    "too large": lambda: b"a," * 3_000_000,
    "xxe": lambda: with_sheet(
        f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><worksheet {MAIN}>&f;</worksheet>'
    ),
    "laughs": lambda: with_sheet(f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]><worksheet {MAIN}>&e9;</worksheet>'),
    "late doctype": lambda: with_sheet(f"<?xml version='1.0'?><!--{'x' * 70_000}--><!DOCTYPE x><worksheet {MAIN}/>"),
    "utf-16": lambda: archive(PLAIN | {"xl/worksheets/sheet1.xml": f"<worksheet {MAIN}/>".encode("utf-16")}),
    "deep": lambda: with_sheet(f"<worksheet {MAIN}>" + "<a>" * 100_000 + "</a>" * 100_000 + "</worksheet>"),
    "a million cells": lambda: with_sheet(
        f"<worksheet {MAIN}><sheetData><row>" + "<c><v>1</v></c>" * 1_000_000 + "</row></sheetData></worksheet>"
    ),
    "a million strings": lambda: with_sheet(
        f"<worksheet {MAIN}/>", shared=f"<sst {MAIN}>" + "<si><t>x</t></si>" * 1_000_000 + "</sst>"
    ),
    "wide": lambda: with_sheet(
        f'<worksheet {MAIN}><sheetData><row><c r="XFD1"><v>1</v></c></row></sheetData></worksheet>'
    ),
    "string out of range": lambda: with_sheet(
        f'<worksheet {MAIN}><sheetData><row><c t="s"><v>99</v></c></row></sheetData></worksheet>'
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_quickly_and_in_little_memory(name: str) -> None:
    data = HOSTILE[name]()
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(SheetRefused) as refused:
        read(data)
    spent = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.remedy
    assert peak < 100_000_000
    assert spent < 5  # traced memory slows a thousandfold of small objects; without it all are under one second


def test_encrypted_entries_are_refused() -> None:
    data = bytearray(archive(PLAIN))
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    with pytest.raises(SheetRefused):
        read(bytes(data))


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, b"PK\x03\x04" + data, WHOLE[:-22] + data):
        with contextlib.suppress(SheetRefused):
            assert all(row.cells for row in read(candidate))


def test_the_bounds_are_those_of_the_check() -> None:
    assert spreadsheet.MOST_BYTES <= 5 * 1024 * 1024 and spreadsheet.MOST_UNPACKED <= 60 * 1024 * 1024
