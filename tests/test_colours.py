from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mail.colours import DEFAULT, Colours, Palette, colours_of
from tests.contrast import contrast

BRANDS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
TYPICAL = [DEFAULT, "#ffcc00", "#000080", "#ffffff", "#000000", "#e4002b", "#00b140", "#777777", "#ff7fbf", "#00ffff"]


def palettes(colours: Colours) -> tuple[Palette, Palette]:
    return colours.light, colours.dark


def assert_readable(palette: Palette) -> None:
    for ground in (palette.paper, palette.card, palette.tint):
        for text in (palette.ink, palette.soft, palette.accent):
            assert contrast(text, ground) >= 4.5
    for ground in (palette.fill, palette.fill_strong):
        assert contrast(palette.on_fill, ground) >= 4.5
    for ground in (palette.card, palette.tint):
        assert contrast(palette.edge, ground) >= 3


@given(BRANDS)
def test_text_and_edges_can_be_read_whatever_the_brand(brand: str) -> None:
    for palette in palettes(colours_of(brand)):
        assert_readable(palette)


@pytest.mark.parametrize("brand", TYPICAL)
def test_text_and_edges_can_be_read_of_typical_brands(brand: str) -> None:
    for palette in palettes(colours_of(brand)):
        assert_readable(palette)


@pytest.mark.parametrize("brand", ["#ffcc00", "#000080", "#e4002b", "#ffffff"])
def test_a_brand_that_carries_text_is_shown_as_it_is_on_light_screens(brand: str) -> None:
    assert colours_of(brand).light.fill == brand


@given(BRANDS)
def test_fill_can_be_told_from_a_dark_card(brand: str) -> None:
    dark = colours_of(brand).dark
    assert contrast(dark.fill, dark.card) >= 3


def test_no_colour_is_the_default_and_case_does_not_matter() -> None:
    assert colours_of(None) == colours_of(DEFAULT) == colours_of(DEFAULT.upper())


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "#1234567", "2451b3", "#2451b3;x:y", "#2451b3\n"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        colours_of(text)
