"""What connections still have to forget about erased people.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import Instant, Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "forgetting",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("anonymous_ids", Json(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="Whom a connection still has to forget; a row is deleted once it has",
    )
    op.create_index("forgetting_next", "forgetting", ["next_attempt_at"])
