"""Who saved a version of what customers see.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" in context.config.attributes["parts"]:
        op.add_column("survey_texts", sa.Column("saved_by", sa.Text(), nullable=True))
