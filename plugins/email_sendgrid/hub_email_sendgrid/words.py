"""Other people's words, fit for notes and logs."""

from __future__ import annotations

import re

LONGEST = 300
_WORD = re.compile(r"[^\s<>()\[\],;:\"']+")


def without_addresses(text: str, *, recipient: str = "") -> str:
    """Return a text on one line, shortened, with addresses masked: that of the recipient, and what looks like one."""
    if recipient:
        text = re.sub(re.escape(recipient), "(address)", text, flags=re.IGNORECASE)
    text = " ".join(text.encode(errors="replace").decode().replace("\0", " ").split())
    return _WORD.sub(lambda word: "(address)" if "@" in word[0] else word[0], text)[:LONGEST]
