"""Deliberate mistakes, each of which the harness must notice: a harness that never fails proves nothing.

A mutant is the hub with a line or two changed as somebody might well write them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hub
from tests.chaos.plan import Injection

CLAIMS, DEPARTURES, LEASES = "store/claims.py", "store/departures.py", "store/leases.py"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """In a file of the hub, `old` becomes `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A mistake, the faults that bring it to light, and the invariant that it breaks."""

    name: str
    edits: Sequence[Edit]
    breaks: str
    plan: Sequence[Injection] = ()


def make_source(mutant: Mutant, directory: Path) -> Path:
    """Write the mutant's `hub` package into a directory and return that. Raises ValueError when an edit doesn't fit."""
    package = directory / "hub"
    shutil.copytree(Path(hub.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mutant.edits:
        path = package / edit.path
        text = path.read_text()
        if text.count(edit.old) != 1:
            raise ValueError(f"{mutant.name}: {edit.path} holds {text.count(edit.old)} times: {edit.old}")
        path.write_text(text.replace(edit.old, edit.new))
    return directory


def _again_and_again(
    fault: str, *, times: int, first_at_s: float = 1.0, lasts_s: float = 0.0, every_s: float = 4.0
) -> list[Injection]:
    starts = [first_at_s + number * every_s for number in range(times)]
    return [Injection(at_s=at_s, lasts_s=lasts_s, fault=fault, seed=f"{at_s}") for at_s in starts]


MUTANTS = (
    Mutant(
        name="sent again when the lease ran out",
        edits=[
            Edit(
                path=LEASES,
                old="lost.values(state=State.UNKNOWN, lease_until=None,",
                new="lost.values(state=State.QUEUED, claim=None, sent_at=None, lease_until=None,",
            )
        ],
        breaks="No mailbox got two mails, nor two reminders",
        plan=_again_and_again("workers_killed_while_a_mail_is_handed_over", times=3),
    ),
    Mutant(
        name="marked as sent when it is claimed",
        edits=[
            Edit(path=CLAIMS, old='        "state": State.CLAIMED,\n', new='        "state": State.SENT,\n'),
            Edit(
                path=DEPARTURES,
                old="        is_also(table.c.state, State.CLAIMED),\n",
                new="        is_also(table.c.state, State.SENT),\n",
            ),
            Edit(path=DEPARTURES, old='"state": State.SENDING,\n', new='"state": State.SENT,\n'),
        ],
        breaks="What is `sent` is with a mail system, and what a mail system has is `sent` or `unknown`",
        plan=_again_and_again("workers_killed_while_a_mail_is_handed_over", times=3),
    ),
    Mutant(
        name="answered 200 before it is stored",
        edits=[
            Edit(path="pipeline/receive.py", old="self._commits.submit(", new="self._commits.post("),
            Edit(path="pipeline/receive.py", old="            timeout_s=TIMEOUT_S,\n", new=""),
        ],
        breaks="Every event that was answered 200 is stored",
        plan=_again_and_again("files_cannot_grow", lasts_s=2, times=2),
    ),
    Mutant(
        name="interval by person only",
        edits=[
            Edit(
                path="domain/rules.py",
                old="in world.invitations(person_id, mailbox)",
                new='in world.invitations(person_id, "")',
            ),
            Edit(
                path=DEPARTURES,
                old="[exists().where(left, same_person), exists().where(left, other.c.mailbox == table.c.mailbox)]",
                new="[exists().where(left, same_person)]",
            ),
        ],
        breaks="No mailbox got two mails, nor two reminders",
    ),
    Mutant(
        name="departing without a look at the claim",
        edits=[
            Edit(
                path=DEPARTURES,
                old="        table.c.claim == rows.c.claim,\n        is_also(table.c.state, State.CLAIMED),\n",
                new="",
            )
        ],
        breaks="No mailbox got two mails, nor two reminders",
        plan=_again_and_again("worker_frozen_until_its_lease_is_over", lasts_s=4, every_s=5, times=3),
    ),
    Mutant(
        name="reminded after the answer",
        edits=[
            Edit(
                path="store/reminders.py",
                old="        ~exists().where(response.c.invitation_id == first_of(table)),\n",
                new="",
            ),
            Edit(
                path="domain/rechecks.py",
                old="    if invitation.reminder_of in world.answered:\n        return Reason.ANSWERED\n",
                new="",
            ),
            Edit(
                path=DEPARTURES,
                old="        ~exists().where(response.c.invitation_id == table.c.reminder_of),\n",
                new="",
            ),
            Edit(
                path="pipeline/respond.py",
                old="            reminders.cancel_answered(connection, asked.first_id, now)\n",
                new="            pass\n",
            ),
        ],
        breaks="Who answered was not reminded after it",
    ),
    Mutant(
        name="a GET that votes",
        edits=[
            Edit(
                path="web/survey_pages.py",
                old='        chosen = read_score(request.args.get("score"))\n',
                new='        chosen = read_score(request.args.get("score"))\n'
                "        if chosen is not None:\n"
                "            self._surveys.answer(token, chosen, None, {})\n",
            )
        ],
        breaks="Every confirmed answer is recorded, and no program that opened links has voted",
    ),
    Mutant(
        name="an address in the log",
        edits=[
            Edit(
                path="pipeline/deliver.py",
                old="        token = self._hub.keys.token_of(claimed.id)\n",
                new="        token = self._hub.keys.token_of(claimed.id)\n        print(address, flush=True)\n",
            )
        ],
        breaks="No log tells a secret, a link or an address",
    ),
)
CONTROL = Mutant(
    name="no mistake",
    edits=[],
    breaks="",
    plan=[
        *_again_and_again("workers_killed_while_a_mail_is_handed_over", times=1),
        *_again_and_again("worker_frozen_until_its_lease_is_over", first_at_s=5, lasts_s=3, times=1),
        *_again_and_again("files_cannot_grow", first_at_s=10, lasts_s=2, times=1),
    ],
)
"""The faults of all of them, and nothing to find: so it is the mistakes that break the invariants."""
