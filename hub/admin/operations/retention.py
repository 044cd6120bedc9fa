"""What the hub keeps, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.admin.words import counted
from hub.domain.rules import REFUSAL_COUNTS
from hub.pipeline.respond import CHANGE_OF_MIND
from hub.store.notices import KEPT_FOR
from hub.store.processes import FORGET_AFTER
from hub.store.sessions import IDLE, LONGEST
from hub.wake import FAILURE_TTL_S


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that is kept, how long, and what else there is to know."""

    what: str
    how_long: str
    note: str = ""


_UNTIL_ERASED = "Until the person is erased"

FACTS: Sequence[Fact] = (
    Fact(
        what="Requests of senders as they came",
        how_long="Until they are decided, usually within a second",
    ),
    Fact(
        what="People, their ids and traits",
        how_long=_UNTIL_ERASED,
        note="Erasing leaves one-way fingerprints of ids and mailboxes, so that nobody is mailed again whom you were "
        "asked to forget.",
    ),
    Fact(
        what="Events with their content, and decisions",
        how_long=_UNTIL_ERASED,
        note="Of an erased person's events the bare messageId stays, so that a copy is known as one.",
    ),
    Fact(what="Invitations and attempts to send them", how_long=_UNTIL_ERASED),
    Fact(
        what="Answers with all their versions",
        how_long=_UNTIL_ERASED,
        note=f"Whoever answered may change it for {CHANGE_OF_MIND.total_seconds() / 3600:g} hours. Once erased, so are "
        "its tags, and it counts in no score.",
    ),
    Fact(
        what="Notices to listeners",
        how_long=f"{counted(KEPT_FOR.days, 'day')}, and no longer than whom they are about",
    ),
    Fact(
        what="To whom weekly reports were sent", how_long="For good", note="Addresses of yours, and what became of it."
    ),
    Fact(
        what="Who is never mailed",
        how_long="Until you remove the entry",
        note=f"An address that a provider refuses for good is left alone for {counted(REFUSAL_COUNTS.days, 'day')}.",
    ),
    Fact(
        what="Sessions of accounts",
        how_long=f"{IDLE.total_seconds() / 3600:g} hours without use, {counted(LONGEST.days, 'day')} at most",
    ),
    Fact(what="The audit log", how_long="For good"),
    Fact(what="API tokens", how_long="Until you revoke them", note="Only a hash of each is kept."),
    Fact(what="Signs of life of processes", how_long=counted(FORGET_AFTER.days, "day")),
    Fact(what="Failed jobs, in Redis", how_long=counted(FAILURE_TTL_S // 3600, "hour")),
)
