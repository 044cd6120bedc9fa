"""What operators configure: the schema of a `smtp` connection, and the relay it describes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from hub.plugin import Secret

from .sender import Sender

IMPLICIT_TLS_PORT = 465


class SmtpSchema(Schema):
    """The settings of a `smtp` connection."""

    host = fields.String(
        required=True,
        validate=validate.Regexp(
            r"(?![^:]*:[^:]*\Z)[^\s/@]+\Z", error="Give a host name or an IP address, without a port."
        ),
        metadata={"help": "Name or address of the mail server."},
    )
    port = fields.Integer(
        strict=True,
        load_default=587,
        validate=validate.Range(1, 65535),
        metadata={"help": "587 for submission, 465 for TLS from the first byte, 25 for a relay of your own."},
    )
    security = fields.String(
        load_default="auto",
        validate=validate.OneOf(
            ["auto", "starttls", "tls", "none"],
            labels=[
                "auto: as port and server have it",
                "starttls: STARTTLS, or no mail",
                "tls: TLS from the first byte, or no mail",
                "none: never encrypted",
            ],
        ),
        metadata={
            "help": "auto: TLS on port 465, elsewhere STARTTLS when the server offers it (a must with a "
            "username, unless the server is this machine). starttls and tls insist on it, none does without."
        },
    )
    verify_tls = fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=True,
        metadata={
            "label": "Check the certificate",
            "help": "Whether the server's certificate must be valid. With auto, this machine is believed.",
        },
    )
    username = fields.String(
        load_default=None, allow_none=True, metadata={"help": "Login name, when the server wants one."}
    )
    password = Secret(load_default=None, allow_none=True, metadata={"help": "Password of that login."})
    sender = fields.String(
        data_key="from",
        required=True,
        metadata={"label": "Sender", "help": 'The sender that customers see: "Acme <hello@acme.example>".'},
    )
    timeout_s = fields.Float(
        load_default=30.0,
        validate=validate.Range(min=0, min_inclusive=False, max=60),
        metadata={"help": "Seconds to wait for each answer of the server.", "rare": True},
    )
    helo = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(r"[!-~]+\Z", error="Give a host name or an address literal in ASCII."),
        metadata={
            "label": "Greeting name",
            "help": "Name to greet the server with. Default: this machine's full name.",
            "rare": True,
        },
    )
    messages_per_connection = fields.Integer(
        strict=True,
        load_default=100,
        validate=validate.Range(min=1),
        metadata={"help": "Messages after which a connection is replaced by a new one.", "rare": True},
    )
    connections = fields.Integer(
        strict=True,
        load_default=16,
        validate=validate.Range(1, 100),
        metadata={
            "help": "Connections at once of each worker process, and the most mails in doubt after it was killed. "
            "Many servers limit them for one client (Postfix: 50).",
            "rare": True,
        },
    )

    @validates_schema
    def _check_sender(self, settings: Mapping[str, Any], **_: Any) -> None:
        try:
            Sender.parse(settings["sender"])
        except ValueError as error:
            raise ValidationError(str(error), field_name="from") from None

    @validates_schema
    def _check_login(self, settings: Mapping[str, Any], **_: Any) -> None:
        username, password = settings["username"], settings["password"]
        if username and not password:
            raise ValidationError("A username needs a password.", field_name="password")
        if password and not username:
            raise ValidationError("A password needs a username.", field_name="username")
        if not (username or "").isascii():
            raise ValidationError("Only ASCII characters can be sent at login.", field_name="username")
        if not (password or "").isascii():
            raise ValidationError("Only ASCII characters can be sent at login.", field_name="password")
        if username and settings["security"] == "none" and not is_loopback(settings["host"]):
            raise ValidationError(
                "The password would cross the network unencrypted. Use auto, starttls or tls.",
                field_name="security",
            )


@dataclass(frozen=True, kw_only=True)
class Relay:
    """A mail server, and how to talk to it."""

    host: str
    port: int
    implicit_tls: bool
    may_starttls: bool
    must_starttls: bool
    verify_tls: bool
    username: str | None
    password: str | None = field(repr=False)
    timeout_s: float
    helo: str | None
    messages_per_connection: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Relay:
        """Return the relay that settings loaded by `SmtpSchema` describe."""
        security, local = config["security"], is_loopback(config["host"])
        username = config["username"] or None
        implicit_tls = security == "tls" or (security == "auto" and config["port"] == IMPLICIT_TLS_PORT)
        return cls(
            host=config["host"].strip("[]"),
            port=config["port"],
            implicit_tls=implicit_tls,
            may_starttls=not implicit_tls and security in ("auto", "starttls"),
            must_starttls=security == "starttls"
            or (security == "auto" and not implicit_tls and username is not None and not local),
            # Debian's Postfix offers STARTTLS to local clients with a certificate nobody signed.
            verify_tls=config["verify_tls"] and not (security == "auto" and local),
            username=username,
            password=config["password"] or None,
            timeout_s=config["timeout_s"],
            helo=config["helo"] or None,
            messages_per_connection=config["messages_per_connection"],
        )


def is_loopback(host: str) -> bool:
    """Whether mail to `host` stays on this machine, judged by the name alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
