"""Answers of customers, newest first: filtered by what an index gives, or looked through a bounded way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, tuple_

from hub.admin.names import survey_named, survey_names
from hub.admin.paging import Page, Slice, cursor_at, newest_first, position
from hub.admin.scoring.scores import Segment, check_segment
from hub.config import ConfigError
from hub.domain.scores import Band, band_of
from hub.domain.texts import BEST_RATING
from hub.pipeline.hub import Hub
from hub.registry import Configuration
from hub.store.score_counts import LANGUAGE
from hub.store.sql import is_among
from hub.store.tables import response, response_tag, survey

LOOKED_THROUGH = 5_000
"""Answers that one look goes through where no index helps."""
AT_FIRST, MORE_EACH_TIME = 200, 5
"""How many are read first, for most looks soon find enough; and how many times as many then."""
SEARCHED = 10_000
"""Characters of a comment that are searched."""
_KEYS = (response.c.rated_at, response.c.id)


@dataclass(frozen=True, kw_only=True)
class GivenResponse:
    """An answer as it now stands. `rated_at` is when the score was given.

    `language` is that of the survey, and `segments` the traits of the person by which scores are counted, both as they
    were when the answer was given. `ratings` are the survey's other ratings, 1 to 5 by name, and `texts_version` is of
    what the customer saw (`hub.admin.configuration.texts.version`); None where that was not recorded yet.
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
    segments: Mapping[str, str]
    tags: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Rated:
    """How something was rated beside the score, from 1 to 5."""

    name: str
    score: int

    def __str__(self) -> str:
        return f"{self.name}={self.score}"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which answers; None is any. `since` is included, `until` is not.

    `said` is looked for in comments, in small letters and large.
    """

    survey: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    band: Band | None = None
    score: int | None = None
    tag: str | None = None
    segment: Segment | None = None
    rated: Rated | None = None
    has_comment: bool | None = None
    said: str | None = None

    @property
    def scores(self) -> Sequence[int] | None:
        """Return the scores to look for, None for any."""
        if self.score is None and self.band is None:
            return None
        return [one for one in range(11) if self.score in (None, one) and self.band in (None, band_of(one))]

    @property
    def is_looked_through(self) -> bool:
        """Return whether no index gives them: answers are looked at one after the other."""
        by_index = self.segment is None and self.rated is None and self.has_comment is None
        return not by_index or bool(self.said)


@dataclass(frozen=True, kw_only=True)
class Found(Page[GivenResponse]):
    """A page of answers. `looked_back_to` is how far back was looked, None when nothing was left out."""

    looked_back_to: datetime | None = field(default=None)


def responses(hub: Hub, wanted: Wanted, part: Slice) -> Found:
    """Return answers, the newest rating first. Raises NotThere for an unknown survey or trait.

    Where no index helps, `LOOKED_THROUGH` answers are looked at: a page may then have few, or none, and a next one.
    """
    configuration = hub.registry.current()
    check_segment(configuration, wanted.segment)
    with hub.store.read() as connection:
        if wanted.is_looked_through:
            return _look_through(connection, configuration, wanted, part)
        page = newest_first(connection, _streams(connection, configuration, wanted), _KEYS, part)
        return Found(items=as_given(connection, page.items), next_cursor=page.next_cursor)


def batches(hub: Hub, wanted: Wanted, at_once: int) -> Iterator[Sequence[GivenResponse]]:
    """Yield all answers, some at a time, each time in a transaction of its own: nobody has to wait for it.

    What is given or rated anew after the first is newer, and not looked at. Raises as `responses` does.
    """
    configuration = hub.registry.current()
    check_segment(configuration, wanted.segment)
    cursor: str | None = None
    while True:
        with hub.store.read() as connection:
            found = _streams(connection, configuration, _by_time_alone(wanted))
            page = newest_first(connection, found, _KEYS, Slice(limit=at_once, cursor=cursor))
            given = as_given(connection, [row for row in page.items if _is_wanted(wanted, row)])
        yield given  # outside of the transaction: who takes it may be slow
        cursor = page.next_cursor
        if cursor is None:
            return


def rated_in(text: str, field: str) -> Rated:
    """Return the rating that is written as `support=1`. Raises ConfigError naming the field it stands in."""
    name, _, score = text.rpartition("=")
    if not name or score not in {str(one) for one in range(1, BEST_RATING + 1)}:
        raise ConfigError([f"{field}: is written as a name and a number from 1 to {BEST_RATING}, such as support=1"])
    return Rated(name=name, score=int(score))


def survey_ids(connection: Connection, configuration: Configuration, name: str | None) -> Sequence[str]:
    """Return the id of one survey, or of all there ever were, for lists that an index gives a survey."""
    if name is not None:
        return [survey_named(configuration, name).id]
    return connection.scalars(select(survey.c.id)).all()


def _streams(
    connection: Connection, configuration: Configuration, wanted: Wanted, columns: Iterable[Any] = (response,)
) -> list[Select[Any]]:
    """Return selections that together give the answers, each in an order that an index has."""
    base = select(*columns)
    within = [response.c.rated_at >= wanted.since] if wanted.since is not None else []
    within += [response.c.rated_at < wanted.until] if wanted.until is not None else []
    of_survey = [response.c.survey_id == survey_named(configuration, wanted.survey).id] if wanted.survey else []
    scores = wanted.scores
    if wanted.person is not None or wanted.tag is not None:
        if wanted.tag is not None:
            base = base.join(response_tag, response_tag.c.response_id == response.c.id)
        few = _of_few(wanted)
        of_scores = [is_among(connection, response.c.score, scores)] if scores is not None else []
        return [base.where(*few, *of_survey, *of_scores, *within)]
    if scores is None:
        return [base.where(*of_survey, *within)]
    ids = survey_ids(connection, configuration, wanted.survey)
    return [
        base.where(response.c.survey_id == id, response.c.score == score, *within) for id in ids for score in scores
    ]


def _of_few(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions that leave few answers, so that it costs little to put them in order."""
    found = [response_tag.c.tag == wanted.tag] if wanted.tag is not None else []
    return [*found, response.c.person_id == wanted.person] if wanted.person is not None else found


