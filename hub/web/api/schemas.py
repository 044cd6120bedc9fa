"""What goes over the wire: one schema for each noun, its filters, and what all of them share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate

from hub.admin.audit import Action as Change
from hub.admin.connections import Health
from hub.admin.events import REASONS
from hub.admin.invitations import Action
from hub.admin.one_response import SYNC_WORDS
from hub.admin.paging import LARGEST_PAGE, Slice
from hub.admin.schemas import SurveySchema
from hub.admin.scores import Period
from hub.admin.suppressions import ADDABLE, LONGEST_NOTE
from hub.admin.text_schemas import AppearanceSchema
from hub.domain.reasons import Stop
from hub.domain.scores import Band
from hub.domain.states import State
from hub.store.configuration import Role
from hub.store.types import is_storable

# Values


class Moment(fields.AwareDateTime):
    """A time, written in UTC with `Z`; one without a zone is UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else plain(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None


class Line(fields.String):
    """Text that both databases can keep."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not is_storable(text):
            raise ValidationError("Holds a NUL character or half a surrogate pair.")
        return text


class Anything(fields.Raw):
    """A JSON value as it is; times inside it are written like all others."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return plain(value)


class Shown(fields.Nested):
    """Written as it is, and documented as its schema."""

    def _serialize(self, nested_obj: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return plain(nested_obj)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO 8601 with `Z`, a float that is no number as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def _id(**kwargs: Any) -> Line:
    return Line(validate=validate.Length(min=1, max=300), **kwargs)


def _choice(values: Any, text: str, **kwargs: Any) -> Line:
    return Line(validate=validate.OneOf([str(value) for value in values]), metadata={"help": text}, **kwargs)


# What all share


class ErrorSchema(Schema):
    """Every error has this shape."""

    code = fields.String(required=True, metadata={"help": "For programs: not_found, invalid, conflict, ..."})
    message = fields.String(required=True, metadata={"help": "For people."})
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        data_key="fields",
        required=True,
        metadata={"help": "What is wrong, by the path of the value; empty when it is not about one."},
    )


class Query(Schema):
    """Filters; an unknown one is refused."""

    class Meta:
        unknown = RAISE


class PageQuery(Query):
    """How much of a list is wanted."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(min=1, max=LARGEST_PAGE),
        metadata={"help": f"Most items to answer: 50 unless told, {LARGEST_PAGE} at most."},
    )
    cursor = Line(
        validate=validate.Length(min=1, max=1_000),
        metadata={"help": "`next_cursor` of the page before; the filters have to stay the same."},
    )


def slice_of(query: dict[str, Any]) -> Slice:
    """Take the part of a list out of a query; what stays are its filters."""
    return Slice(limit=query.pop("limit"), cursor=query.pop("cursor", None))


def _survey() -> Line:
    return _id(metadata={"help": "Name of a survey."})


def _person() -> Line:
    return _id(metadata={"help": "Id of a person, as `/people` gives it."})


def _since() -> Moment:
    return Moment(metadata={"help": "From this time on."})


def _until() -> Moment:
    return Moment(metadata={"help": "Before this time."})


def page_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of items."""
    members = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(required=True, allow_none=True, metadata={"help": "null at the end."}),
    }
    return type(item.__name__.removesuffix("Schema") + "PageSchema", (Schema,), members)


def list_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a list that is always whole."""
    members = {"items": fields.List(fields.Nested(item), required=True)}
    return type(item.__name__.removesuffix("Schema") + "ListSchema", (Schema,), members)


# Surveys and connections


class SeenSurveySchema(Schema):
    """A survey."""

    name = fields.String(required=True)
    enabled = fields.Boolean(required=True)
    settings = Shown(SurveySchema, required=True)


class TextsVersionSchema(Schema):
    """What customers saw of a survey from a time on."""

    number = fields.Integer(required=True)
    saved_at = Moment(required=True)
    saved_by = fields.String(
        required=True, allow_none=True, metadata={"help": "As in the audit log; null of what was there before."}
    )


class WholeTextsVersionSchema(TextsVersionSchema):
    """What customers saw of a survey, all of it."""

    content = Shown(AppearanceSchema, required=True, metadata={"help": "`logo` is its name below `/s/logo/`."})


class ChangedSchema(Schema):
    """What a change of the configuration did."""

    changes = fields.List(fields.String(), required=True, metadata={"help": "Empty: nothing was different."})
    warnings = fields.List(fields.String(), required=True)
    generated = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"help": "Secrets that the hub just made, by path; only `hub export --reveal` shows them again."},
    )


class CountSchema(Schema):
    """How many."""

    count = fields.Integer(required=True)


class WaitingSchema(Schema):
    """How many invitations of a survey wait in one state."""

    survey = fields.String(required=True)
    state = _choice(State, "Where they stand.", required=True)
    count = fields.Integer(required=True)
    next_due_at = Moment(required=True)


class ConnectionSchema(Schema):
    """A source, channel, target or listener. Secrets are `(kept)`, or `$NAME` where a variable holds them."""

    id = fields.String(required=True)
    role = _choice(Role, "What it is for.", required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    state = _choice(Health, "How it is doing.", required=True)
    sentence = fields.String(required=True)
    paused_until = Moment(required=True, allow_none=True)
    settings = fields.Dict(keys=fields.String(), values=Anything(), required=True)


class ConnectionTableSchema(Schema):
    """A connection as its table in `hub.toml`: its kind, and the settings of that kind."""

    class Meta:
        unknown = INCLUDE

    kind = fields.String(required=True)


class ConnectionQuery(Query):
    """Which connections."""

    role = _choice(Role, "Only of this role.")


# People, events, invitations


class PersonSchema(Schema):
    """A customer; `id` is the hub's own."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)
    user_ids = fields.List(fields.String(), required=True)
    anonymous_ids = fields.List(fields.String(), required=True)
    first_seen_at = Moment(required=True, allow_none=True)
    is_suppressed = fields.Boolean(required=True)


