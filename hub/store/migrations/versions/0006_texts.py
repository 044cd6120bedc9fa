"""Texts of surveys with their versions, logos, the language of mails and answers, and ratings beside the score.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from hub.store.types import Instant, Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

survey = sa.table("survey", sa.column("id"), sa.column("settings", Json()), sa.column("created_at", Instant()))


def upgrade() -> None:
    if "hub" not in context.config.attributes["parts"]:
        return
    texts = op.create_table(
        "survey_texts",
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", Json(), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"]),
        sa.PrimaryKeyConstraint("survey_id", "number"),
        comment="Every version of what customers see of a survey; invitations and responses name theirs",
    )
    op.create_table(
        "logo",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="Logos that surveys have or had: mails that were sent still show them",
    )
    for table in ("invitation", "response"):
        op.add_column(table, sa.Column("texts_version", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("language", sa.Text(), nullable=True))
    for table in ("response", "response_version"):
        op.add_column(table, sa.Column("ratings", Json(), server_default="{}", nullable=False))
    for row in op.get_bind().execute(sa.select(survey)).all():
        content = _content(str(row.settings.get("brand") or ""))
        op.execute(sa.insert(texts).values(survey_id=row.id, number=1, content=content, saved_at=row.created_at))


def _content(brand: str) -> dict[str, object]:
    """Return what customers saw of a survey when its brand was all that it could say of itself."""
    return {"language": "en", "brand": brand, "brand_colour": "", "logo": "", "ratings": [], "texts": {}}
