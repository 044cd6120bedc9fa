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


WAITING = frozenset({State.SCHEDULED, State.HELD, State.QUEUED, State.CLAIMED, State.SENDING})
"""A waiting invitation: rule 16."""
MOVABLE = frozenset({State.SCHEDULED, State.HELD, State.QUEUED})
"""Waiting, and no worker has it in hand: its due time may change, it may be cancelled."""
IN_HAND = frozenset({State.CLAIMED, State.SENDING})
SENT_STATES = frozenset({State.SENT, State.UNKNOWN, State.BOUNCED, State.COMPLAINED})
"""Counts as sent for the interval (a bounced one not for the person at another mailbox)."""
ANSWERABLE = frozenset({State.SENDING, State.SENT, State.UNKNOWN, State.BOUNCED, State.COMPLAINED})
"""The mail left or may have left, so its link may be in somebody's hands."""

MOVES: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.CLAIMED, State.HELD, State.CANCELLED}),
    State.HELD: frozenset({State.SCHEDULED, State.CANCELLED}),
    State.QUEUED: frozenset({State.CLAIMED, State.CANCELLED, State.SENT, State.BOUNCED}),
    State.CLAIMED: frozenset(
        {State.SENDING, State.QUEUED, State.CANCELLED, State.REJECTED, State.SENT, State.UNKNOWN, State.BOUNCED}
    ),
    State.SENDING: frozenset({State.SENT, State.QUEUED, State.REJECTED, State.UNKNOWN, State.BOUNCED, State.CANCELLED}),
    State.UNKNOWN: frozenset({State.SENT, State.REJECTED, State.BOUNCED, State.CANCELLED}),
    State.SENT: frozenset({State.BOUNCED, State.COMPLAINED}),
    State.REJECTED: frozenset(),
    State.BOUNCED: frozenset(),
    State.COMPLAINED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""Which state may follow which. `unknown` never goes back to be sent again; `sending` is cancelled only when it
certainly did not leave and another invitation of the person waits by then."""


def sources_of(target: State) -> frozenset[State]:
    """Return the states from which `target` may be reached."""
    return frozenset(state for state, moves in MOVES.items() if target in moves)
