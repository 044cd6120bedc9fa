"""Ratings beside the score, counted as answers come in.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "rating_count",
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rating", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("survey_id", "segment", "value", "day", "rating", "score"),
        comment="How many answers rated what else a survey asks 1 to 5, by the UTC day of the score and segment",
    )
    op.execute(FILL[op.get_bind().dialect.name])


FILL = {
    dialect: f"""
        INSERT INTO rating_count (survey_id, segment, value, day, rating, score, number)
        WITH said AS (
            SELECT survey_id, {day} AS day, language, segments, rated.key AS rating,
                CAST(rated.value AS integer) AS score
            FROM response, {each}(CAST(ratings AS {json})) AS rated WHERE ratings <> '{{}}'
        )
        SELECT survey_id, segment, value, day, rating, score, count(*) FROM (
            SELECT survey_id, '' AS segment, '' AS value, day, rating, score FROM said
            UNION ALL
            SELECT survey_id, 'language', language, day, rating, score FROM said WHERE language <> ''
            UNION ALL
            SELECT survey_id, counted.key, counted.value, day, rating, score
            FROM said, {each}(CAST(segments AS {json})) AS counted
        ) AS all_of_them GROUP BY survey_id, segment, value, day, rating, score
    """  # noqa: S608  words of our own
    for dialect, day, each, json in (
        ("sqlite", "rated_at / 86400000000", "json_each", "text"),
        ("postgresql", "CAST(floor(extract(epoch FROM rated_at) / 86400) AS integer)", "json_each_text", "json"),
    )
}
