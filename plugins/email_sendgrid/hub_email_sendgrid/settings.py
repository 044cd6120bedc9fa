"""What operators configure: the schema of a `sendgrid` connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from hub.plugin import Secret

from .sender import Sender
from .webhook import read_public_key

HOSTS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}


class SendGridSchema(Schema):
    """The settings of a `sendgrid` connection."""

    api_key = Secret(
        required=True,
        validate=validate.Regexp(r"[!-~]+\Z", error="Give the key as SendGrid showed it, without spaces."),
        metadata={
            "label": "API key",
            "help": "An API key with the scope mail.send (Settings > API Keys > Restricted Access).",
        },
    )
    sender = fields.String(
        data_key="from",
        required=True,
        metadata={
            "label": "Sender",
            "help": 'The sender that customers see, verified at SendGrid: "Acme <hello@acme.example>".',
        },
    )
    region = fields.String(
        load_default="global",
        validate=validate.OneOf(list(HOSTS)),
        metadata={"help": "Where the account or subuser lives; eu for an EU subuser."},
    )
    host = fields.Url(
        load_default=None,
        allow_none=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"help": "Another address than the region's, for a proxy.", "rare": True},
    )
    connections = fields.Integer(
        strict=True,
        load_default=16,
        validate=validate.Range(1, 100),
        metadata={
            "help": "Mails handed over at once by each worker process; as many may be in doubt after a kill.",
            "rare": True,
        },
    )
    webhook_public_key = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"help": "The verification key of the signed Event Webhook. Without it events are refused."},
    )
    sandbox_mode = fields.Boolean(
        load_default=False,
        metadata={
            "rare": True,
            "help": "Have SendGrid check every mail and deliver none: they count as sent. For rehearsals.",
        },
    )

    @validates_schema
    def _check_sender(self, settings: Mapping[str, Any], **_: Any) -> None:
        try:
            Sender.parse(settings["sender"])
        except ValueError as error:
            raise ValidationError(str(error), field_name="from") from None

    @validates_schema
    def _check_public_key(self, settings: Mapping[str, Any], **_: Any) -> None:
        written = settings["webhook_public_key"]
        try:
            if written:
                read_public_key(written)
        except ValueError as error:
            raise ValidationError(str(error), field_name="webhook_public_key") from None


def host_of(config: Mapping[str, Any]) -> str:
    """Return the address to call, without a trailing slash."""
    return str(config["host"] or HOSTS[config["region"]]).rstrip("/")
