"""Logos: small images inside a setting, known by what they begin with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST = 24 * 1024
"""Bytes of the image."""
NAME = re.compile(r"([0-9a-f]{32})\.(png|jpeg|gif)")
"""Under which the hub serves it."""
LONGEST = len("data:image/jpeg;base64,") + -(-LARGEST // 3) * 4
"""Characters of the setting."""
_MAGIC: Mapping[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
}
_TOO_LARGE = f"is larger than {LARGEST // 1024} KB; make the image smaller, 400 pixels wide are plenty"
_DATA = re.compile(r"data:image/(png|jpeg|gif);base64,([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, kw_only=True)
class Logo:
    """An image; the same one always has the same name."""

    name: str
    media_type: str
    image: bytes


def logo_of(setting: str) -> Logo | None:
    """Return the logo in a `data:` address, None in an empty one.

    Raises ValueError for what is no PNG, JPEG or GIF of at most `LARGEST` bytes, whatever it says of itself.
    """
    if not setting:
        return None
    if len(setting) > LONGEST:
        raise ValueError(_TOO_LARGE)
    match = _DATA.fullmatch(setting)
    if match is None:
        raise ValueError("write the image as data:image/png;base64,... (or jpeg, or gif)")
    kind = match[1]
    try:
        image = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise ValueError("its base64 is damaged; encode the file once more") from None
    if len(image) > LARGEST:
        raise ValueError(_TOO_LARGE)
    if not image.startswith(_MAGIC[kind]):
        raise ValueError(f"is no {kind.upper()} image, whatever it says; save it as PNG, JPEG or GIF")
    return Logo(name=f"{hashlib.sha256(image).hexdigest()[:32]}.{kind}", media_type=f"image/{kind}", image=image)


def setting_of(image: bytes) -> str:
    """Return an image as the setting holds it; `logo_of` says whether it can be a logo."""
    kind = next((kind for kind, begins in _MAGIC.items() if image.startswith(begins)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