class EntrySchema(Schema):
    """One thing that happened. `code` is its reason or state."""

    at = Moment(required=True)
    what = fields.String(required=True)
    sentence = fields.String(required=True)
    code = fields.String(required=True)
    details = fields.Dict(keys=fields.String(), values=Anything(), required=True)


class StorySchema(PersonSchema):
    """A customer and what happened, oldest first."""

    entries = fields.List(
        fields.Nested(EntrySchema),
        required=True,
        metadata={"help": "The newest thousand; `hub why` tells all."},
    )


class PeopleQuery(PageQuery):
    """Which people."""

    who = _id(metadata={"help": "A userId, anonymousId or address."})


class DecidedSchema(Schema):
    """What one survey made of an event."""

    survey = fields.String(required=True)
    outcome = fields.String(required=True)
    reason = fields.String(required=True)
    sentence = fields.String(required=True)
    decided_at = Moment(required=True)
    due_at = Moment(required=True, allow_none=True)
    eligible_again_at = Moment(required=True, allow_none=True)
    invitation_id = fields.String(required=True, allow_none=True)


class EventSchema(Schema):
    """An event and what was decided on it."""

    id = fields.String(required=True)
    source = fields.String(required=True)
    message_id = fields.String(required=True)
    type = fields.String(required=True)
    person_id = fields.String(required=True, allow_none=True)
    arrived_at = Moment(required=True)
    timestamp = Moment(required=True)
    outcome = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    decisions = fields.List(fields.Nested(DecidedSchema), required=True)


class WholeEventSchema(EventSchema):
    """An event with its payload as it came."""

    payload = Anything(required=True, allow_none=True)


class EventQuery(PageQuery):
    """Which events. An outcome or reason that a survey gives looks at decisions, and at their times."""

    person = _person()
    outcome = _choice(REASONS, "What became of the event, or of the event for a survey.")
    reason = _choice([reason for reasons in REASONS.values() for reason in reasons if reason], "Why.")
    since = _since()
    until = _until()


class AttemptSchema(Schema):
    """One time that a channel had the mail."""

    at = Moment(required=True)
    channel = fields.String(required=True)
    outcome = fields.String(required=True)
    detail = fields.String(required=True)


class InvitationSchema(Schema):
    """An invitation as it stands."""

    id = fields.String(required=True)
    survey = fields.String(required=True)
    person_id = fields.String(required=True)
    email = fields.String(required=True)
    state = _choice(State, "Where it stands.", required=True)
    reason = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, allow_none=True)
    revision = fields.Integer(required=True)
    due_at = Moment(required=True)
    scheduled_at = Moment(required=True)
    next_attempt_at = Moment(required=True)
    attempts = fields.Integer(required=True)
    channel = fields.String(required=True, allow_none=True)
    sent_at = Moment(required=True, allow_none=True)
    concluded_at = Moment(required=True, allow_none=True)
    reminder_of = fields.String(
        required=True, allow_none=True, metadata={"description": "The invitation that a reminder is about."}
    )
    reminder_number = fields.Integer(required=True, metadata={"description": "1 or 2; 0: it is no reminder."})


class WholeInvitationSchema(InvitationSchema):
    """An invitation with every attempt to send it."""

    history = fields.List(fields.Nested(AttemptSchema), required=True)


class InvitationQuery(PageQuery):
    """Which invitations."""

    survey = _survey()
    person = _person()
    state = _choice(State, "Where they stand.")


class RevisionQuery(Query):
    """Compare and set."""

    revision = fields.Integer(
        validate=validate.Range(min=0),
        metadata={"help": "Only if the invitation is still as it was at this revision; else 409."},
    )


ACTIONS: Mapping[Action, str] = {
    Action.HOLD: "Hold a scheduled invitation until a person releases or cancels it",
    Action.RELEASE: "Make a held invitation due now; it is checked again before it leaves",
    Action.CANCEL: "Cancel an invitation that no worker has in hand",
    Action.SEND_NOW: "Make a waiting invitation due now, at any hour; it is checked again before it leaves",
    Action.ARRIVED: "Say that a mail in doubt (`unknown`) arrived: it counts as sent",
    Action.NEVER_LEFT: "Say that a mail in doubt (`unknown`) never left: it is cancelled, and does not count as sent",
}


# Responses and scores


class ResponseSchema(Schema):
    """An answer as it now stands."""

    id = fields.String(required=True)
    survey = fields.String(required=True)
    person_id = fields.String(required=True)
    invitation_id = fields.String(required=True)
    score = fields.Integer(required=True, validate=validate.Range(min=0, max=10))
    band = _choice(Band, "How it counts.", required=True)
    comment = fields.String(required=True)
    ratings = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"help": "1 to 5, by what was rated."}
    )
    version = fields.Integer(required=True, metadata={"help": "1, and one more with every change of mind."})
    texts_version = fields.Integer(
        required=True, allow_none=True, metadata={"help": "Which version of the survey's texts was answered."}
    )
    language = fields.String(required=True, allow_none=True, metadata={"help": "In which language."})
    first_rated_at = Moment(required=True)
    rated_at = Moment(required=True)
    updated_at = Moment(required=True)
    language = fields.String(required=True, allow_none=True, metadata={"help": "Of the survey when it was answered."})
    segments = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"help": "Traits that scores are counted by, as they were when it was answered."},
    )
    tags = fields.List(fields.String(), required=True)


class ResponseVersionSchema(Schema):
    """An answer as it stood from `at` on."""

    version = fields.Integer(required=True)
    score = fields.Integer(required=True, validate=validate.Range(min=0, max=10))
    band = _choice(Band, "How it counts.", required=True)
    comment = fields.String(required=True)
    ratings = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    at = Moment(required=True)


class SyncStateSchema(Schema):
    """How a version of an answer stands with a target."""

    target = fields.String(required=True)
    version = fields.Integer(required=True)
    state = _choice(SYNC_WORDS, "How it stands.", required=True)
    note = fields.String(required=True, allow_none=True)
    at = Moment(required=True, metadata={"help": "When it was settled, or is tried next."})


class SeenResponseSchema(Schema):
    """An answer with its history, the newest version first, and its way to the targets."""

    given = fields.Nested(ResponseSchema, required=True)
    versions = fields.List(fields.Nested(ResponseVersionSchema), required=True)
    syncs = fields.List(fields.Nested(SyncStateSchema), required=True)


class FoundResponsesSchema(Schema):
    """A page of answers. Where no index helps it may have few, or none, and a next one."""

    items = fields.List(fields.Nested(ResponseSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"help": "null at the end."})
    looked_back_to = Moment(
        required=True, allow_none=True, metadata={"help": "How far back was looked; null where nothing was left out."}
    )


class TagSchema(Schema):
    """A tag for an answer."""

    class Meta:
        unknown = RAISE

    tag = Line(required=True, validate=validate.Length(min=1, max=200), metadata={"help": "A word or a few."})


class TagsSchema(Schema):
    """The tags of an answer."""

    tags = fields.List(fields.String(), required=True)


def _language() -> Line:
    return _id(metadata={"help": "Answers that were given in this language."})


def _trait() -> Line:
    return _id(metadata={"help": "Answers of people with this value of a trait, as `plan=pro`; see Settings, Scores."})


class ResponsesQuery(Query):
    """Which answers, by the time of rating."""

    survey = _survey()
    person = _person()
    since = _since()
    until = _until()
    band = _choice(Band, "Answers that count so.")
    score = fields.Integer(validate=validate.Range(min=0, max=10), metadata={"help": "Answers of this score."})
    language = _language()
    trait = _trait()
    tag = _id(metadata={"help": "Answers with this tag."})
    has_comment = fields.Boolean(metadata={"help": "Answers with a comment, or without one."})
    rated = _id(metadata={"help": "Answers that rate something so beside the score, as in support=1."})
    said = _id(metadata={"help": "What stands in the comment, in small letters or large."})


class ResponseQuery(ResponsesQuery, PageQuery):
    """Which answers, by the time of rating, and how much of their list."""


class ResponsesExportQuery(ResponsesQuery):
    """Which answers, by the time of rating, and as what."""

    format = _choice(("csv", "json"), "csv, or json.", load_default="csv")


