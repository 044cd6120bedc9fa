"""What a decision was made from, in words: the facts that its sentence alone leaves out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.domain.reasons import Reason
from hub.domain.traits import Profile, resolve_spellings, value_of

Piece = str | datetime
"""A part of a sentence: words, or a moment that a page shows in its reader's zone."""
_LONGEST = 80
_AGE_MATTERS = {Reason.SCHEDULED, Reason.ALREADY_SCHEDULED, Reason.TOO_OLD, Reason.CREATED_AT_FUTURE}
_WRITTEN = {
    Reason.BAD_EMAIL: "email",
    Reason.CREATED_AT_INVALID: "createdAt",
    Reason.CREATED_AT_FUTURE: "createdAt",
}


def facts_of(decision: Any, payload: bytes | None, profile: Profile) -> list[Piece]:
    """Return a sentence about a stored decision in its pieces, none when there is nothing to add.

    What the customer's event said is read from its payload, which an erasure takes away; decisions keep no text.
    """
    reason, inputs = Reason(decision.reason), decision.inputs
    parts: list[list[Piece]] = []
    if reason in _WRITTEN:
        parts += _as_written(_WRITTEN[reason], payload, profile)
    if reason in _AGE_MATTERS and "created_at" in inputs:
        created_at = datetime.fromisoformat(inputs["created_at"])
        parts.append(["the customer's createdAt is ", created_at, f", {_age(decision.decided_at - created_at)}"])
        parts += _window(inputs["min_delay_days"], inputs["max_delay_days"])
    if reason is Reason.THROTTLED and "last_sent_at" in inputs:
        last = datetime.fromisoformat(inputs["last_sent_at"])
        parts.append(["last asked ", last, f"; at most once in {inputs['min_interval_weeks']:g} weeks"])
    if reason is Reason.STALE_EVENT:
        parts.append(["the event is of ", datetime.fromisoformat(inputs["timestamp"])])
    return _as_sentence(parts)


def in_words(pieces: Sequence[Piece]) -> str:
    """Return a sentence where nobody's zone is known: its moments are in UTC."""
    return "".join(day_and_time(piece) if isinstance(piece, datetime) else piece for piece in pieces)


def day_and_time(moment: datetime) -> str:
    """Return a moment as people read it."""
    return moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")


def _as_sentence(parts: Sequence[Sequence[Piece]]) -> list[Piece]:
    pieces = [piece for part in parts for piece in ("; ", *part)][1:]
    if not pieces:
        return []
    first = str(pieces[0])
    return [first[0].upper() + first[1:], *pieces[1:], "."]


def _as_written(name: str, payload: bytes | None, profile: Profile) -> list[list[Piece]]:
    """Return a trait as this event has it, else as the person has it now."""
    value = _traits_of(payload).get(name, value_of(profile, name))
    if value is None:
        return []
    text = json.dumps(value, ensure_ascii=True)
    return [[f"the customer's {name} is written {text if len(text) <= _LONGEST else text[:_LONGEST] + '...'}"]]


def _traits_of(payload: bytes | None) -> Mapping[str, Any]:
    event = json.loads(payload or b"{}")
    given = event.get("traits") if isinstance(event, dict) else None
    return resolve_spellings(given, {}) if isinstance(given, dict) else {}


def _age(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{days:.1f} days before the decision" if days >= 0 else f"{-days:.1f} days after the decision"


def _window(least: float, most: float) -> list[list[Piece]]:
    if most:
        return [[f"asked {least:g} to {most:g} days after it"]]
    return [[f"asked {least:g} days after it at the earliest"]] if least else []