def as_given(connection: Connection, rows: Sequence[Any]) -> list[GivenResponse]:
    """Return rows of `response` as answers."""
    names, tags = survey_names(connection), tags_of(connection, [row.id for row in rows])
    return [
        GivenResponse(
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
            first_rated_at=row.first_rated_at,
            rated_at=row.rated_at,
            updated_at=row.updated_at,
            language=row.language,
            segments=row.segments,
            tags=tags.get(row.id, []),
        )
        for row in rows
    ]


def tags_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the tags of answers, by the id of those that have any."""
    found: dict[str, list[str]] = {}
    if ids:
        theirs = select(response_tag).where(is_among(connection, response_tag.c.response_id, ids))
        for row in connection.execute(theirs.order_by(response_tag.c.tag)):
            found.setdefault(row.response_id, []).append(row.tag)
    return found


# Looked through, one after the other


def _look_through(connection: Connection, configuration: Configuration, wanted: Wanted, part: Slice) -> Found:
    found: list[Any] = []
    after: Sequence[Any] | None = None if part.cursor is None else position(part.cursor, _KEYS)
    left, at_once = LOOKED_THROUGH, min(AT_FIRST, LOOKED_THROUGH)
    while True:
        rows = connection.execute(_next(connection, configuration, wanted, after, at_once)).all()
        for row in rows:
            if not _is_wanted(wanted, row):
                continue
            if len(found) == part.limit:
                cursor = cursor_at((found[-1].rated_at, found[-1].id))
                return Found(items=_whole(connection, found), next_cursor=cursor)
            found.append(row)
        left -= len(rows)
        if len(rows) < at_once:
            return Found(items=_whole(connection, found))
        after = (rows[-1].rated_at, rows[-1].id)
        if not left:
            back_to = rows[-1].rated_at
            return Found(items=_whole(connection, found), next_cursor=cursor_at(after), looked_back_to=back_to)
        at_once = min(MORE_EACH_TIME * at_once, left)


def _next(
    connection: Connection, configuration: Configuration, wanted: Wanted, after: Sequence[Any] | None, at_once: int
) -> Select[Any]:
    """Return the next answers to look at, with no more of each than is looked at."""
    columns: list[Any] = [response.c.id, response.c.rated_at, response.c.score, response.c.language]
    columns += [response.c.segments] if wanted.segment is not None else []
    columns += [response.c.ratings] if wanted.rated is not None else []
    columns += [func.substr(response.c.comment, 1, SEARCHED).label("comment")]
    [way] = _streams(connection, configuration, _by_time_alone(wanted), columns)
    if after is not None:
        bound = tuple_(*(literal(value, key.type) for value, key in zip(after, _KEYS, strict=True)))
        way = way.where(tuple_(*_KEYS) < bound)
    return way.order_by(*(key.desc() for key in _KEYS)).limit(at_once)


def _by_time_alone(wanted: Wanted) -> Wanted:
    """Return what gives answers in one stream; by score there would be many, each read ahead."""
    return replace(wanted, band=None, score=None)


def _is_wanted(wanted: Wanted, row: Any) -> bool:
    if wanted.scores is not None and row.score not in wanted.scores:
        return False
    segment = wanted.segment
    if segment is not None and segment.value != (
        row.language if segment.name == LANGUAGE else row.segments.get(segment.name)
    ):
        return False
    if wanted.rated is not None and row.ratings.get(wanted.rated.name) != wanted.rated.score:
        return False
    if wanted.has_comment is not None and wanted.has_comment != bool(row.comment.strip()):
        return False
    return not wanted.said or wanted.said.casefold() in row.comment[:SEARCHED].casefold()


def _whole(connection: Connection, found: Sequence[Any]) -> list[GivenResponse]:
    ids = [row.id for row in found]
    rows = connection.execute(select(response).where(is_among(connection, response.c.id, ids)))
    by_id = {row.id: row for row in rows}
    return as_given(connection, [by_id[id] for id in ids if id in by_id])
