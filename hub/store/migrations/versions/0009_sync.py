"""Outbox rows name their survey: at some targets only an answer to the same one overtakes.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.add_column("outbox", sa.Column("survey_id", sa.Text, nullable=False, server_default=""))
    op.execute(
        "UPDATE outbox SET survey_id = (SELECT survey_id FROM response WHERE response.id = outbox.response_id) "
        "WHERE EXISTS (SELECT 1 FROM response WHERE response.id = outbox.response_id)"
    )
