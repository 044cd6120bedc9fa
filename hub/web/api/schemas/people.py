"""People, events and invitations over the wire."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import Schema, fields, validate

from hub.admin.events import REASONS
from hub.admin.mails.invitations import Action
from hub.domain.states import State
from hub.web.api.schemas.shared import (
    Anything,
    Line,
    Moment,
    PageQuery,
    ProblemSchema,
    Query,
    an_id,
    choice,
    person_id,
    since,
    survey_name,
    until,
)


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

    who = an_id(metadata={"help": "A userId, anonymousId or address."})


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

    person = person_id()
    outcome = choice(REASONS, "What became of the event, or of the event for a survey.")
    reason = choice([reason for reasons in REASONS.values() for reason in reasons if reason], "Why.")
    since = since()
    until = until()


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
    state = choice(State, "Where it stands.", required=True)
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

    survey = survey_name()
    person = person_id()
    state = choice(State, "Where they stand.")


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


class BroughtSchema(Schema):
    """What became of an import of people."""

    accepted = fields.Integer(required=True, metadata={"help": "Stored; a worker decides on them."})
    refused = fields.Integer(required=True)
    problems = fields.List(fields.Nested(ProblemSchema), required=True, metadata={"help": "The first thousand."})


class ImportPeopleQuery(Query):
    """Where the people belong."""

    source = an_id(required=True, metadata={"help": "Name of the source whose people they are."})
    batch = Line(
        load_default="",
        validate=validate.Length(max=100),
        metadata={"help": "The same row is a duplicate within a batch; give a new name to say it all again."},
    )
