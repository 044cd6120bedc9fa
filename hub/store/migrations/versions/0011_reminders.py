"""Reminders, and what a person wants sent now.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.add_column("invitation", sa.Column("at_once", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("invitation", sa.Column("reminder_of", sa.Text()))
    op.add_column("invitation", sa.Column("reminder_number", sa.Integer(), nullable=False, server_default="0"))
    _partial_index("invitation_sent", "survey_id", "sent_at", where="state IN ('sent')")
    _partial_index(
        "invitation_reminder", "reminder_of", "reminder_number", where="reminder_of IS NOT NULL", unique=True
    )
    op.create_table(
        "reminding",
        sa.Column("survey_id", sa.Text(), primary_key=True),
        sa.Column("sent_until", Instant(), nullable=False),
        comment="Surveys that send reminders: whose mail was sent until then was looked at, and is not once more",
    )


def _partial_index(name: str, *columns: str, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "invitation", list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )
