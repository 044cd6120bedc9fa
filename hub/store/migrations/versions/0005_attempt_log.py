"""An index that gives a channel's attempts in their order.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" in context.config.attributes["parts"]:
        op.create_index("attempt_channel", "attempt", ["channel_id", "id"])
