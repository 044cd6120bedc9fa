"""Answers of before scores were counted, counted by their language, too; when a person had a notice told again.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.add_column("notice", sa.Column("again_at", Instant(), nullable=True))
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        # A hub of before that still takes answers counts each of them as a whole before this, or behind it.
        op.execute("LOCK TABLE score_count IN EXCLUSIVE MODE")
    for statement in COUNT_ANEW[dialect]:
        op.execute(statement)


COUNT_ANEW = {
    dialect: (
        "DELETE FROM score_count WHERE segment = 'language'",
        f"""
        INSERT INTO score_count (survey_id, segment, value, day, score, number)
        SELECT survey_id, 'language', language, {day}, score, count(*) FROM response
        WHERE language <> '' GROUP BY survey_id, language, {day}, score
        """,  # noqa: S608  words of our own
    )
    for dialect, day in {
        "sqlite": "rated_at / 86400000000",
        "postgresql": "CAST(floor(extract(epoch FROM rated_at) / 86400) AS integer)",
    }.items()
}
