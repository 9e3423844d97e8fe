"""Stamped bills: against WeasyPrint's own rendering of the same form, and as other programs read them."""

from __future__ import annotations

import io
import re
import subprocess
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import pypdf
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter

from portal.demo.settings import BANNER
from portal.domain.banner import Banner
from portal.domain.documents.bill import BillDocument
from portal.rendering import qr
from portal.rendering.papers import numbered_form
from portal.rendering.pdf import compiled, fonts
from portal.rendering.pdf.contents import FORMS, FURTHER, LIST, Look
from portal.rendering.pdf.face import FaceRenderer
from portal.rendering.pdf.glyphs import Uncovered
from portal.rendering.pdf.templates import Imprint
from tests.factories import faces

SEAL, SUPERVISION = "演示医院收费专用章", "演示监制章"
RENDERER = FaceRenderer(BANNER)
XML = b"<EInvoice>" + Random(1).randbytes(2048).hex().encode() + b"</EInvoice>"
"""About as much as a signed bill is, once deflated."""
SUPERVISED = Look("supervised", True)
TOLERANCE = 0.75
"""Points by which a letter may stand elsewhere than WeasyPrint sets it: a pixel of CSS."""


def stamped(document: BillDocument, look: Look = SUPERVISED) -> bytes:
    return RENDERER.stamped(document, look, qr_text=faces.LINK, xml=XML)


def run(*command: str, data: bytes, folder: Path) -> str:
    """A program's output for a PDF; ``{}`` in the command is the file. Fails with the program."""
    file = folder / "bill.pdf"
    file.write_bytes(data)
    words = [part.replace("{}", str(file)) for part in command]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def pages(data: bytes, scale: float = 1.5) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(data)
    try:
        return [document[place].render(scale=scale).to_pil().convert("RGB") for place in range(len(document))]
    finally:
        document.close()


DOCUMENTS = {
    "outpatient": (faces.outpatient(), SUPERVISED),
    "waiting": (faces.named("王" + faces.RARE), Look("issued", False)),
    "inpatient": (faces.inpatient(12, 40), Look("reversed", True)),
    "red": (replace(faces.red(faces.outpatient(4, 30)), remark="冲红"), SUPERVISED),
}


@cache
def plain(name: str) -> bytes:
    """The oracle's rendering of a document; half a second each."""
    document, look = DOCUMENTS[name]
    return RENDERER.plain(document, look, qr_text=faces.LINK, xml=XML)


@pytest.mark.parametrize("banner", [BANNER, Banner()], ids=["demo", "production"])
@pytest.mark.parametrize("form", [*FORMS, LIST, FURTHER])
def test_every_form_compiles_and_knows_its_slots(form: str, banner: Banner) -> None:
    page = compiled.page(form, Imprint(banner, SEAL, SUPERVISION))
    keys = [item.key for item in page.items if isinstance(item, compiled.Slot)]
    assert len(keys) == len(set(keys))
    assert {"code", "number", "payer", "unit"} <= set(keys)
    assert {"cell.0.name", "further.0.name"} & set(keys)
    for item in page.items:
        if isinstance(item, compiled.Slot):
            left, bottom, right, top = item.box
            assert 0 <= left < right <= page.width + 0.01 and 0 <= bottom < top <= page.height + 0.01, item


def test_the_demo_says_so_and_the_rest_does_not(tmp_path: Path) -> None:
    real = FaceRenderer(Banner()).stamped(faces.inpatient(), SUPERVISED, qr_text=faces.LINK, xml=XML)
    assert "演示数据" not in run("pdftotext", "{}", "-", data=real, folder=tmp_path)
    sheets = run("pdftotext", "{}", "-", data=stamped(faces.inpatient()), folder=tmp_path).split("\f")[:-1]
    assert len(sheets) == 4
    assert all("演示数据" in sheet for sheet in sheets)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_letter_stands_where_weasyprint_sets_it(name: str) -> None:
    """As pdfium reads them, and no letter more or less."""
    letters = [sorted(_letters(data)) for data in (plain(name), stamped(*DOCUMENTS[name]))]
    assert len(letters[0]) > 200
    assert [letter[:2] for letter in letters[0]] == [letter[:2] for letter in letters[1]]
    matched = _match(letters[0], letters[1])
    assert matched == len(letters[0])
    moved = [(page, char, x + 2, y) for page, char, x, y in letters[1]]
    assert _match(letters[0], moved) < matched / 2, "the comparison must be able to fail"


def _letters(data: bytes) -> list[tuple[int, str, float, float]]:
    document = pypdfium2.PdfDocument(data)
    found = []
    try:
        for number in range(len(document)):
            text = document[number].get_textpage()
            for place in range(text.count_chars()):
                char = text.get_text_range(place, 1)
                if char.strip():
                    left, bottom, _, _ = text.get_charbox(place, loose=False)
                    found.append((number, char, left, bottom))
    finally:
        document.close()
    return found


