"""Surveys and connections over the wire."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields

from hub.admin.configuration.connections import Health
from hub.admin.configuration.schemas import SurveySchema
from hub.admin.configuration.text_schemas import AppearanceSchema
from hub.domain.states import State
from hub.store.configuration import Role
from hub.web.api.schemas.shared import Anything, Moment, Query, Shown, choice


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


class WaitingSchema(Schema):
    """How many invitations of a survey wait in one state."""

    survey = fields.String(required=True)
    state = choice(State, "Where they stand.", required=True)
    count = fields.Integer(required=True)
    next_due_at = Moment(required=True)


class ConnectionSchema(Schema):
    """A source, channel, target or listener. Secrets are `(kept)`, or `$NAME` where a variable holds them."""

    id = fields.String(required=True)
    role = choice(Role, "What it is for.", required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    state = choice(Health, "How it is doing.", required=True)
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

    role = choice(Role, "Only of this role.")
