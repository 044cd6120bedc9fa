"""Texts that others wrote, made safe to show in one line."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners: Persian and Indic names, and many emoji, are misspelt without them."""
_LINK = re.compile(r"://|www\.|@|\.\w{2,}/", re.IGNORECASE)
_SCANNED = 8
"""A text is cut to this many times its limit before it is cleaned, so that huge ones cost nothing."""


def one_line(text: str, *, limit: int) -> str:
    """Return `text` as one line of at most `limit` characters, free of control and bidi characters.

    Runs of white space become one space. A cut text ends in an ellipsis.
    """
    known = unicodedata.normalize("NFC", text[: limit * _SCANNED])
    words = "".join(character for character in known if _is_shown(character)).split()
    line = " ".join(words)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def looks_like_a_link(text: str) -> bool:
    """Return whether a mail program might turn part of `text` into a link: spammers name themselves so."""
    return _LINK.search(text) is not None


def _is_shown(character: str) -> bool:
    if character.isspace() or character in JOINERS:
        return True
    return not unicodedata.category(character).startswith("C")
