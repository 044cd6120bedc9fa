"""A brand's colour, made readable: what stands on it, and what it becomes as text, in light and in dark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
READABLE = 4.5
"""Least contrast of text (WCAG 2.2, 1.4.3)."""
_LIGHT_CARD, _LIGHT_TINT = "#fcfcfd", "#eaeffa"
_DARK_CARD, _DARK_TINT = "#1c222c", "#28324a"
_ON_IT = ("#fcfcfd", "#12161d", "#ffffff", "#000000")
"""What may stand on a colour, the best first. Pure black or white suffices on every colour."""
_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Palette:
    """`fill` is the colour itself and `on_fill` what is readable on it; `accent` and `accent_in_dark` are as near to it
    as text on a light and a dark card can be."""

    fill: str
    on_fill: str
    accent: str
    accent_in_dark: str


@lru_cache(maxsize=256)
def palette(colour: str) -> Palette:
    """Return the colours that go with `#rrggbb`."""
    fill = colour.lower()
    return Palette(
        fill=fill,
        on_fill=_on(fill),
        accent=_towards("#000000", fill, (_LIGHT_CARD, _LIGHT_TINT)),
        accent_in_dark=_towards("#ffffff", fill, (_DARK_CARD, _DARK_TINT)),
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _on(fill: str) -> str:
    softly = max(_ON_IT[:2], key=lambda text: contrast(text, fill))
    return softly if contrast(softly, fill) >= READABLE else max(_ON_IT[2:], key=lambda text: contrast(text, fill))


def _towards(end: str, colour: str, grounds: tuple[str, ...]) -> str:
    """Return the colour, mixed with as little of `end` as makes it readable on all grounds."""
    mixed = (_mixed(colour, end, step / _STEPS) for step in range(_STEPS + 1))
    return next(one for one in mixed if all(contrast(one, ground) >= READABLE for ground in grounds))


def _mixed(colour: str, end: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(end), strict=True)
    return "#" + "".join(f"{round(one + (other - one) * share):02x}" for one, other in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
