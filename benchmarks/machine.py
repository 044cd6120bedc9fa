"""What the figures were measured on, and what this machine lacks to measure them."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tests import servers

PROGRAMS = {"wrk": "wrk", "smtp-sink": "postfix", "smtp-source": "postfix"}
"""Programs that benchmarks need beside the tests' servers, each with its Debian package."""
_LIBRARIES = ("granian", "flask", "sqlalchemy", "psycopg", "rq", "redis", "marshmallow", "msgspec")


class Missing(Exception):
    """A program that a stage needs is not here. The message says how to get it."""


def require(*programs: str) -> None:
    """Raise Missing for what is not installed."""
    lacking = sorted({PROGRAMS[name] for name in programs if find(name) is None})
    if lacking:
        raise Missing(f"install with your system's package manager: {', '.join(lacking)}")


def find(program: str) -> Path | None:
    """Return where a program is; Postfix' stand where only root's PATH leads."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


def describe() -> str:
    """Return one paragraph: cores, memory, system, versions."""
    libraries = [f"{name} {version(name)}" for name in _LIBRARIES]
    systems = [
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        *filter(None, (_postgres(), _valkey())),
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"Measured on {cores} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} {platform.release()}; "
        f"{', '.join([*systems, *libraries])}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _postgres() -> str:
    binaries = servers.find_postgres()
    return (
        _first_line([binaries / "postgres", "--version"]).replace("postgres (PostgreSQL)", "PostgreSQL")
        if (binaries)
        else ""
    )


def _valkey() -> str:
    binary = servers.find_valkey()
    line = _first_line([binary, "--version"]) if binary else ""
    words = dict(word.split("=", 1) for word in line.split() if "=" in word)
    return f"{line.split()[0]} {words['v']}" if "v" in words else line


def _first_line(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0].partition(" (Debian")[0]
