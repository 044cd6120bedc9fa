"""The first schema.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import BigId, Instant, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    parts = context.config.attributes["parts"]
    if "intake" in parts:
        upgrade_intake()
    if "hub" in parts:
        upgrade_hub()


def upgrade_intake() -> None:
    op.create_table(
        "body",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("arrived_at", Instant(), nullable=False),
        sa.Column("deaths", sa.Integer(), server_default="0", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="Accepted request bodies that are not decided yet",
    )


def upgrade_hub() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("invitation_id", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attempt_invitation", "attempt", ["invitation_id"], unique=False)
    op.create_table(
        "connection",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("config", Json(), nullable=False),
        sa.Column("options", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("retired_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="Configured sources, channels and targets; secrets in config are encrypted",
    )
    op.create_index(
        "connection_name",
        "connection",
        ["role", "name"],
        unique=True,
        sqlite_where=sa.text("retired_at IS NULL"),
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "connection_state",
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("paused_until", Instant(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("faults", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tokens", sa.Double(), nullable=True),
        sa.Column("refilled_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("connection_id"),
        comment="How channels and targets do: paused or not, failures and faults in a row, the bucket of a rate",
    )
    op.create_table(
        "decision",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("eligible_again_at", Instant(), nullable=True),
        sa.Column("invitation_id", sa.Text(), nullable=True),
        sa.Column("inputs", Json(), nullable=False),
        sa.Column("rules_version", sa.Integer(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "survey_id"),
    )
    op.create_table(
        "echo_trait",
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="Every trait name that any target was ever set to write",
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("arrived_at", Instant(), nullable=False),
        sa.Column("timestamp", Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_id", "message_id", name="event_message"),
    )
    op.create_index("event_person", "event", ["person_id", "arrived_at"], unique=False)
    op.create_table(
        "identity",
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "kind", "value"),
    )
    op.create_index("identity_person", "identity", ["person_id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("created_at_basis", Instant(), nullable=True),
        sa.Column("scheduled_at", Instant(), nullable=False),
        sa.Column("late_from", Instant(), nullable=True),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tried", Json(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("channel_id", sa.Text(), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("concluded_at", Instant(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("invitation_due", "invitation", ["survey_id", "due_at"], unique=False)
    op.create_index(
        "invitation_lease",
        "invitation",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    )
    op.create_index("invitation_mailbox", "invitation", ["mailbox"], unique=False)
    op.create_index(
        "invitation_next",
        "invitation",
        ["survey_id", "next_attempt_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('scheduled', 'queued')"),
        postgresql_where=sa.text("state IN ('scheduled', 'queued')"),
    )
    op.create_index(
        "invitation_open",
        "invitation",
        ["survey_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('scheduled', 'held', 'queued', 'claimed')"),
        postgresql_where=sa.text("state IN ('scheduled', 'held', 'queued', 'claimed')"),
    )
    op.create_index("invitation_person", "invitation", ["person_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("response_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("rated_at", Instant(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("done_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("target_id", "message_id"),
    )
    op.create_index("outbox_message", "outbox", ["message_id"], unique=False)
    op.create_index(
        "outbox_next",
        "outbox",
        ["target_id", "next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending')"),
        postgresql_where=sa.text("state IN ('pending')"),
    )
    op.create_index(
        "outbox_lease",
        "outbox",
        ["target_id", "lease_until"],
        unique=False,
        sqlite_where=sa.text("state IN ('leased')"),
        postgresql_where=sa.text("state IN ('leased')"),
    )
    op.create_index("outbox_person", "outbox", ["person_id"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=True),
        sa.Column("first_id", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=True),
        sa.Column("profile", Json(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("locale_at", Instant(), nullable=True),
        sa.Column("future_created_at", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("person_mailbox", "person", ["mailbox"], unique=False)
    op.create_table(
        "process",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="Heartbeats of web, worker and scheduler processes",
    )
    op.create_table(
        "response",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("invitation_id", sa.Text(), nullable=False),
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("first_rated_at", Instant(), nullable=False),
        sa.Column("rated_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("invitation_id"),
    )
    op.create_index("response_person", "response", ["person_id"], unique=False)
    op.create_index("response_survey", "response", ["survey_id", "rated_at"], unique=False)
    op.create_table(
        "response_version",
        sa.Column("response_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("response_id", "version"),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", Json(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="hub_id, the revision of the configuration, the fingerprint of the secret key",
    )
    op.create_table(
        "suppression",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
        comment="Never mailed; `key` is a one-way fingerprint, so that it outlives an erasure",
    )
    op.create_index("suppression_mailbox", "suppression", ["mailbox"], unique=False)
    op.create_table(
        "survey",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("paused_at", Instant(), nullable=True),
        sa.Column("pauses", Json(), nullable=False),
        sa.Column("settings", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("retired_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "sync_run",
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("counts", Json(), nullable=False),
        sa.PrimaryKeyConstraint("target_id", "kind", "slot"),
    )
    op.create_table(
        "survey_connection",
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connection.id"],
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"],
            ["survey.id"],
        ),
        sa.PrimaryKeyConstraint("survey_id", "role", "position"),
    )
