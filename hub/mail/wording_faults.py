"""What is wrong with a text whose tags cannot be read, in words for whoever writes texts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

EXAMPLE = '{% if traits.plan == "pro" %}...{% else %}...{% endif %}'
_OPENED = re.compile(r"\{\{|\{%|\{#")
_STRAY = re.compile(r"\}\}|%\}|#\}")
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_NO_CLOSERS: Mapping[str, str] = {
    "{{": "write }} after the name, as in {{ name }}",
    "{%": f"write %}} after it, as in {EXAMPLE}",
    "{#": "write #} where the note ends",
}
_WORDS = ("if", "elif", "else", "endif")
_MEANT: Mapping[str, str] = {"elseif": "elif", "elsif": "elif", "end": "endif", "fi": "endif", "unless": "if"}
_UNUSABLE: Mapping[str, str] = {
    "for": "loops",
    "endfor": "loops",
    "set": "{% set %}",
    "macro": "macros",
    "call": "calls",
    "filter": "filters",
    "include": "other templates",
    "import": "other templates",
    "from": "other templates",
    "extends": "other templates",
    "block": "blocks",
    "with": "{% with %}",
}
"""What cannot be used in a text, by the first word of its tag."""
_LONGEST_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class _Tag:
    """A tag: how it opens, what is in it, and its line (from 1). `is_closed` is false where it has no end."""

    opener: str
    inside: str
    line: int
    is_closed: bool

    @property
    def shown(self) -> str:
        """The tag as somebody wrote it, cut where it is long."""
        whole = f"{self.opener} {self.inside} {_CLOSERS[self.opener]}"
        return whole if len(whole) <= _LONGEST_SHOWN else f"{whole[: _LONGEST_SHOWN - 1]}…"

    @property
    def word(self) -> str:
        return self.inside.partition(" ")[0]

    @property
    def rest(self) -> str:
        return self.inside.partition(" ")[2].strip()


def fault_of(source: str, can_be_read: Callable[[str], bool]) -> str:
    """Return the line and what is wrong in a text that cannot be read, and what to do.

    `can_be_read` says whether a shorter text can.
    """
    open_ifs: list[_Tag] = []
    closed_by_else: list[bool] = []
    for tag in _tags(source):
        why = _unclosed(tag) or _in_itself(tag) or _out_of_place(tag, open_ifs, closed_by_else)
        why = why or _unreadable(tag, can_be_read)
        if why:
            return f"line {tag.line}: {why}"
    if open_ifs:
        tag = open_ifs[-1]
        return f"line {tag.line}: {tag.shown} has no end; write {{% endif %}} where it ends"
    return f"line 1: something in the tags cannot be read; write them as {{{{ name }}}} and {EXAMPLE}"


def stray_end(text: str) -> str | None:
    """Return the end of a tag that stands in a text between tags, where none was opened."""
    found = _STRAY.search(text)
    return found[0] if found else None


def stray(end: str) -> str:
    """Return what to do about the end of a tag that none opened."""
    opener = next(one for one, closer in _CLOSERS.items() if closer == end)
    return f"there is no {opener} before this {end}; write one, or delete it"


def no_such_name(name: str) -> str:
    """Return what to do about a name that stands for nothing; `name` may have a dot in it."""
    start, _, attribute = name.partition(".")
    close = next(iter(difflib.get_close_matches(start, ["name", "brand", "traits"], n=1)), None)
    if close == "traits" and attribute:
        return f"there is no {name}; did you mean traits.{attribute}?"
    if close in ("name", "brand") and not attribute:
        return f"there is no {name}; did you mean {close}?"
    trait = "plan" if close == "traits" else attribute or start
    return f"there is no {name}; write name, brand or traits.NAME, as in traits.{trait}"


def _tags(source: str) -> Iterator[_Tag]:
    """Yield tags up to the first that has no end: after that nobody knows what is one."""
    at = 0
    while found := _OPENED.search(source, at):
        opener, start = found[0], found.end()
        end = source.find(_CLOSERS[opener], start)
        again = _OPENED.search(source, start)
        is_closed = end >= 0 and (opener == "{#" or again is None or again.start() > end)
        inside = source[start : end if is_closed else start + _LONGEST_SHOWN].strip("-+").split()
        line = source.count("\n", 0, found.start()) + 1
        yield _Tag(opener=opener, inside=" ".join(inside), line=line, is_closed=is_closed)
        if not is_closed:
            return
        at = end + 2


def _unclosed(tag: _Tag) -> str | None:
    return None if tag.is_closed else f"{tag.opener} has no end; {_NO_CLOSERS[tag.opener]}, or delete it"


def _in_itself(tag: _Tag) -> str | None:
    """Return what is wrong with a tag wherever it stood."""
    if tag.opener == "{#":
        return None
    if not tag.inside:
        return f"nothing stands in {tag.opener} {_CLOSERS[tag.opener]}; {_to_write(tag)}"
    if tag.opener == "{{":
        return None
    if tag.word in _UNUSABLE:
        return f"{_UNUSABLE[tag.word]} cannot be used; write conditions as {EXAMPLE}"
    if tag.word not in _WORDS:
        close = _MEANT.get(tag.word) or next(iter(difflib.get_close_matches(tag.word, _WORDS, n=1)), None)
        meant = f"did you mean {{% {close} %}}?" if close else "there are if, elif, else and endif"
        return f"there is no {{% {tag.word} %}}; {meant}"
    if tag.word in ("if", "elif") and not tag.rest:
        return f"{tag.shown} has no condition; write one, as in {EXAMPLE}"
    if tag.word == "else" and tag.rest:
        return f"{tag.shown} has more than else in it; write {{% else %}}, or {{% elif ... %}} for one more condition"
    return None


def _to_write(tag: _Tag) -> str:
    return "write a name, as in {{ name }}" if tag.opener == "{{" else f"write a condition, as in {EXAMPLE}"


def _out_of_place(tag: _Tag, open_ifs: list[_Tag], closed_by_else: list[bool]) -> str | None:
    """Return what is wrong with where a tag stands among those before it, and note it there."""
    if tag.opener != "{%":
        return None
    if tag.word == "if":
        open_ifs.append(tag)
        closed_by_else.append(False)
        return None
    if not open_ifs:
        return f"there is no {{% if %}} before this {tag.shown}; write one, or delete it"
    if tag.word == "endif":
        open_ifs.pop()
        closed_by_else.pop()
    elif closed_by_else[-1]:
        return f"{tag.shown} stands after {{% else %}}, which is the last; move it before that, or delete it"
    else:
        closed_by_else[-1] = tag.word == "else"
    return None


def _unreadable(tag: _Tag, can_be_read: Callable[[str], bool]) -> str | None:
    """Return what is wrong with what is asked or shown in a tag."""
    if tag.opener == "{{" and not can_be_read(f"{{{{ {tag.inside} }}}}"):
        return f"{tag.shown} cannot be read; write {{{{ name }}}}, {{{{ brand }}}} or {{{{ traits.NAME }}}}"
    if tag.opener == "{%" and tag.word in ("if", "elif") and not can_be_read(f"{{% if {tag.rest} %}}{{% endif %}}"):
        if re.search(r"[^=!<>]=[^=]", f" {tag.rest} "):
            return f"{tag.shown} compares with one =; write two, as in {EXAMPLE}"
        return f"{tag.shown} cannot be read; write conditions with ==, !=, and, or, not, as in {EXAMPLE}"
    if tag.word == "endif" and tag.rest:
        return f"{tag.shown} has more than endif in it; write {{% endif %}}"
    return None
