"""Texts with gaps: a template is rendered once for a brand and a language, and filled for every customer."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Mapping
from dataclasses import dataclass

# Characters of Unicode's private use, which no text in a mail holds: `one_line` takes them out.
GREETING, SURVEY_URL, UNSUBSCRIBE_URL = "\ue000", "\ue001", "\ue002"
_FIRST_OF_A_SURVEY, _LAST_OF_A_SURVEY = 0xE010, 0xE0FF

_GAP = re.compile(f"([{GREETING}{SURVEY_URL}{UNSUBSCRIBE_URL}{chr(_FIRST_OF_A_SURVEY)}-{chr(_LAST_OF_A_SURVEY)}])")


def gap(number: int) -> str:
    """Return the gap for a text of a survey's own: the first, second, ... of a mail."""
    return chr(_FIRST_OF_A_SURVEY + number)


@dataclass(frozen=True, kw_only=True)
class Gapped:
    """A rendered text in pieces, gaps among them; `encoded` are the same pieces in quoted-printable."""

    pieces: tuple[str, ...]
    encoded: tuple[bytes, ...]

    @classmethod
    def from_text(cls, text: str) -> Gapped:
        """Return a text that holds gaps."""
        pieces = tuple(piece for piece in _GAP.split(text) if piece)
        encoded = tuple(piece.encode() if _GAP.match(piece) else quoted_printable(piece) for piece in pieces)
        return cls(pieces=pieces, encoded=encoded)

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the text with a value in each gap."""
        return "".join([values.get(piece, piece) for piece in self.pieces])

    def filled_and_encoded(self, values: Mapping[str, str]) -> bytes:
        """Return the same in quoted-printable, with CRLF line ends."""
        ready = {gap.encode(): quoted_printable(value) for gap, value in values.items()}
        return b"".join([ready.get(piece, piece) for piece in self.encoded])


def quoted_printable(text: str) -> bytes:
    """Return a piece of a text in quoted-printable (RFC 2045, 6.7): another may follow it at once.

    It ends its line, with a soft line break where the text does not. `text` has LF line ends.
    """
    # A letter behind the piece keeps it from being treated as the end of a text, and is taken off again.
    encoded = b2a_qp(text.encode() + b"x")[:-1]
    if encoded and not encoded.endswith(b"\n"):
        encoded += b"=\n"
    return encoded.replace(b"\n", b"\r\n")
