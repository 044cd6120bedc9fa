"""The colours of the mail and of the pages for customers, made from one brand colour so that all can be read.

Contrast is that of WCAG 2.2: text has at least 4.5 to 1 on each ground it stands on, edges of controls 3 to 1.
"""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from functools import lru_cache

DEFAULT = "#2451b3"
"""The accent of whoever chose no colour."""

_TEXT, _EDGE = 4.5, 3.0
_CALM = 6.0
"""Coloured text on dark grounds is easier on the eye somewhat lighter than it has to be."""
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_STEPS = 256


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one scheme, each `#rrggbb`.

    `ink`, `soft` and `accent` are for text on `paper`, `card` and `tint`; `fill` is the brand's own colour, or the
    nearest that can be told from the card, with `on_fill` for text on it and `fill_strong` for when it is pointed at;
    `edge` frames controls on `card` and `tint`; `line` divides and says nothing.
    """

    paper: str
    card: str
    ink: str
    soft: str
    line: str
    tint: str
    edge: str
    accent: str
    fill: str
    fill_strong: str
    on_fill: str


@dataclass(frozen=True, kw_only=True)
class Colours:
    """A brand's colours on a light and on a dark screen."""

    light: Palette
    dark: Palette


@lru_cache(maxsize=256)
def colours_of(brand: str | None) -> Colours:
    """Return the colours for a brand's `#rrggbb`, in any case; for None those of the default.

    Raises ValueError for anything else.
    """
    wanted = (DEFAULT if brand is None else brand).lower()
    if not _COLOUR.fullmatch(wanted):
        raise ValueError(f"{brand!r} is no colour: write it as #rrggbb, such as {DEFAULT}")
    return Colours(light=_light(wanted), dark=_dark(wanted))


# Neither black nor white: programs that invert colours by force then keep the contrast.
_LIGHT = {"paper": "#eef0f4", "card": "#fcfcfd", "ink": "#1b2230", "soft": "#545e70", "line": "#d5dae3"}
_DARK = {"paper": "#12161d", "card": "#1c222c", "ink": "#e8ebf1", "soft": "#a9b2c2", "line": "#353d4b"}


def _light(brand: str) -> Palette:
    tint = _mixed(_LIGHT["card"], _toned(brand), 0.09)
    grounds = (_LIGHT["paper"], _LIGHT["card"], tint)
    fill, on_fill = _filled(brand)
    return Palette(
        **_LIGHT,
        tint=tint,
        edge=_readable(_mixed("#75809a", brand, 0.3), (_LIGHT["card"], tint), _EDGE, darker=True),
        accent=_readable(brand, grounds, _TEXT, darker=True),
        fill=fill,
        fill_strong=_further(fill, on_fill),
        on_fill=on_fill,
    )


def _dark(brand: str) -> Palette:
    tint = _mixed(_DARK["card"], _toned(brand), 0.15)
    grounds = (_DARK["paper"], _DARK["card"], tint)
    fill, on_fill = _filled(_readable(brand, (_DARK["card"],), _EDGE, darker=False))
    return Palette(
        **_DARK,
        tint=tint,
        edge=_readable(_mixed("#7e8aa6", brand, 0.3), (_DARK["card"], tint), _EDGE, darker=False),
        accent=_readable(brand, grounds, _CALM, darker=False),
        fill=fill,
        fill_strong=_further(fill, on_fill),
        on_fill=on_fill,
    )


def _filled(colour: str) -> tuple[str, str]:
    """Return a ground like `colour` and the ink on it: light where that can be read, else dark."""
    light, dark = _LIGHT["card"], _DARK["paper"]
    if contrast(light, colour) >= _TEXT:
        return colour, light
    if contrast(dark, colour) >= _TEXT:
        return colour, dark
    return _readable(colour, (light,), _TEXT, darker=True), light


def _further(fill: str, on_fill: str) -> str:
    """Return `fill` a step away from the ink on it."""
    return _mixed(fill, "#000000" if on_fill == _LIGHT["card"] else "#ffffff", 0.18)


def _toned(colour: str) -> str:
    """Return `colour` at middle lightness, so that black and white brands tint no less than others."""
    hue, _, saturation = _hls(colour)
    return _hex(*colorsys.hls_to_rgb(hue, 0.5, saturation * 0.8))


def _readable(colour: str, grounds: tuple[str, ...], least: float, *, darker: bool) -> str:
    """Return the colour nearest to `colour` in lightness that has a contrast of `least` on all grounds."""
    hue, lightness, saturation = _hls(colour)
    end = 0.0 if darker else 1.0
    for step in range(_STEPS + 1):
        found = _hex(*colorsys.hls_to_rgb(hue, lightness + (end - lightness) * step / _STEPS, saturation))
        if all(contrast(found, ground) >= least for ground in grounds):
            return found
    raise AssertionError("black or white can be read on every ground of ours")


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(one: str, other: str, share: float) -> str:
    red, green, blue = (a + (b - a) * share for a, b in zip(_rgb(one), _rgb(other), strict=True))
    return _hex(red, green, blue)


def _hls(colour: str) -> tuple[float, float, float]:
    return colorsys.rgb_to_hls(*_rgb(colour))


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in (red, green, blue))
