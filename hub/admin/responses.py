"""Answers of customers, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from hub.admin.names import survey_named, survey_names
from hub.admin.paging import Page, Slice, newest_first
from hub.domain.scores import Band, band_of
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store.tables import response, survey


@dataclass(frozen=True, kw_only=True)
class GivenResponse:
    """An answer as it now stands. `rated_at` is when the score was given.

    `ratings` are the survey's other ratings, 1 to 5 by name. `texts_version` and `language` are of what the customer
    saw (`hub.admin.texts.version`); None where that was not recorded yet.
    """

    id: str
    survey: str
    person_id: str
    invitation_id: str
    score: int
    band: Band
    comment: str
    ratings: Mapping[str, int]
    version: int
    texts_version: int | None
    language: str | None
    first_rated_at: datetime
    rated_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which answers; None is any. `since` is included, `until` is not."""

    survey: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def responses(hub: Hub, wanted: Wanted, part: Slice) -> Page[GivenResponse]:
    """Return answers, the newest rating first. Raises NotThere for an unknown survey."""
    configuration = hub.registry.current()
    with hub.store.read() as connection:
        streams = _streams(connection, configuration, wanted)
        page = newest_first(connection, streams, (response.c.rated_at, response.c.id), part)
        names = survey_names(connection)
    return page.map(lambda row: _response(names, row))


def survey_ids(connection: Connection, configuration: Configuration, name: str | None) -> Sequence[str]:
    """Return the id of one survey, or of all there ever were, for lists that an index gives a survey."""
    if name is not None:
        return [survey_named(configuration, name).id]
    return connection.scalars(select(survey.c.id)).all()


def _streams(connection: Connection, configuration: Configuration, wanted: Wanted) -> list[Select[Any]]:
    within = [response.c.rated_at >= wanted.since] if wanted.since is not None else []
    within += [response.c.rated_at < wanted.until] if wanted.until is not None else []
    if wanted.person is None:
        ids = survey_ids(connection, configuration, wanted.survey)
        return [select(response).where(response.c.survey_id == id, *within) for id in ids]
    of_survey = [response.c.survey_id == survey_named(configuration, wanted.survey).id] if wanted.survey else []
    return [select(response).where(response.c.person_id == wanted.person, *of_survey, *within)]


def _response(names: Mapping[str, str], row: Any) -> GivenResponse:
    return GivenResponse(
        id=row.id,
        survey=names[row.survey_id],
        person_id=row.person_id,
        invitation_id=row.invitation_id,
        score=row.score,
        band=band_of(row.score),
        comment=row.comment,
        ratings=row.ratings,
        version=row.version,
        texts_version=row.texts_version,
        language=row.language,
        first_rated_at=row.first_rated_at,
        rated_at=row.rated_at,
        updated_at=row.updated_at,
    )
