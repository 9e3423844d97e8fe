"""Photos that people send: read within bounds, made anew without anything but the picture."""

from __future__ import annotations

import io

from PIL import Image, ImageFile, ImageOps

MOST_BYTES = 3 * 1024 * 1024
MOST_PIXELS = 24_000_000
"""What is decoded at most: 24 million pixels are 72 MB while they are open."""
SIDE = 1600
"""Pixels of the longer side that are kept: every letter of a document stays readable."""


def remade(data: bytes) -> bytes:
    """Return a JPEG or PNG as a fresh JPEG: upright, at most :data:`SIDE` pixels, without EXIF, place, comments or
    colours'
    profile. Raises ValueError with a Chinese reason."""
    if len(data) > MOST_BYTES:
        raise ValueError("照片超过 3 MB，请用较小的尺寸重新拍")
    flat = _opened(data)
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=80)
    return out.getvalue()


def is_picture(data: bytes) -> bool:
    """Return whether this is a JPEG or PNG that can be shown, of a size that can be opened."""
    try:
        _opened(data)
    except ValueError:
        return False
    return True


def _opened(data: bytes) -> Image.Image:
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # WeasyPrint lets half pictures pass in the whole process
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as found:
            small = found.width * found.height <= MOST_PIXELS  # known from the head, before anything is unpacked
            flat = _flat(found) if small else None
    except Exception as error:  # a hostile file can make a decoder raise nearly anything
        raise ValueError("照片打不开，请用 JPG 或 PNG 照片") from error
    if flat is None:
        raise ValueError("照片的像素太多，请用较小的尺寸重新拍")
    return flat


def _flat(found: Image.Image) -> Image.Image:
    """Return the picture alone: upright, no larger than kept, on white."""
    found.draft("RGB", (SIDE, SIDE))
    upright = ImageOps.exif_transpose(found)
    upright.thumbnail((SIDE, SIDE))
    flat = Image.new("RGB", upright.size, "white")
    flat.paste(upright, mask=upright.getchannel("A") if upright.mode in ("RGBA", "LA") else None)
    return flat
