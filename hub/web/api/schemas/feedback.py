"""Responses, scores and their sync over the wire."""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields, validate

from hub.admin.responses.one_response import SYNC_WORDS
from hub.admin.scoring.scores import Period
from hub.domain.scores import Band
from hub.web.api.schemas.shared import (
    Line,
    Moment,
    PageQuery,
    Query,
    an_id,
    choice,
    person_id,
    since,
    survey_name,
    until,
)


class ResponseSchema(Schema):
    """An answer as it now stands."""

    id = fields.String(required=True)
    survey = fields.String(required=True)
    person_id = fields.String(required=True)
    invitation_id = fields.String(required=True)
    score = fields.Integer(required=True, validate=validate.Range(min=0, max=10))
    band = choice(Band, "How it counts.", required=True)
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
    band = choice(Band, "How it counts.", required=True)
    comment = fields.String(required=True)
    ratings = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    at = Moment(required=True)


class SyncStateSchema(Schema):
    """How a version of an answer stands with a target."""

    target = fields.String(required=True)
    version = fields.Integer(required=True)
    state = choice(SYNC_WORDS, "How it stands.", required=True)
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
    return an_id(metadata={"help": "Answers that were given in this language."})


def _trait() -> Line:
    return an_id(
        metadata={"help": "Answers of people with this value of a trait, as `plan=pro`; see Settings, Scores."}
    )


class ResponsesQuery(Query):
    """Which answers, by the time of rating."""

    survey = survey_name()
    person = person_id()
    since = since()
    until = until()
    band = choice(Band, "Answers that count so.")
    score = fields.Integer(validate=validate.Range(min=0, max=10), metadata={"help": "Answers of this score."})
    language = _language()
    trait = _trait()
    tag = an_id(metadata={"help": "Answers with this tag."})
    has_comment = fields.Boolean(metadata={"help": "Answers with a comment, or without one."})
    rated = an_id(metadata={"help": "Answers that rate something so beside the score, as in support=1."})
    said = an_id(metadata={"help": "What stands in the comment, in small letters or large."})


class ResponseQuery(ResponsesQuery, PageQuery):
    """Which answers, by the time of rating, and how much of their list."""


class ResponsesExportQuery(ResponsesQuery):
    """Which answers, by the time of rating, and as what."""

    format = choice(("csv", "json"), "csv, or json.", load_default="csv")


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

    survey = survey_name()
    period = choice(Period, "A score a day, week or month (UTC; weeks begin on Monday) instead of one in all.")
    since = since()
    until = until()
    language = _language()
    trait = _trait()


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

    target = an_id(metadata={"help": "Name of a target."})


class RetrySchema(Schema):
    """Which parked entries to try again; all, when nothing is said."""

    class Meta:
        unknown = RAISE

    target = an_id()
    message_ids = fields.List(an_id(), validate=validate.Length(max=1_000))
