"""Tokens of the API, and indexes that give its lists in their order.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import Instant, Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "api_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_hash"),
        comment="Who may use the API; of the token itself only a hash is kept",
    )
    op.create_index(
        "api_token_name",
        "api_token",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index("event_reason", "event", ["reason", "arrived_at", "id"])
    op.create_index("decision_reason", "decision", ["reason", "decided_at", "event_id"])
    op.create_index("invitation_state", "invitation", ["survey_id", "state", "id"])
    op.create_index("suppression_reason", "suppression", ["reason", "created_at", "key"])
    op.drop_index("response_survey", "response")
    op.create_index("response_survey", "response", ["survey_id", "rated_at", "id", "score"])
    op.create_index(
        "outbox_parked",
        "outbox",
        ["target_id", "done_at", "message_id"],
        sqlite_where=sa.text("state IN ('parked')"),
        postgresql_where=sa.text("state IN ('parked')"),
    )
