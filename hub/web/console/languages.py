"""Languages by the names that people know them by."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hub.domain.texts import LANGUAGE

COMMON: Mapping[str, str] = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "en-GB": "English (United Kingdom)",
    "en-US": "English (United States)",
    "es": "Spanish",
    "es-MX": "Spanish (Mexico)",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "fr-CA": "French (Canada)",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "nb": "Norwegian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "pt-BR": "Portuguese (Brazil)",
    "ro": "Romanian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sr": "Serbian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh-Hans": "Chinese (simplified)",
    "zh-Hant": "Chinese (traditional)",
}


def language_named(typed: str) -> str | None:
    """Return the language that was typed, by its tag in any spelling or by its name; None if it is none."""
    wanted = typed.strip()
    by_name = next((tag for tag, name in COMMON.items() if name.lower() == wanted.lower()), None)
    language, *others = re.split("[-_]", wanted)
    tag = "-".join([language.lower(), *(one.title() if len(one) == 4 else one.upper() for one in others)])
    return by_name or (tag if LANGUAGE.fullmatch(tag) else None)


def name_of(tag: str) -> str:
    """Return what a language is called: its name in English, else its tag."""
    return COMMON.get(tag, tag)


LANGUAGES = sorted(COMMON.items(), key=lambda one: one[1])
"""Tags and names, in the order of a list to choose from."""
