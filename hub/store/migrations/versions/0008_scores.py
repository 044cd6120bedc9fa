"""Scores counted as answers come in, what an answer is counted under, and tags.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import Instant, Json

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.add_column("response", sa.Column("segments", Json(), nullable=False, server_default="{}"))
    op.drop_index("response_survey", "response")
    op.create_index("response_survey", "response", ["survey_id", "rated_at", "id"])
    op.create_index("response_rated", "response", ["rated_at", "id"])
    op.create_index("response_score", "response", ["survey_id", "score", "rated_at", "id"])
    op.create_table(
        "response_tag",
        sa.Column("response_id", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("response_id", "tag"),
        comment="What people put on answers to find them again",
    )
    op.create_index("response_tag_tag", "response_tag", ["tag", "response_id"])
    op.create_table(
        "score_count",
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("score", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("survey_id", "segment", "value", "day", "score"),
        comment="How many answers gave each score, by the UTC day of rating (days since 1970) and segment",
    )
    op.create_table(
        "asking_count",
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("counted_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("survey_id", "day"),
        comment="Mails that fell due on a UTC day (days since 1970): how many were sent, and answered, "
        "when it was counted",
    )
    op.execute(FILL[op.get_bind().dialect.name])


FILL = {
    dialect: f"""
        INSERT INTO score_count (survey_id, segment, value, day, score, number)
        SELECT survey_id, '', '', {day}, score, count(*) FROM response GROUP BY survey_id, {day}, score
    """  # noqa: S608  words of our own
    for dialect, day in {
        "sqlite": "rated_at / 86400000000",
        "postgresql": "CAST(floor(extract(epoch FROM rated_at) / 86400) AS integer)",
    }.items()
}
