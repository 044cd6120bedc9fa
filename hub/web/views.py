"""What the pages for customers show, and what they ask of the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class UnknownRating(ValueError):
    """A rating came that the survey does not ask for."""


@dataclass(frozen=True, kw_only=True)
class Rating:
    """A further question with a scale from 1 to 5; `chosen` is the answer so far, or None. `name` is an identifier."""

    name: str
    label: str
    chosen: int | None


@dataclass(frozen=True, kw_only=True)
class SurveyView:
    """A live survey link: the answer so far (`score` None, `comment` "" when there is none).

    `change_until` is when an answer stands for good (aware, UTC); None while there is none. `colour` is the brand's
    `#rrggbb`, `logo_url` an image that stands in place of its name; None for neither. `own_texts` are in `language`,
    by the name of the setting; the hub's words in `words_language` (None: the same) stand for all others.
    """

    brand: str
    language: str
    score: int | None
    comment: str
    can_change: bool
    change_until: datetime | None = None
    colour: str | None = None
    logo_url: str | None = None
    ratings: Sequence[Rating] = ()
    own_texts: Mapping[str, str] = field(default_factory=dict)
    words_language: str | None = None


@dataclass(frozen=True, kw_only=True)
class UnsubscribeView:
    """A live unsubscribe link. `done`: the mailbox is already unsubscribed."""

    brand: str
    language: str
    done: bool
    colour: str | None = None
    logo_url: str | None = None
    words_language: str | None = None


class Answering(Protocol):
    """What the survey pages need from the hub; tokens come unchecked from the address bar."""

    def open(self, token: str) -> SurveyView | None:
        """Return what stands behind a survey link, or None when it is not a live one. Changes nothing."""

    def note_opening(self, token: str, score: int | None) -> None:
        """Keep, for people to see, that a live survey link was opened, by a button's `score` or by none.

        It is no answer, and it neither waits nor fails.
        """

    def answer(
        self, token: str, score: int, comment: str | None, ratings: Mapping[str, int | None]
    ) -> SurveyView | None:
        """Record an answer and return how it now stands; None when the link is not a live one.

        A `comment` of None leaves the recorded one as it is, as does a rating that is left out; one of None is taken
        back. An answer that can no longer be changed comes back as recorded, with `can_change` False. Raises
        UnknownRating for a rating that the survey does not ask for; nothing is recorded then.
        """

    def is_trial(self, token: str) -> bool:
        """Return whether the link is one of a test mail, behind which there is no survey."""

    def can_unsubscribe(self, token: str) -> UnsubscribeView | None:
        """Return what stands behind an unsubscribe link, None when it is not a live one. Changes nothing."""

    def unsubscribe(self, token: str) -> bool:
        """Unsubscribe the mailbox. True also when it already was; False when the link is not a live one."""
