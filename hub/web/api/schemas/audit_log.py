"""The audit log over the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from hub.admin.audit import Action as Change
from hub.web.api.schemas.shared import Line, Moment, PageQuery, choice, since, until


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
    action = choice(Change, "Of this kind.")
    subject = Line(metadata={"help": "About this."})
    since = since()
    until = until()
