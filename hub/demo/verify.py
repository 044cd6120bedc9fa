"""Compares what was seen with what has to be. Each function raises Unexpected, naming every difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.admin.operations.doctor import Finding
from hub.admin.people.people import Story
from hub.demo.mailbox import Mail
from hub.demo.patience import Unexpected


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Somebody's newest answer, as they gave it."""

    user_id: str
    score: int
    comment: str


def one_mail_each(mails: Sequence[Mail], recipients: Collection[str]) -> None:
    """Every recipient got one mail, nobody else got any."""
    counts = Counter(mail.recipient.casefold() for mail in mails)
    wanted = {recipient.casefold() for recipient in recipients}
    problems = [f"{one} got {counts[one]} mails instead of one" for one in sorted(wanted) if counts[one] != 1]
    problems += [f"{one} got a mail but was not to be asked" for one in sorted(set(counts) - wanted)]
    _raise(problems)


def mail_is_whole(mail: Mail, address: str) -> None:
    """The mail has both parts, eleven links, and can be unsubscribed from."""
    problems = []
    if not mail.survey_url.startswith(f"{address}/s/"):
        problems.append(f"its survey link is {mail.survey_url!r}, not one of {address}")
    if not mail.unsubscribe_url.startswith(f"{address}/u/"):
        problems.append(f"its List-Unsubscribe is {mail.unsubscribe_url!r}, not one of {address}")
    for score in range(11):
        link = f"{mail.survey_url}?score={score}"
        problems += [f"its {part} part has no link for {score}" for part in _parts_without(mail, link)]
    _raise(problems, f"The mail to {mail.recipient}: ")


def _parts_without(mail: Mail, link: str) -> list[str]:
    # As whole words: the link for 10 begins with the link for 1.
    return [name for name, has in (("text", link in mail.text.split()), ("HTML", f'"{link}"' in mail.html)) if not has]


def reasons(story: Story | None, user_id: str, expected: Sequence[str]) -> None:
    """A person's events and decisions have these reasons, in any order, and no others."""
    if story is None:
        raise Unexpected(f"The hub knows nobody as {user_id!r}.")
    seen = reasons_of(story)
    if Counter(seen) != Counter(expected):
        raise Unexpected(
            f"The decisions on {user_id}: expected {', '.join(expected)}, found {', '.join(seen) or 'none'}."
        )


def reasons_of(story: Story) -> list[str]:
    """Return the reasons of a person's events and decisions, as they came."""
    return [entry.code for entry in story.entries if entry.what in ("event", "decision") and entry.code]


def answers_of(story: Story) -> list[tuple[int, str]]:
    """Return every version of a person's answers: score and comment."""
    return [(entry.details["score"], entry.details["comment"]) for entry in story.entries if entry.what == "answer"]


def synced(events: Sequence[Mapping[str, Any]], answers: Sequence[Answered]) -> None:
    """The target got one whole identify for each answer, and nothing else."""
    wanted = {answer.user_id: answer for answer in answers}
    counts = Counter(event.get("userId") for event in events)
    problems = [f"{user_id} was synced {counts[user_id]} times" for user_id in wanted if counts[user_id] != 1]
    for event in events:
        answer = wanted.get(str(event.get("userId")))
        if answer is None:
            problems.append(f"{event.get('userId')!r} was synced without an answer")
        else:
            problems += [f"{answer.user_id}: {fault}" for fault in faults_of_update(event, answer)]
    ids = [event.get("messageId") for event in events]
    if len(set(ids)) != len(ids):
        problems.append("two updates share a messageId")
    _raise(problems, "What was synced: ")


def faults_of_update(event: Mapping[str, Any], answer: Answered) -> list[str]:
    """Return what is wrong with one synced identify."""
    given = event.get("traits")
    traits: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    rating, comment = traits.get("NPS_rating"), traits.get("NPS_comment")
    faults = []
    if event.get("type") != "identify":
        faults.append(f"type is {event.get('type')!r}, not 'identify'")
    if type(rating) is not int or rating != answer.score:
        faults.append(f"NPS_rating is {rating!r}, not the integer {answer.score}")
    if comment != answer.comment:
        faults.append(f"NPS_comment is {comment!r}, not {answer.comment!r}")
    if not _is_utc(traits.get("NPS_date")):
        faults.append(f"NPS_date is {traits.get('NPS_date')!r}, not a time that ends in Z")
    if not isinstance(event.get("messageId"), str) or not event["messageId"]:
        faults.append("messageId is missing")
    return faults


def _is_utc(text: object) -> bool:
    if not isinstance(text, str) or not text.endswith("Z"):
        return False
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def invariants(findings: Sequence[Finding]) -> None:
    """Everything that `hub doctor` looks at holds."""
    _raise(
        [f"{finding.name}: {finding.sentence.rstrip('.')}" for finding in findings if not finding.ok], "hub doctor: "
    )


def _raise(problems: Sequence[str], what: str = "") -> None:
    if problems:
        raise Unexpected(f"{what}{'; '.join(problems)}.")
