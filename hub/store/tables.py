"""The tables. Everything else in `hub.store` are queries on them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from hub.store.types import BigId, Instant, Json

metadata = MetaData()
intake_metadata = MetaData()
"""On SQLite a file of its own, so that the one writer of a file never makes senders wait for deciders."""


def _partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index on the rows that `where` holds for."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def _state_in(*states: str) -> str:
    return "state IN ({})".format(", ".join(f"'{state}'" for state in states))


body = Table(
    "body",
    intake_metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("source_id", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("arrived_at", Instant, nullable=False),
    Column("deaths", Integer, nullable=False, server_default="0"),
    Column("body", LargeBinary, nullable=False),
    comment="Accepted request bodies that are not decided yet",
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Json, nullable=False),
    comment="hub_id, the revision of the configuration, the fingerprint of the secret key",
)

connection = Table(
    "connection",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("config", Json, nullable=False),
    Column("options", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("retired_at", Instant),
    _partial_index("connection_name", "role", "name", unique=True, where="retired_at IS NULL"),
    comment="Configured sources, channels and targets; secrets in config are encrypted",
)

survey = Table(
    "survey",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False),
    Column("paused_at", Instant),
    Column("pauses", Json, nullable=False),
    Column("settings", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("retired_at", Instant),
)

survey_connection = Table(
    "survey_connection",
    metadata,
    Column("survey_id", Text, ForeignKey("survey.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("connection_id", Text, ForeignKey("connection.id"), nullable=False),
)

survey_texts = Table(
    "survey_texts",
    metadata,
    Column("survey_id", Text, ForeignKey("survey.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", Json, nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("saved_by", Text),
    comment="Every version of what customers see of a survey; invitations and responses name theirs",
)

logo = Table(
    "logo",
    metadata,
    Column("name", Text, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("image", LargeBinary, nullable=False),
    comment="Logos that surveys have or had: mails that were sent still show them",
)

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("first_seen_at", Instant),
    Column("first_id", Text, nullable=False),
    Column("mailbox", Text),
    Column("profile", Json, nullable=False),
    Column("locale", Text),
    Column("timezone", Text),
    Column("locale_at", Instant),
    Column("future_created_at", Json, nullable=False),
    Index("person_mailbox", "mailbox"),
)

identity = Table(
    "identity",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Index("identity_person", "person_id"),
)

event = Table(
    "event",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("person_id", Text),
    Column("arrived_at", Instant, nullable=False),
    Column("timestamp", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("note", Text),
    Column("payload", LargeBinary),
    UniqueConstraint("source_id", "message_id", name="event_message"),
    Index("event_person", "person_id", "arrived_at"),
    Index("event_reason", "reason", "arrived_at", "id"),
)

decision = Table(
    "decision",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("survey_id", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("due_at", Instant),
    Column("eligible_again_at", Instant),
    Column("invitation_id", Text),
    Column("inputs", Json, nullable=False),
    Column("rules_version", Integer, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Index("decision_reason", "reason", "decided_at", "event_id"),
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("survey_id", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("due_at", Instant, nullable=False),
    Column("created_at_basis", Instant),
    Column("scheduled_at", Instant, nullable=False),
    Column("late_from", Instant),
    Column("next_attempt_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tried", Json, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("claim", Text),
    Column("lease_until", Instant),
    Column("channel_id", Text),
    Column("texts_version", Integer),
    Column("language", Text),
    Column("sent_at", Instant),
    Column("concluded_at", Instant),
    Column("provider_id", Text),
    Column("note", Text),
    Column("at_once", Boolean, nullable=False, server_default=false()),
    Column("reminder_of", Text),
    Column("reminder_number", Integer, nullable=False, server_default="0"),
    # One open invitation a survey and person. `sending` stands outside: two people found to be one may both have a
    # mail on its way, and neither can be called back.
    _partial_index(
        "invitation_open",
        "survey_id",
        "person_id",
        unique=True,
        where=_state_in("scheduled", "held", "queued", "claimed"),
    ),
    _partial_index("invitation_next", "survey_id", "next_attempt_at", "id", where=_state_in("scheduled", "queued")),
    _partial_index("invitation_lease", "lease_until", where=_state_in("claimed", "sending")),
    Index("invitation_person", "person_id"),
    Index("invitation_mailbox", "mailbox"),
    Index("invitation_due", "survey_id", "due_at"),
    Index("invitation_state", "survey_id", "state", "id"),
    _partial_index("invitation_sent", "survey_id", "sent_at", where=_state_in("sent")),
    _partial_index(
        "invitation_reminder", "reminder_of", "reminder_number", unique=True, where="reminder_of IS NOT NULL"
    ),
)

reminding = Table(
    "reminding",
    metadata,
    Column("survey_id", Text, primary_key=True),
    Column("sent_until", Instant, nullable=False),
    comment="Surveys that send reminders: whose mail was sent until then was looked at, and is not once more",
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("invitation_id", Text, nullable=False),
    Column("channel_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("attempt_invitation", "invitation_id"),
    Index("attempt_channel", "channel_id", "id"),
)

suppression = Table(
    "suppression",
    metadata,
    Column("key", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("mailbox", Text),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("note", Text),
    Index("suppression_mailbox", "mailbox"),
    Index("suppression_reason", "reason", "created_at", "key"),
    comment="Never mailed; `key` is a one-way fingerprint, so that it outlives an erasure",
)

response = Table(
    "response",
    metadata,
    Column("id", Text, primary_key=True),
    Column("invitation_id", Text, nullable=False, unique=True),
    Column("survey_id", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("score", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("ratings", Json, nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False),
    Column("texts_version", Integer),
    Column("language", Text),
    Column("first_rated_at", Instant, nullable=False),
    Column("rated_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("segments", Json, nullable=False, server_default="{}"),
    Index("response_person", "person_id"),
    Index("response_rated", "rated_at", "id"),
    Index("response_survey", "survey_id", "rated_at", "id"),
    Index("response_score", "survey_id", "score", "rated_at", "id"),
)

response_version = Table(
    "response_version",
    metadata,
    Column("response_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("score", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("ratings", Json, nullable=False, server_default="{}"),
    Column("at", Instant, nullable=False),
)

opening = Table(
    "opening",
    metadata,
    Column("id", Text, primary_key=True),
    Column("invitation_id", Text, nullable=False),
    Column("score", Integer),
    Column("at", Instant, nullable=False),
    Index("opening_invitation", "invitation_id"),
    comment="Times that survey links were opened, for people to see; nothing is decided by them",
)

response_tag = Table(
    "response_tag",
    metadata,
    Column("response_id", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Index("response_tag_tag", "tag", "response_id"),
    comment="What people put on answers to find them again",
)

score_count = Table(
    "score_count",
    metadata,
    Column("survey_id", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("score", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    comment="How many answers gave each score, by the UTC day of rating (days since 1970) and segment",
)

rating_count = Table(
    "rating_count",
    metadata,
    Column("survey_id", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("rating", Text, primary_key=True),
    Column("score", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    comment="How many answers rated what else a survey asks 1 to 5, by the UTC day of the score and segment",
)

asking_count = Table(
    "asking_count",
    metadata,
    Column("survey_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("sent", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("counted_at", Instant, nullable=False),
    comment="Mails that fell due on a UTC day (days since 1970): how many were sent, and answered, when it was counted",
)

outbox = Table(
    "outbox",
    metadata,
    Column("target_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("response_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Instant, nullable=False),
    Column("claim", Text),
    Column("lease_until", Instant),
    Column("code", Text),
    Column("note", Text),
    Column("rated_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("survey_id", Text, nullable=False, server_default=""),
    _partial_index("outbox_next", "target_id", "next_attempt_at", where=_state_in("pending")),
    _partial_index("outbox_lease", "target_id", "lease_until", where=_state_in("leased")),
    Index("outbox_person", "person_id"),
    Index("outbox_message", "message_id"),
    _partial_index("outbox_parked", "target_id", "done_at", "message_id", where=_state_in("parked")),
)

sync_run = Table(
    "sync_run",
    metadata,
    Column("target_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("slot", Text, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("counts", Json, nullable=False),
)

connection_state = Table(
    "connection_state",
    metadata,
    Column("connection_id", Text, primary_key=True),
    Column("paused_until", Instant),
    Column("why", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("faults", Integer, nullable=False, server_default="0"),
    Column("tokens", Double),
    Column("refilled_at", Instant),
    comment="How channels and targets do: paused or not, failures and faults in a row, the bucket of a rate",
)

notice = Table(
    "notice",
    metadata,
    Column("id", Text, primary_key=True),
    Column("listener_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("survey_id", Text),
    Column("invitation_id", Text),
    Column("data", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Instant, nullable=False),
    Column("claim", Text),
    Column("lease_until", Instant),
    Column("code", Text),
    Column("note", Text),
    Column("done_at", Instant),
    Column("again_at", Instant),
    _partial_index("notice_next", "listener_id", "next_attempt_at", where=_state_in("pending")),
    _partial_index("notice_lease", "lease_until", where=_state_in("leased")),
    Index("notice_invitation", "invitation_id"),
    Index("notice_listener", "listener_id", "id"),
    Index("notice_at", "at"),
    comment="What listeners are told; people are found by the invitation, which follows them",
)

report_mail = Table(
    "report_mail",
    metadata,
    Column("slot", Instant, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Instant, nullable=False),
    Column("note", Text),
    comment="Weekly reports by mail, one a recipient and week",
)

echo_trait = Table(
    "echo_trait",
    metadata,
    Column("name", Text, primary_key=True),
    comment="Every trait name that any target was ever set to write",
)

forgetting = Table(
    "forgetting",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection_id", Text, nullable=False),
    Column("user_id", Text),
    Column("anonymous_ids", Json, nullable=False),
    Column("email", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Instant, nullable=False),
    Index("forgetting_next", "next_attempt_at"),
    comment="Whom a connection still has to forget; a row is deleted once it has",
)

process = Table(
    "process",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    comment="Heartbeats of web, worker and scheduler processes",
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    _partial_index("api_token_name", "name", unique=True, where="revoked_at IS NULL"),
    comment="Who may use the API; of the token itself only a hash is kept",
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant),
    Column("disabled_at", Instant),
    comment="Who may log in; names are case-folded",
)

session = Table(
    "session",
    metadata,
    Column("key_hash", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("account.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("user_agent", Text, nullable=False),
    Index("session_account", "account_id"),
    comment="Browsers that are logged in; of the cookie only a hash is kept",
)

wrong_login = Table(
    "wrong_login",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name_hash", Text, nullable=False),
    Column("at", Instant, nullable=False),
    comment="Logins that failed or are being tried, for a quarter of an hour; people also type passwords as names",
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Json, nullable=False),
    Index("audit_at", "at", "id"),
    Index("audit_who", "who", "at", "id"),
    Index("audit_action", "action", "at", "id"),
    Index("audit_subject", "subject", "at", "id"),
    comment="Who changed what; never a secret, and customers by their id alone",
)
