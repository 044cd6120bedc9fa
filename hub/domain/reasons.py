"""Outcomes and reasons of decisions: public API, stored with every decision and shown as sentences."""

from __future__ import annotations

from enum import StrEnum

RULES_VERSION = 1
"""Version of docs/rules.md that decisions were made by; stored with each."""


class Outcome(StrEnum):
    """What became of an event, or of an event for one survey."""

    SCHEDULED = "scheduled"
    MERGED = "merged"
    SKIPPED = "skipped"
    IGNORED = "ignored"
    REJECTED = "rejected"

    __hash__ = str.__hash__  # enum's own costs a call for each


class Reason(StrEnum):
    """Why: the closed list of docs/rules.md, and why a scheduled invitation was cancelled later."""

    DUPLICATE = "duplicate"
    NOT_A_TRIGGER = "not_a_trigger"
    ECHO = "echo"
    NO_IDENTITY = "no_identity"
    UNREADABLE = "unreadable"
    POISON = "poison"
    NO_SURVEY = "no_survey"
    SURVEY_PAUSED = "survey_paused"
    NO_EMAIL = "no_email"
    BAD_EMAIL = "bad_email"
    SUPPRESSED = "suppressed"
    RECENTLY_REFUSED = "recently_refused"
    STALE_EVENT = "stale_event"
    CREATED_AT_INVALID = "created_at_invalid"
    CREATED_AT_FUTURE = "created_at_future"
    NO_CREATED_AT = "no_created_at"
    TOO_OLD = "too_old"
    ALREADY_SCHEDULED = "already_scheduled"
    THROTTLED = "throttled"
    QUIET_PERIOD = "quiet_period"
    HOLDOUT = "holdout"
    QUOTA = "quota"
    SCHEDULED = "scheduled"
    WINDOW_MISSED = "window_missed"
    CANCELLED = "cancelled"
    ANSWERED = "answered"
    REMINDERS_OFF = "reminders_off"
    UNDELIVERED = "undelivered"

    __hash__ = str.__hash__  # enum's own costs a call for each


SENTENCES: dict[Reason, str] = {
    Reason.DUPLICATE: "This event had already been received; the copy was ignored.",
    Reason.NOT_A_TRIGGER: "This event starts no survey; it was only kept.",
    Reason.ECHO: "This is the hub's own sync coming back, or an update in which the customer did nothing.",
    Reason.NO_IDENTITY: "The event carries neither a userId nor an anonymousId.",
    Reason.UNREADABLE: "The event could not be read.",
    Reason.POISON: "Work on this event ended the worker three times; it was set aside.",
    Reason.NO_SURVEY: "No survey listens to the source this event came from.",
    Reason.SURVEY_PAUSED: "Not asked: the survey is a draft or paused.",
    Reason.NO_EMAIL: "Not asked: no email address is known for this person.",
    Reason.BAD_EMAIL: "Not asked: the email address cannot receive mail as it is written.",
    Reason.SUPPRESSED: "Not asked: this address unsubscribed, bounced or complained, or the person was erased.",
    Reason.RECENTLY_REFUSED: "Not asked: a mail provider refused this address for good within the last 7 days.",
    Reason.STALE_EVENT: "Not asked: the event is older than the survey accepts (a replay or an import).",
    Reason.CREATED_AT_INVALID: "Not asked: createdAt is there but cannot be read as a time.",
    Reason.CREATED_AT_FUTURE: "Not asked: createdAt lies more than 24 hours in the future.",
    Reason.NO_CREATED_AT: "Not asked: createdAt is missing and the survey wants it.",
    Reason.TOO_OLD: "Not asked: the customer is older than the survey's maximum delay.",
    Reason.ALREADY_SCHEDULED: "An invitation of this survey already waits for this person.",
    Reason.THROTTLED: "Not asked: last asked less than the minimum interval ago.",
    Reason.QUIET_PERIOD: "Not asked: a survey asked this person within the quiet period.",
    Reason.HOLDOUT: "Not asked: this person belongs to the share that is never surveyed.",
    Reason.QUOTA: "Not asked: the survey's daily limit for that day was reached.",
    Reason.SCHEDULED: "Will be asked.",
    Reason.WINDOW_MISSED: "Not asked: the mail could not be sent within its grace time.",
    Reason.CANCELLED: "A person cancelled this invitation.",
    Reason.ANSWERED: "Not reminded: the answer has come.",
    Reason.REMINDERS_OFF: "Not reminded: the survey sends no such reminder any more.",
    Reason.UNDELIVERED: "Not reminded: the mail that it would remind of did not arrive.",
}


class Stop(StrEnum):
    """Why a mailbox or a person is suppressed."""

    UNSUBSCRIBED = "unsubscribed"
    HARD_BOUNCED = "hard_bounced"
    COMPLAINED = "complained"
    ERASED = "erased"