def _match(oracle: list[tuple[int, str, float, float]], ours: list[tuple[int, str, float, float]]) -> int:
    """How many letters have their like within the tolerance."""
    places: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for page, char, x, y in ours:
        places.setdefault((page, char), []).append((x, y))
    return sum(
        any(abs(x - a) <= TOLERANCE and abs(y - b) <= TOLERANCE for a, b in places.get((page, char), ()))
        for page, char, x, y in oracle
    )


def _difference(left: Image.Image, right: Image.Image) -> float:
    """Share of pixels that differ clearly, a pixel's shift and smoothing forgiven."""
    blurred = [picture.convert("L").filter(ImageFilter.BoxBlur(1)) for picture in (left, right)]
    histogram = ImageChops.difference(*blurred).histogram()
    return sum(histogram[48:]) / sum(histogram)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_pages_look_like_the_oracle(name: str) -> None:
    """Fewer than 0.2 % of the pixels (pdfium, 108 dpi) differ clearly; another bill's page differs by more."""
    document, look = DOCUMENTS[name]
    oracle, ours = pages(plain(name)), pages(stamped(document, look))
    assert [page.size for page in oracle] == [page.size for page in ours]
    differences = [_difference(*pair) for pair in zip(oracle, ours, strict=True)]
    assert max(differences) < 0.002, differences
    other = pages(stamped(faces.named("另一个人", replace(document, items=document.items[:1])), look))
    assert _difference(oracle[0], other[0]) > 0.002, "the comparison must be able to fail"


