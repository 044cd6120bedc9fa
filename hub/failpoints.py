"""Failpoints: named moments of the path at which a process dies by its own SIGKILL when a test asks for it.

`HUB_FAILPOINT=deliver.departed` kills at the first time, `deliver.departed@3` at the third. It is no setting of a hub.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from itertools import count
from typing import Final

VARIABLE = "HUB_FAILPOINT"

FAILPOINTS: Final = {
    "receive.before_commit": "Bodies are written to the intake log, but not committed; their senders wait.",
    "receive.after_commit": "Bodies are safe, but their senders were not told.",
    "decide.before_commit": "A chunk is decided and written, but not committed.",
    "decide.after_commit": "A chunk is decided, but its bodies are still in the intake log.",
    "deliver.claimed": "Invitations are in hand; nothing was handed to a channel.",
    "deliver.before_departure": "The point of no return is written, but not committed.",
    "deliver.departed": "The point of no return is passed; the bytes that cannot be recalled are still here.",
    "deliver.answered": "The mail system answered; the outcome is in memory alone.",
    "deliver.recorded": "All outcomes of a channel's share are recorded; what it did not send is still in hand.",
    "respond.before_commit": "An answer is written, but not committed.",
    "respond.after_commit": "An answer is safe, but the person was not told.",
    "sync.started": "A sync run is started; nobody was woken for it.",
    "sync.leased": "Updates are in hand; the target was not called.",
    "sync.answered": "The target answered; what it said is in memory alone.",
    "sync.recorded": "What the target said is recorded; the run has not ended.",
    "notify.leased": "Notices are in hand; the listener was not called.",
    "notify.answered": "The listener answered; what it said is in memory alone.",
    "sweep.before_commit": "What lost workers had in hand is taken back, but not committed.",
    "erase.after_commit": "A person is erased here; no connection was told to forget.",
    "forget.answered": "A connection forgot a person; that it did is in memory alone.",
}
"""Every failpoint, and what is so at that moment. Each stands in one place of the code."""


def failpoint(name: str) -> None:
    """Die right here if this process was asked to, else do nothing."""
    if name == _wanted and next(_times) == _at:
        os.write(2, f"Died at the failpoint {name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def problems(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return what is wrong with the failpoint that was asked for."""
    asked = environ.get(VARIABLE, "")
    name, _, at = asked.partition("@")
    if not asked or (name in FAILPOINTS and (asked == name or (at.isdecimal() and int(at) > 0))):
        return []
    return [f"{VARIABLE}: {asked!r} is no failpoint; write NAME or NAME@3, with one of {', '.join(FAILPOINTS)}"]


def _read(environ: Mapping[str, str]) -> tuple[str, int]:
    name, _, at = environ.get(VARIABLE, "").partition("@")
    return (name, int(at or 1)) if name and not problems(environ) else ("", 0)


_wanted, _at = _read(os.environ)
_times = count(1)
