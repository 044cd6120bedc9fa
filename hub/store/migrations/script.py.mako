"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import BigId, Instant, Json

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    parts = context.config.attributes["parts"]
    if "intake" in parts:
        upgrade_intake()
    if "hub" in parts:
        upgrade_hub()
