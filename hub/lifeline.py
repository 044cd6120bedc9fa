"""Runs a command that ends when its parent does, however that ends: `python -m hub.lifeline COMMAND...`.

Linux only; elsewhere the command just runs, and an orderly stop of the parent stops it too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None, *, by: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent ends.

    `parent` is whom it should be, in case that ended just before.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), by)


def command(*arguments: str) -> list[str]:
    """Return the command line that runs `arguments` on a lifeline to this process."""
    return [sys.executable, "-m", "hub.lifeline", str(os.getpid()), *arguments]


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606
