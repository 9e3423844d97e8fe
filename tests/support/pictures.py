"""Pictures as people attach them."""

from __future__ import annotations

import io

from PIL import Image


def photo() -> bytes:
    """A small JPEG that opens."""
    data = io.BytesIO()
    Image.new("RGB", (40, 20)).save(data, "JPEG")
    return data.getvalue()