class ScoreSchema(Schema):
    """A Net Promoter Score: of `n` answers, null without any."""

    survey = fields.String(required=True)
    starts_on = fields.Date(required=True, allow_none=True, metadata={"help": "First day of the period."})
    nps = fields.Float(required=True, allow_none=True)
    low = fields.Float(required=True, allow_none=True, metadata={"help": "In 95 of 100 cases it lies from here"})
    high = fields.Float(required=True, allow_none=True, metadata={"help": "to here."})
    n = fields.Integer(required=True)
    promoters = fields.Integer(required=True)
    passives = fields.Integer(required=True)
    detractors = fields.Integer(required=True)
    distribution = fields.List(
        fields.Integer(), required=True, metadata={"help": "How many gave 0, 1, ... 10: eleven numbers."}
    )


class ScoreQuery(Query):
    """Over which answers."""

    survey = _survey()
    period = _choice(Period, "A score a day, week or month (UTC; weeks begin on Monday) instead of one in all.")
    since = _since()
    until = _until()
    language = _language()
    trait = _trait()


# Suppressions


class SuppressionSchema(Schema):
    """Somebody who is never mailed; of an erased person only a fingerprint is left."""

    id = fields.String(required=True)
    subject = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    reason = _choice(Stop, "Why.", required=True)
    note = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True)


class NewSuppressionSchema(Schema):
    """An address that shall never be mailed again."""

    class Meta:
        unknown = RAISE

    email = Line(required=True, validate=validate.Length(max=254))
    reason = _choice(ADDABLE, "Why.", required=True)
    note = Line(load_default=None, allow_none=True, validate=validate.Length(max=LONGEST_NOTE))


class SuppressionQuery(PageQuery):
    """Which suppressions."""

    email = Line(metadata={"help": "Of this address."})
    reason = _choice(Stop, "For this reason.")
    since = _since()
    until = _until()


class ImportSuppressionsQuery(Query):
    """What holds for records that do not say it themselves."""

    reason = _choice(ADDABLE, "For records without a `reason` of their own.")


class ExportQuery(Query):
    """How to write it."""

    format = _choice(("csv", "json"), "csv, or json.", load_default="csv")


class ProblemSchema(Schema):
    """A record that was not taken, by the line it begins on (in an array: its place, from 1)."""

    line = fields.Integer(required=True)
    why = fields.String(required=True)


class ImportedSchema(Schema):
    """What became of an import."""

    added = fields.Integer(required=True)
    known = fields.Integer(required=True, metadata={"help": "Suppressed before; they stay as they are."})
    refused = fields.Integer(required=True)
    problems = fields.List(fields.Nested(ProblemSchema), required=True, metadata={"help": "The first thousand."})


class BroughtSchema(Schema):
    """What became of an import of people."""

    accepted = fields.Integer(required=True, metadata={"help": "Stored; a worker decides on them."})
    refused = fields.Integer(required=True)
    problems = fields.List(fields.Nested(ProblemSchema), required=True, metadata={"help": "The first thousand."})


class ImportPeopleQuery(Query):
    """Where the people belong."""

    source = _id(required=True, metadata={"help": "Name of the source whose people they are."})
    batch = Line(
        load_default="",
        validate=validate.Length(max=100),
        metadata={"help": "The same row is a duplicate within a batch; give a new name to say it all again."},
    )


# Sync


class StartedSchema(Schema):
    """Targets whose sync was started."""

    targets = fields.List(fields.String(), required=True)


class ParkedSchema(Schema):
    """An answer that a target refused for good."""

    target = fields.String(required=True)
    message_id = fields.String(required=True)
    person_id = fields.String(required=True)
    response_id = fields.String(required=True)
    attempts = fields.Integer(required=True)
    code = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True)
    parked_at = Moment(required=True)


class ParkedQuery(PageQuery):
    """Which of them."""

    target = _id(metadata={"help": "Name of a target."})


class RetrySchema(Schema):
    """Which parked entries to try again; all, when nothing is said."""

    class Meta:
        unknown = RAISE

    target = _id()
    message_ids = fields.List(_id(), validate=validate.Length(max=1_000))


# The audit log


class AuditEntrySchema(Schema):
    """Somebody changed something."""

    id = fields.String(required=True)
    at = Moment(required=True)
    who = fields.String(
        required=True,
        metadata={"help": "Name of an account, `api:` and the name of a token, `command line`, or `the hub`."},
    )
    action = fields.String(required=True, validate=validate.OneOf([str(one) for one in Change]))
    subject = fields.String(
        required=True, metadata={"help": "What was changed: `surveys.NAME`, `channels.NAME`, a name, or an id."}
    )
    detail = fields.Dict(keys=fields.String(), required=True, metadata={"help": "More about it, by kind of action."})


class AuditQuery(PageQuery):
    """Which entries."""

    who = Line(metadata={"help": "Of whom."})
    action = _choice(Change, "Of this kind.")
    subject = Line(metadata={"help": "About this."})
    since = _since()
    until = _until()
