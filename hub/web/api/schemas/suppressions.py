"""Suppressions over the wire."""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields, validate

from hub.admin.people.suppressions import ADDABLE, LONGEST_NOTE
from hub.domain.reasons import Stop
from hub.web.api.schemas.shared import Line, Moment, PageQuery, ProblemSchema, Query, choice, since, until


class SuppressionSchema(Schema):
    """Somebody who is never mailed; of an erased person only a fingerprint is left."""

    id = fields.String(required=True)
    subject = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    reason = choice(Stop, "Why.", required=True)
    note = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True)


class NewSuppressionSchema(Schema):
    """An address that shall never be mailed again."""

    class Meta:
        unknown = RAISE

    email = Line(required=True, validate=validate.Length(max=254))
    reason = choice(ADDABLE, "Why.", required=True)
    note = Line(load_default=None, allow_none=True, validate=validate.Length(max=LONGEST_NOTE))


class SuppressionQuery(PageQuery):
    """Which suppressions."""

    email = Line(metadata={"help": "Of this address."})
    reason = choice(Stop, "For this reason.")
    since = since()
    until = until()


class ImportSuppressionsQuery(Query):
    """What holds for records that do not say it themselves."""

    reason = choice(ADDABLE, "For records without a `reason` of their own.")


class ExportQuery(Query):
    """How to write it."""

    format = choice(("csv", "json"), "csv, or json.", load_default="csv")


class ImportedSchema(Schema):
    """What became of an import."""

    added = fields.Integer(required=True)
    known = fields.Integer(required=True, metadata={"help": "Suppressed before; they stay as they are."})
    refused = fields.Integer(required=True)
    problems = fields.List(fields.Nested(ProblemSchema), required=True, metadata={"help": "The first thousand."})
