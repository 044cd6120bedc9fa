"""Passwords: which are taken, how they are kept, whether one fits.

Long ones without rules of composition, as NIST SP 800-63B asks for; kept as scrypt with OWASP's parameters, which takes
32 MB of memory and a quarter of a second for each guess.
"""

from __future__ import annotations

import re
import threading
import unicodedata

from werkzeug.security import check_password_hash, generate_password_hash

from hub.store.types import is_storable

SHORTEST, LONGEST = 12, 256
"""Characters."""
METHOD = "scrypt:32768:8:3"
_NOBODY = f"{METHOD}$nobody${'0' * 128}"
"""No password has this hash, but to find that out takes as long as with any other."""
_turns = threading.BoundedSemaphore(2)
"""So that many logins at once cannot fill the memory."""

_RUNS = ("0123456789" * 4, "abcdefghijklmnopqrstuvwxyz" * 2, "qwertyuiopasdfghjklzxcvbnm", "1q2w3e4r5t6y7u8i9o0p")
_FEW = 5
"""Different characters."""
_WORDS = (  # noqa: SIM905  a list of fifty lines says no more
    """
    password passw rd passwort passwd pass word qwerty qwertz azerty asdf abc iloveyou love welcome hello letmein login
    access admin administrator root user guest master secret changeme default test demo monkey dragon football baseball
    soccer sunshine princess shadow superman batman michael summer winter spring autumn company survey hub nps segment
    """
).split()
_COMMON = re.compile(f"(?:{'|'.join(sorted(_WORDS, reverse=True))})++")
"""Without a second try, the longer word first: no password makes it search for long."""


def problem_of(password: str, name: str) -> str | None:
    """Return why nobody called `name` should have this password, as the end of a sentence; None when it is good."""
    if len(password) < SHORTEST:
        return f"has {len(password)} characters; use {SHORTEST} or more, a few words for example"
    if len(password) > LONGEST:
        return f"has {len(password)} characters; {LONGEST} are the most"
    if not is_storable(password):
        return "has characters that no keyboard makes; type it anew"
    if _letters(password) in {_letters(name), _letters(name.partition("@")[0])} - {""}:
        return "is the name; choose another"
    if _is_common(password.casefold()):
        return "is one of the first that anybody would try; choose another"
    return None


def hash_of(password: str) -> str:
    """Return what is kept of a password."""
    with _turns:
        return generate_password_hash(unicodedata.normalize("NFC", password), METHOD)


def fits(password_hash: str | None, password: str) -> bool:
    """Return whether this is the password; it takes as long where there is none."""
    can_be_one = len(password) <= LONGEST and is_storable(password)
    typed = unicodedata.normalize("NFC", password) if can_be_one else ""
    with _turns:
        return check_password_hash(password_hash or _NOBODY, typed)


def _is_common(password: str) -> bool:
    """Tell whether a password is made of little: few characters, a short part again and again, keys in a row, or
    nothing but common words and digits.
    """
    part = (password + password).find(password, 1)
    is_run = any(password in run or password[::-1] in run for run in _RUNS)
    return len(set(password)) < _FEW or part < SHORTEST or is_run or bool(_COMMON.fullmatch(_letters(password)))


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]", "", text.casefold())
