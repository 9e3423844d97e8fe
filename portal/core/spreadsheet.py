"""Reading an uploaded table (xlsx, csv in UTF-8 or GBK) as texts, with hostile files refused before unpacking.

We read xlsx ourselves: two streams of XML with counted bounds, instead of a library that unpacks what it is given. A
number keeps the digits that Excel shows; what Excel has already rounded (long numbers) is told, not guessed.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from lxml import etree

MOST_BYTES = 5 * 1024 * 1024
MOST_ENTRIES = 200
MOST_UNPACKED = 60 * 1024 * 1024
MOST_RATIO = 200
MOST_ROWS = 20_001
MOST_COLUMNS = 60
MOST_CELLS = MOST_ROWS * MOST_COLUMNS
"""Empty cells count as well: each costs the time to read it."""
MOST_STRINGS = 200_000
MOST_DEPTH = 50
MOST_TEXT = 32_767
"""Excel's own bound of a cell."""

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINKS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_ROW, _C, _V, _F, _T, _SI, _RPH = (f"{_MAIN}{tag}" for tag in ("row", "c", "v", "f", "t", "si", "rPh"))
_NESTED = (".zip", ".xlsx", ".xlsm", ".docx", ".bin", ".7z", ".rar", ".gz")
_CHUNK = 65_536
_DATE_STYLES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats that show a date or time (ECMA-376 §18.8.30)."""


class SheetRefused(ValueError):
    """The file cannot be taken; the text says why, ``remedy`` what to do (Chinese)."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Cell:
    """``kind``: text, number, date, or what is no value: formula, error, long (Excel has rounded its digits).

    ``styled``: a number whose format adds something to its digits, which is not in ``text``.
    """

    kind: str
    text: str


NOTHING = Cell("text", "")


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its number as Excel shows it (in a csv the count of records). ``hidden``: by hand or by a filter."""

    number: int
    cells: tuple[Cell, ...]
    hidden: bool = False


def read(data: bytes, sheet: str = "") -> list[Row]:
    """Return the rows of a table, blank ones left out. ``sheet``: its name in a workbook, else the first.

    Raises :class:`SheetRefused` for anything that is not plainly a table of bearable size.
    """
    if not data:
        raise SheetRefused("文件是空的", "请选择填好的文件")
    if len(data) > MOST_BYTES:
        raise SheetRefused(f"文件超过 {MOST_BYTES // 1024 // 1024} MB", "请分成几个文件导入")
    if data[:4] == b"PK\x03\x04" or data[:2] == b"PK":
        return _Workbook(_archive(data)).rows(sheet)
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise SheetRefused("是旧版 xls 或加密的文件", "请去掉密码，在 Excel 中另存为 xlsx 后再导入")
    return list(_csv(data))


def _unreadable(reason: str = "文件已损坏或不是 Excel 文件") -> SheetRefused:
    return SheetRefused(reason, "请用下载的模板重新填写并保存为 xlsx")


def _archive(data: bytes) -> zipfile.ZipFile:
    """Return the archive, once its directory says that it is small, flat and plain; nothing has been unpacked by
    then."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if end < 0 or len(data) < end + 22:
        raise _unreadable()
    on_disk, entries, size, offset = struct.unpack("<HHII", data[end + 8 : end + 20])
    if on_disk != entries or entries > MOST_ENTRIES or size > MOST_ENTRIES * 1024 or offset + size > end:
        raise _unreadable("压缩包的目录不正常")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, struct.error, RuntimeError) as error:  # the last: a newer version of ZIP
        raise _unreadable() from error
    names, unpacked = set(), 0
    for entry in archive.infolist():
        plain = entry.filename == posixpath.normpath(entry.filename) or entry.is_dir()
        if not plain or entry.filename.startswith(("/", "..")) or "\\" in entry.filename or entry.filename in names:
            raise _unreadable("压缩包中有不正常的路径")
        if entry.flag_bits & 0x1 or entry.external_attr >> 28 == 0xA or entry.compress_type not in (0, 8):
            raise _unreadable("压缩包中有加密或特殊的内容")
        printer = entry.filename.startswith("xl/printerSettings/")
        if entry.filename.lower().endswith(_NESTED) and not printer:
            raise _unreadable("文件中有宏、嵌入对象或另一个压缩包")
        names.add(entry.filename)
        unpacked += entry.file_size
        if entry.file_size > 1_000_000 and entry.file_size > entry.compress_size * MOST_RATIO:
            raise _unreadable("压缩比例不正常")
    if unpacked > MOST_UNPACKED:
        raise _unreadable("解压后过大")
    if "[Content_Types].xml" not in names:
        raise _unreadable()
    return archive


