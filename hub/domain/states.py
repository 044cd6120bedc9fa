"""States of an invitation and the moves between them (docs/architecture.md, "States")."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an invitation stands."""

    SCHEDULED = "scheduled"
    HELD = "held"
    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    CANCELLED = "cancelled"

    __hash__ = str.__hash__  # enum's own costs a call for each


WAITING = frozenset({State.SCHEDULED, State.HELD, State.QUEUED, State.CLAIMED, State.SENDING})
"""A waiting invitation: rule 16."""
MOVABLE = frozenset({State.SCHEDULED, State.HELD, State.QUEUED})
"""Waiting, and no worker has it in hand: its due time may change, it may be cancelled."""
IN_HAND = frozenset({State.CLAIMED, State.SENDING})
SENT_STATES = frozenset({State.SENT, State.UNKNOWN, State.BOUNCED, State.COMPLAINED})
"""Counts as sent for the interval (a bounced one not for the person at another mailbox)."""
ANSWERABLE = frozenset({State.SENDING, State.SENT, State.UNKNOWN, State.BOUNCED, State.COMPLAINED})
"""The mail left or may have left, so its link may be in somebody's hands."""

_REPORTED = frozenset({State.SENT, State.REJECTED, State.BOUNCED, State.COMPLAINED})
"""Where a provider's report or an answer leads, also one that comes before our own record of what happened."""

MOVES: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.CLAIMED, State.HELD, State.CANCELLED, State.UNKNOWN}),
    State.HELD: frozenset({State.SCHEDULED, State.CANCELLED, State.UNKNOWN}),
    State.QUEUED: frozenset({State.CLAIMED, State.CANCELLED, State.UNKNOWN}) | _REPORTED,
    State.CLAIMED: frozenset({State.SENDING, State.QUEUED, State.CANCELLED, State.UNKNOWN}) | _REPORTED,
    State.SENDING: frozenset({State.QUEUED, State.UNKNOWN, State.CANCELLED}) | _REPORTED,
    State.UNKNOWN: frozenset({State.CANCELLED}) | _REPORTED,
    State.SENT: frozenset({State.REJECTED, State.BOUNCED, State.COMPLAINED}),
    State.REJECTED: frozenset(),
    State.BOUNCED: frozenset({State.COMPLAINED}),
    State.COMPLAINED: frozenset(),
    State.CANCELLED: frozenset({State.UNKNOWN}),
}
"""Which state may follow which. `unknown` never goes back to be sent again; `sending` is cancelled only when it
certainly did not leave and another invitation of the person waits by then; `sent` becomes `rejected` when the
provider that took the mail reports that it never sent it; what only waits becomes `unknown` when a backup was
restored and the hub before may have sent it."""


def sources_of(target: State) -> frozenset[State]:
    """Return the states from which `target` may be reached."""
    return frozenset(state for state, moves in MOVES.items() if target in moves)