@pytest.mark.parametrize("items", [1, 10, 11, 200])
@pytest.mark.parametrize("form", ["outpatient", "inpatient"])
def test_any_number_of_lines_is_all_there(form: str, items: int, tmp_path: Path) -> None:
    """Details that have no room on the face fill list pages, 34 a page, in their order."""
    document = faces.outpatient(3, items) if form == "outpatient" else faces.inpatient(3, items)
    data = stamped(document)
    assert run("qpdf", "--check", "{}", data=data, folder=tmp_path)
    sheets = run("pdftotext", "-raw", "{}", "-", data=data, folder=tmp_path).split("\f")[:-1]
    listed = form == "inpatient" or items > 16
    assert len(sheets) == 1 + (-(-items // 34) if listed else 0)
    text, position = "".join(map(squeezed, sheets[1:] if listed else sheets)), 0
    for row in document.aux_items:
        position = text.index(squeezed(row.name + row.spec), position) + 1
    for place, sheet in enumerate(sheets[1:], 1):
        assert f"第{place}页，共{len(sheets) - 1}页" in squeezed(sheet)
        assert document.payer.name in sheet and document.number in sheet


def test_categories_without_room_on_the_face_go_to_the_list(tmp_path: Path) -> None:
    document = faces.outpatient(25, 3)
    face, listing, _ = run("pdftotext", "-raw", "{}", "-", data=stamped(document), folder=tmp_path).split("\f")
    assert "13.33" in face
    for item in document.items[19:]:
        assert f"{item.amount_fen / 100:.2f}" not in face
        assert f"{item.amount_fen / 100:.2f}" in listing
    rest = sum(item.amount_fen for item in document.items[19:])
    assert "其余6项（见电子票据清单）" in squeezed(face) and f"{rest / 100:.2f}" in face


@pytest.mark.parametrize("more", [0, 1, 6, 60])
@pytest.mark.parametrize("form", ["outpatient", "inpatient"])
def test_other_information_without_room_on_the_face_goes_to_a_further_page(
    form: str, more: int, tmp_path: Path
) -> None:
    document = getattr(faces, form)(3, 3)
    extras = tuple((f"补充{number:02d}", f"{number}号内容{100 + number}.00") for number in range(more))
    long = ("大病保险说明", "补偿说明" * 40 + "完")
    document = replace(document, ext=replace(document.ext, extras=(long, *extras)))
    sheets = list(
        map(squeezed, run("pdftotext", "-raw", "{}", "-", data=stamped(document), folder=tmp_path).split("\f"))
    )
    face, further = sheets[0], "".join(sheets[1:])
    for label, value in extras:
        assert (f"{label}：{value}" in face) != (f"{label}{value}" in further)
    assert "补偿说明" * 40 + "完" in further.replace("\n", ""), "what the face cuts stands whole behind it"
    left = sum(f"{label}{value}" in further for label, value in extras)
    assert (f"其余：{left}项见电子票据续页" in face) == (left > 0)


def test_the_reading_order_is_that_of_the_form(tmp_path: Path) -> None:
    """Title, head, table, total, other information, foot, note: for poppler and for MuPDF."""
    order = [
        "广东省医疗门诊收费票据（电子）",
        "票据代码：99060126",
        "票据号码：8000000001",
        "交款人统一社会信用代码：000000********0011",
        "校验码：0a1b2c",
        "交款人：测试甲",
        "开票日期：2026-01-05",
        "项目名称",
        "诊察费",
        "以下是清单项",
        "阿莫西林胶囊",
        "金额合计（大写）",
        "肆拾贰元贰角贰分",
        "（小写）42.22",
        "业务流水号：MZ202601050001",
        "门诊号：M000001",
        "医疗机构类型：综合医院",
        "医保统筹基金支付：60.00",
        "收款单位（章）：示例市人民医院",
        "复核人：复核员一",
        "收款人：收费员一",
        "本电子票据",
    ]
    data = stamped(faces.outpatient())
    for command in (("pdftotext", "-raw", "{}", "-"), ("mutool", "draw", "-q", "-F", "txt", "{}")):
        text, position = squeezed(run(*command, data=data, folder=tmp_path)), 0
        for part in order:
            assert part in text[position:], (command[0], part)
            position = text.index(part, position)


@pytest.mark.parametrize(
    ("look", "negative", "mark"),
    [
        (Look("issued", False), False, "待监制"),
        (Look("uploaded", False), False, "待监制"),
        (Look("reversed", True), False, "已冲红"),
        (Look("supervised", True, exchanged=True), False, "已换开"),
        (SUPERVISED, True, "红票"),
        (SUPERVISED, False, ""),
    ],
)
def test_the_state_is_written_across_the_face(look: Look, negative: bool, mark: str, tmp_path: Path) -> None:
    document = faces.red(faces.outpatient()) if negative else faces.outpatient()
    text = run("mutool", "draw", "-q", "-F", "txt", "{}", data=stamped(document, look), folder=tmp_path)
    for word in ("待监制", "已冲红", "已换开", "红票"):
        assert (word in squeezed(text)) == (word == mark)
    assert ("示例省财政厅监制章" in text) == look.supervised
    plain = run("pdftotext", "{}", "-", data=stamped(document, look), folder=tmp_path)
    assert "演示印章" in plain and "章\n" not in plain.replace("印章\n", "").replace("监制章\n", ""), (
        "the arc is silent"
    )
    if negative:
        assert "-42.22" in text and "负肆拾贰元" in text and "原票据代码99060126" in squeezed(text)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("draw", ["stamped", "plain", "paper"])
def test_the_insurance_number_shows_its_last_four(draw: str, whole: bool, tmp_path: Path) -> None:
    """Features §4.3. A setting shows it whole."""
    document = faces.outpatient()
    document = replace(document, ext=replace(document.ext, insurance_id="TESTYB000123"))
    look = Look("supervised", True, insurance_whole=whole)
    if draw == "paper":
        data = numbered_form.pdf(
            [numbered_form.PaperPrint(document, "1", "甲")],
            numbered_form.Offset(),
            banner=BANNER,
            insurance_whole=whole,
        )
    else:
        data = getattr(RENDERER, draw)(document, look, qr_text=faces.LINK, xml=b"<none/>")
    text = squeezed(run("pdftotext", "-raw", "{}", "-", data=data, folder=tmp_path))
    assert ("TESTYB000123" in text) == whole
    assert ("********0123" in text) != whole
    assert b"TESTYB" not in data or whole, "nor anywhere else in the file"


@pytest.mark.parametrize(
    "name", [f"王{faces.RARE}", f"李{faces.RAREST}", "阿卜杜拉·吐尔逊", "O’Brien-李 Å", "⼀一⼆二"]
)
def test_rare_names_are_drawn_and_found(name: str, tmp_path: Path) -> None:
    """Also two characters that share one glyph: each is found as itself. MuPDF reads the same."""
    assert fonts.missing(name) == ""
    data, base = stamped(faces.named(name)), pages(stamped(faces.named("")))[0]
    for command in (("pdftotext", "-raw", "{}", "-"), ("mutool", "draw", "-q", "-F", "txt", "{}")):
        assert squeezed(name) in squeezed(run(*command, data=data, folder=tmp_path))
    drawn = ImageChops.difference(pages(data)[0], base).getbbox()
    assert drawn is not None and drawn[2] - drawn[0] > 8 * len(name) * 0.6


def _drawable(char: str) -> bool:
    """In GB 18030, drawn by a font, and not one that poppler composes with its neighbour or reads from the right."""
    left_to_right = unicodedata.bidirectional(char) not in ("R", "AL", "AN")
    return left_to_right and not fonts.missing(char) and not char.isspace()


GB_18030 = st.characters(
    codec="gb18030", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me", "Zs", "Zl", "Zp")
)


@given(st.lists(st.text(GB_18030.filter(_drawable), min_size=1, max_size=12), min_size=1, max_size=12))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_text_of_gb_18030_is_found_in_the_file(tmp_path: Path, names: list[str]) -> None:
    document = faces.outpatient(len(names), 0)
    items = tuple(replace(item, name=name) for item, name in zip(document.items, names, strict=True))
    text = squeezed(run("pdftotext", "-raw", "{}", "-", data=stamped(replace(document, items=items)), folder=tmp_path))
    for name in names:
        assert name in text


def test_endless_texts_are_cut_but_found(tmp_path: Path) -> None:
    document = faces.endless()
    text = squeezed(run("pdftotext", "-raw", "{}", "-", data=stamped(document), folder=tmp_path))
    for whole in (document.payer.name, document.serial, document.unit.name, document.items[0].name):
        assert squeezed(whole) in text
    assert "-987654321098.76" in text


def test_control_characters_become_spaces(tmp_path: Path) -> None:
    data = stamped(faces.named("甲\n乙\t丙\x85丁"))
    assert "甲乙丙丁" in squeezed(run("pdftotext", "-raw", "{}", "-", data=data, folder=tmp_path))


def test_the_code_is_the_link_module_by_module() -> None:
    """Sampled in a rendering at 600 dpi; the margin around it is white."""
    page = compiled.page("outpatient", Imprint(BANNER, SEAL, SUPERVISION))
    (place,) = (item for item in page.items if isinstance(item, compiled.Slot) and item.key == "qr")
    scale = 600 / 72
    picture = pages(stamped(faces.outpatient()), scale)[0].convert("L")
    modules = qr.matrix(faces.LINK)
    step = (place.box[2] - place.box[0]) / (len(modules) + 2)
    for row in range(-1, len(modules) + 1):
        for column in range(-1, len(modules) + 1):
            x = (place.box[0] + (column + 1.5) * step) * scale
            y = (page.height - place.box[3] + (row + 1.5) * step) * scale
            inside = 0 <= row < len(modules) and 0 <= column < len(modules)
            assert (picture.getpixel((int(x), int(y))) < 128) == (inside and modules[row][column])


def test_the_xml_is_inside_byte_for_byte() -> None:
    reader = pypdf.PdfReader(io.BytesIO(stamped(faces.inpatient())))
    assert reader.attachments == {"einvoice.xml": [XML]}
    (file,) = reader.root_object["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Data"
    assert file.get_object()["/UF"] == "einvoice.xml"
    assert reader.metadata is not None and reader.metadata.title == "广东省医疗住院收费票据（电子） 99060226 8000000001"


def test_an_outpatient_face_is_small() -> None:
    """At most 50 kB with its signed XML, twelve lines, seals and marks."""
    for look in (SUPERVISED, Look("issued", False), Look("reversed", True)):
        assert len(stamped(faces.outpatient(4, 8), look)) <= 50_000


def test_threads_make_the_same_bytes() -> None:
    """Also while forms and glyphs are met for the first time."""
    compiled._compile.cache_clear()
    documents = [faces.outpatient(), faces.inpatient(), faces.named("𠮷" + faces.RAREST), faces.endless()] * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(stamped, documents))
    assert together == [stamped(document) for document in documents]


def test_without_a_compiled_page_weasyprint_draws_it() -> None:
    arguments = {"state": "supervised", "qr_text": faces.LINK, "xml": XML, "supervised": True}
    assert b"(Qupiao)" in RENDERER.pdf(faces.outpatient(), **arguments)
    unknown = faces.named("ཀ")
    with pytest.raises(Uncovered):
        stamped(unknown)
    data = RENDERER.pdf(unknown, **arguments)
    assert b"(Qupiao)" not in data
    reader = pypdf.PdfReader(io.BytesIO(data))
    assert reader.attachments == {"einvoice.xml": [XML]}
    assert reader.metadata is not None and "WeasyPrint" in str(reader.metadata.producer)


def test_a_drawing_that_the_compiler_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gradient = '<a class="slot" href="field:code;left">〓0</a><p style="background:linear-gradient(red,blue)">色</p>'
    monkeypatch.setattr(compiled.templates, "blank", lambda *_: (gradient, ["code;left"]))
    compiled._compile.cache_clear()
    with pytest.raises(compiled.FormError):
        compiled.page("outpatient", Imprint(BANNER, SEAL, SUPERVISION))
    compiled._compile.cache_clear()


def test_the_preview_is_as_wide_as_asked() -> None:
    data = RENDERER.png(stamped(faces.outpatient()), 1080)
    assert Image.open(io.BytesIO(data)).width == 1080
    assert len(data) < 150_000


def test_previews_in_threads_are_the_same() -> None:
    data = stamped(faces.outpatient())
    with ThreadPoolExecutor(4) as pool:
        pictures = set(pool.map(lambda _: RENDERER.png(data, 540), range(12)))
    assert len(pictures) == 1
