"""Reading the project's markdown: pages, links, blocks of code, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str


def pages() -> list[Path]:
    """Return every markdown page of the project."""
    folders = [ROOT.glob("*.md"), ROOT.glob("docs/**/*.md"), ROOT.glob("plugins/*/*.md"), ROOT.glob("deploy/*.md")]
    return sorted(path for found in folders for path in found)


def name_of(page: Path) -> str:
    """Return a page's path inside the project."""
    return str(page.relative_to(ROOT))


def read(name: str) -> str:
    """Return a page's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code in one language."""
    found = [Block(language=match[1], text=match[2]) for match in _BLOCK.finditer(text)]
    return [block.text for block in found if block.language == language]


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return _BLOCK.sub("", text)


def links(text: str) -> list[str]:
    """Return where a page links to."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """Return the fragments that a page's headings can be linked by, as GitHub makes them."""
    return {_slug(heading) for heading in _HEADING.findall(prose(text))}


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    level = heading.split(" ")[0]
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    following = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(text, start)
    return text[start : following.start() if following else len(text)]


def table(text: str, first_column: str) -> list[Sequence[str]]:
    """Return the rows of the table whose first column has this title."""
    lines = iter(text.splitlines())
    for line in lines:
        if _cells(line)[:1] == [first_column]:
            next(lines)
            return list(_rows(lines))
    raise AssertionError(f"there is no table whose first column is {first_column!r}")


def _rows(lines: Iterator[str]) -> Iterator[Sequence[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield _cells(line)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]


def code(text: str) -> str:
    """Return what stands in back quotes."""
    return text.strip("`")
