"""Whether processes are left of those that were started."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

_PROC = Path("/proc")


def left_over(sessions: Collection[int]) -> list[int]:
    """Return the ids of processes that still belong to these sessions, each named by the process that began it.

    Children of children count as well. Where there is no /proc, the leading processes alone are looked at.
    """
    if not (_PROC / "self" / "stat").exists():
        return [session for session in sessions if _exists(session)]
    return sorted(int(path.name) for path in _PROC.glob("[0-9]*") if _session_of(path) in sessions)


def _session_of(path: Path) -> int | None:
    try:
        state, _, _, session, *_ = (path / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return int(session) if state != "Z" else None


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
