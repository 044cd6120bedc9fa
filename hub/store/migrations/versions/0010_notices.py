"""What listeners are told, and the weekly reports by mail.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import Instant, Json

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "notice",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("listener_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("survey_id", sa.Text),
        sa.Column("invitation_id", sa.Text),
        sa.Column("data", Json, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", Instant, nullable=False),
        sa.Column("claim", sa.Text),
        sa.Column("lease_until", Instant),
        sa.Column("code", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("done_at", Instant),
        sa.PrimaryKeyConstraint("id"),
        comment="What listeners are told; people are found by the invitation, which follows them",
    )
    pending, leased = sa.text("state IN ('pending')"), sa.text("state IN ('leased')")
    op.create_index(
        "notice_next", "notice", ["listener_id", "next_attempt_at"], sqlite_where=pending, postgresql_where=pending
    )
    op.create_index("notice_lease", "notice", ["lease_until"], sqlite_where=leased, postgresql_where=leased)
    op.create_index("notice_invitation", "notice", ["invitation_id"])
    op.create_index("notice_listener", "notice", ["listener_id", "id"])
    op.create_index("notice_at", "notice", ["at"])
    op.create_table(
        "report_mail",
        sa.Column("slot", Instant, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", Instant, nullable=False),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("slot", "recipient"),
        comment="Weekly reports by mail, one a recipient and week",
    )
