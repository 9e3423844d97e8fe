"""Photos from outside: made anew without what hides in them, refused before they unpack."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from portal.rendering import photo


def picture(form: str, size: tuple[int, int] = (40, 20), mode: str = "RGB", **more: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, form, **more)
    return out.getvalue()


def where() -> Image.Exif:
    """EXIF with a place, a comment and the camera on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "SECRET"
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def opened(data: bytes) -> Image.Image:
    found = Image.open(io.BytesIO(data))
    found.load()
    return found


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_photo_is_upright_small_and_alone(mode: str) -> None:
    sent = picture("JPEG", (4000, 2000), mode, exif=where(), comment=b"SECRET")
    assert b"SECRET" in sent, "the control"
    made = opened(photo.remade(sent))
    assert (made.format, made.mode, made.size) == ("JPEG", "RGB", (800, 1600))
    assert not made.getexif() and b"SECRET" not in photo.remade(sent)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_a_png_of_any_kind_becomes_a_jpeg(mode: str) -> None:
    made = opened(photo.remade(picture("PNG", (40, 20), mode) + b"<script>alert(1)</script>"))
    assert (made.format, made.size) == ("JPEG", (40, 20))
    assert made.getpixel((5, 5)) == ((255, 255, 255) if mode in ("RGBA", "LA") else (0, 0, 0))


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that says it has ``side`` × ``side`` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


REFUSED = {
    "too large": (b"\xff\xd8\xff" + b"x" * photo.MOST_BYTES, "3 MB"),
    "many pixels": (bomb(5000), "像素太多"),
    "a bomb": (bomb(60_000), "打不开"),
    "cut off": (picture("JPEG", (800, 800))[:-500], "打不开"),
    "a cut PNG": (bomb(3000), "打不开"),
    "GIF": (picture("GIF"), "打不开"),
    "TIFF": (picture("TIFF"), "打不开"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "打不开"),
    "PDF": (b"%PDF-1.7", "打不开"),
    "nothing": (b"", "打不开"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_photo_is_refused_with_its_reason(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as WeasyPrint leaves it
    data, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        photo.remade(data)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_photo_is_a_photo_or_refused(data: st.DataObject) -> None:
    """Bytes changed anywhere: never anything but a reason in Chinese."""
    form = data.draw(st.sampled_from(["JPEG", "PNG"]))
    sent = bytearray(picture(form, exif=where()))
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(sent) - 1), st.integers(0, 255)), max_size=8)):
        sent[place] = value
    try:
        made, reason = photo.remade(bytes(sent)), "照片"
    except ValueError as refusal:
        made, reason = b"\xff\xd8\xff", str(refusal)
    assert made.startswith(b"\xff\xd8\xff") and reason.startswith("照片")