class _Workbook:
    """A checked archive. What an entry really unpacks to is bounded by what its directory entry says.

    The XML is read as a stream of events: no tree is built, so its size costs time only, and that is bounded.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def rows(self, sheet: str) -> list[Row]:
        try:
            path, epoch = self._find(sheet)
            strings = self._parse("xl/sharedStrings.xml", _Strings())
            formats = self._parse("xl/styles.xml", _Styles())
            found: list[Row] = self._parse(path, _Cells(strings or [], formats or [], epoch))
        except SheetRefused:
            raise
        except Exception as error:  # whatever a broken archive or broken XML raises means the same to its sender
            raise _unreadable() from error
        return found

    def _parse(self, path: str, target: _Target) -> Any:
        if path not in self._archive.namelist():
            return None
        parser = etree.XMLParser(
            target=target, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        with self._archive.open(path) as source:
            chunk = source.read(_CHUNK)
            if b"\0" in chunk or b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk:
                raise _unreadable("XML 部分含有文档类型声明")
            while chunk:
                parser.feed(chunk)
                chunk = source.read(_CHUNK)
        return parser.close()

    def _find(self, sheet: str) -> tuple[str, date]:
        """Return the path of the sheet's part, and the day from which Excel counts in this workbook."""
        wanted = ("sheet", "workbookPr")
        elements = self._parse("xl/workbook.xml", _Elements(tuple(_MAIN + tag for tag in wanted))) or []
        counting: dict[str, str] = next((values for tag, values in elements if tag == f"{_MAIN}workbookPr"), {})
        epoch = date(1904, 1, 1) if counting.get("date1904") in ("1", "true") else date(1899, 12, 30)
        sheets = [
            (values.get("name", ""), values.get(f"{_LINKS}id", ""))
            for tag, values in elements
            if tag == f"{_MAIN}sheet" and values.get("state", "visible") == "visible"
        ]
        if not sheets:
            raise _unreadable("工作簿里没有可见的工作表")
        identity = dict(sheets).get(sheet, sheets[0][1])
        relations = self._parse("xl/_rels/workbook.xml.rels", _Elements((f"{_RELATIONS}Relationship",))) or []
        target = next((values.get("Target", "") for _, values in relations if values.get("Id") == identity), "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
        if path not in self._archive.namelist():
            raise _unreadable()
        return path, epoch


class _Target:
    """What lxml tells of the elements as they pass by; how deep they may lie is bounded here."""

    depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise _unreadable("XML 部分嵌套过深")
        self.begin(tag, attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.finish(tag)

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""

    def finish(self, tag: str) -> None:
        """Take its end."""

    def data(self, text: str) -> None:
        """Text inside it."""

    def doctype(self, *_: object) -> None:
        raise _unreadable("XML 部分含有文档类型声明")

    def close(self) -> Any:
        """Return the result."""


class _Elements(_Target):
    """The attributes of some elements."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._tags = tags
        self._found: list[tuple[str, dict[str, str]]] = []

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in self._tags:
            self._found.append((tag, dict(attributes)))
            if len(self._found) > MOST_ENTRIES * 10:
                raise _unreadable()

    def close(self) -> list[tuple[str, dict[str, str]]]:
        return self._found


class _Strings(_Target):
    """The shared strings, phonetic guides left out."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._parts: list[str] = []
        self._inside = self._guide = False

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == _T:
            self._inside = not self._guide
        elif tag == _RPH:
            self._guide = True

    def data(self, text: str) -> None:
        if self._inside:
            self._parts.append(text)

    def finish(self, tag: str) -> None:
        if tag == _T:
            self._inside = False
        elif tag == _RPH:
            self._guide = False
        elif tag == _SI:
            self._found.append(_text(self._parts))
            self._parts = []
            if len(self._found) > MOST_STRINGS:
                raise _unreadable("不同的文字太多")

    def close(self) -> list[str]:
        return self._found


@dataclass(frozen=True, slots=True)
class _Format:
    """How a number is shown: as a date, with at least so many ``digits``, with something besides its digits."""

    dated: bool = False
    digits: int = 0
    styled: bool = False

    @classmethod
    def of(cls, code: str) -> _Format:
        """Read a format code; of its sections the first, which is that of positive numbers."""
        if re.search("[ymdYMD年月日]", re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", code)):
            return cls(dated=True)
        first = re.sub(r"\[[^\]]*\]|[_*].", "", code.partition(";")[0]).replace("G/通用格式", "General")
        if re.fullmatch("0{2,}", first):
            return cls(digits=len(first))
        return cls(styled=re.fullmatch(r"General|@|[#0?,.]*", first) is None)


_DATED, _PLAIN = _Format(dated=True), _Format()


class _Styles(_Target):
    """By style number: how a number is shown in it."""

    def __init__(self) -> None:
        self._custom: dict[str, _Format] = {}
        self._found: list[_Format] = []
        self._inside = False

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == f"{_MAIN}numFmt":
            self._custom[attributes.get("numFmtId", "")] = _Format.of(attributes.get("formatCode", ""))
        elif tag == f"{_MAIN}cellXfs":
            self._inside = True
        elif tag == f"{_MAIN}xf" and self._inside:
            number = attributes.get("numFmtId", "0")
            built_in = _DATED if number.isdigit() and int(number) in _DATE_STYLES else _PLAIN
            self._found.append(self._custom.get(number, built_in))
        if len(self._found) + len(self._custom) > 100_000:
            raise _unreadable()

    def finish(self, tag: str) -> None:
        if tag == f"{_MAIN}cellXfs":
            self._inside = False

    def close(self) -> list[_Format]:
        return self._found


class _Cells(_Target):
    """The rows of a sheet that have something in them."""

    def __init__(self, strings: list[str], formats: list[_Format], epoch: date) -> None:
        self._strings, self._formats, self._epoch = strings, formats, epoch
        self._rows: list[Row] = []
        self._cells: dict[int, Cell] = {}
        self._number = self._counted = self._column = 0
        self._kind = self._style = ""
        self._parts: list[str] = []
        self._inside = self._formula = self._hidden = False

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in (_V, _T):
            self._inside = True
        elif tag == _C:
            self._counted += 1
            if self._counted > MOST_CELLS:
                raise SheetRefused("表格过大", "请删除多余的行和列，或分成几个文件导入")
            self._column = _column(attributes.get("r", ""), self._column + 1)
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._parts, self._formula = [], False
        elif tag == _F:
            self._formula = True
        elif tag == _ROW:
            self._number = int(attributes.get("r") or self._number + 1)
            self._cells, self._column = {}, -1
            self._hidden = attributes.get("hidden") in ("1", "true")

    def data(self, text: str) -> None:
        if self._inside:
            self._parts.append(text)

    def finish(self, tag: str) -> None:
        if tag in (_V, _T):
            self._inside = False
        elif tag == _C:
            cell = self._cell()
            if cell.text or cell.kind == "formula":
                _check_width(self._column + 1)
                self._cells[self._column] = cell
        elif tag == _ROW and self._cells:
            cells = tuple(self._cells.get(at, NOTHING) for at in range(max(self._cells) + 1))
            self._rows.append(Row(self._number, cells, self._hidden))
            _check_length(len(self._rows))

    def close(self) -> list[Row]:
        return self._rows

    def _cell(self) -> Cell:
        text = "".join(self._parts)
        if self._formula:
            return Cell("formula", text[:100])
        if not text:
            return NOTHING
        if self._kind == "s":
            return Cell("text", self._strings[int(text)])
        if self._kind in ("inlineStr", "str", "d"):
            return Cell("text", _text([text]))
        if self._kind == "b":
            return Cell("text", "是" if text == "1" else "否")
        number = None if self._kind == "e" else shown(text)
        if number is None:
            return Cell("error", text[:20])
        style = int(self._style)
        how = self._formats[style] if style < len(self._formats) else _PLAIN
        if how.dated:
            return Cell("date", day_of_serial(number, self._epoch))
        plain = format(number, "f")
        if len(plain.lstrip("-").partition(".")[0]) > 15:
            return Cell("long", plain)
        return Cell("styled" if how.styled else "number", plain.zfill(how.digits) if plain.isdigit() else plain)


def _check_width(columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise SheetRefused(f"多于 {MOST_COLUMNS} 列", "请使用下载的模板，不要增加列")


def _check_length(rows: int) -> None:
    if rows > MOST_ROWS:
        raise SheetRefused(f"多于 {MOST_ROWS - 1:,} 行", "请分成几个文件导入")


def shown(text: str) -> Decimal | None:
    """Return the number as Excel shows it: 15 significant digits, without trailing zeros; ``None`` for what is none."""
    try:
        number = Context(prec=15).create_decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 40:
        return None
    return number.normalize() if number else Decimal(0)


def day_of_serial(number: Decimal, epoch: date = date(1899, 12, 30)) -> str:
    """Excel's day count → ISO text; the number itself when it is no day of this age."""
    days = int(number)
    return (epoch + timedelta(days=days)).isoformat() if 1 <= days <= 73_050 else format(number, "f")


_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
"""How OOXML writes characters that XML has not (ECMA-376 §22.9.2.19)."""


def _text(parts: list[str]) -> str:
    text = "".join(parts)
    if len(text) > MOST_TEXT * 7:
        raise _unreadable("单元格的文字过长")
    if "_x" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return text


def _column(reference: str, place: int) -> int:
    letters = reference.rstrip("0123456789")
    if not letters:
        return place
    if len(letters) > 3 or not (letters.isascii() and letters.isupper()):
        raise _unreadable()
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _csv(data: bytes) -> Iterator[Row]:
    text = _decoded(data)
    first = text.partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    cells = rows = 0
    try:
        records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for number, record in enumerate(records, 1):
            cells += len(record)
            if number > MOST_ROWS * 2 or cells > MOST_CELLS or len(record) > MOST_COLUMNS * 4:
                raise SheetRefused("表格过大", "请分成几个文件导入")
            while record and not record[-1].strip():
                record.pop()
            if record:
                rows += 1
                _check_length(rows)
                _check_width(len(record))
                yield Row(number, tuple(Cell("text", field) for field in record))
    except csv.Error as error:
        raise SheetRefused("csv 的引号或分隔不完整", "请在 Excel 中另存为 xlsx 后再导入") from error


def _decoded(data: bytes) -> str:
    """UTF-8 with or without mark, else GB 18030 (which GBK is a part of); anything binary is refused."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SheetRefused("不是 xlsx，也不是 UTF-8 或 GBK 的 csv", "请使用下载的模板，保存为 xlsx")
