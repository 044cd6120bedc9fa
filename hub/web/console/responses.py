"""Responses: what customers answered, found again, tagged, looked at alone, and taken out as a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, flash, redirect, request, stream_with_context, url_for

from hub.admin.names import rating_names
from hub.admin.people.people import names_of
from hub.admin.responses import one_response as admin
from hub.admin.responses import responses as answers
from hub.admin.responses.one_response import SYNC_WORDS
from hub.admin.responses.responses import Rated, Wanted, rated_in
from hub.admin.responses.responses_export import export_csv, export_json
from hub.admin.scoring import segments
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.domain.scores import Band
from hub.domain.texts import BEST_RATING
from hub.web import guard
from hub.web.backing import hub
from hub.web.console import queries
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show
from hub.web.console.home import asked_segment, days_in, segment_fields

LONGEST_SHOWN = 100_000
"""Characters of a comment; of a longer one the beginning is shown."""
_FORMATS = {"csv": ("text/csv", export_csv), "json": ("application/json", export_json)}


@pages.get("/responses")
def responses() -> Any:
    """Show a page of answers, and what else could be asked for."""
    wanted = _wanted()
    page = answers.responses(hub(), wanted, queries.part())
    names = names_of(hub(), {one.person_id for one in page.items})
    tags = admin.tags(hub())
    return show(
        "responses.html",
        page=page,
        names=names,
        surveys=_surveys(),
        wanted=wanted,
        is_filtered=wanted != Wanted(),
        exports={form: _export_of(form) for form in _FORMATS},
        filters=[queries.survey_field(), queries.select("score", "Score", _SCORES)],
        more=_more(tags, wanted),
        is_more_open=any(request.args.get(name) for name in _MORE),
    )


@pages.get("/responses/export.<string:form>")
def export_responses(form: str) -> Any:
    """Hand out the answers that are asked for, as a file that is written while it is sent."""
    if form not in _FORMATS:
        raise NotThere("Answers are exported as csv or json")
    media, export = _FORMATS[form]
    name = f"responses-{hub().now():%Y-%m-%d}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(stream_with_context(export(hub(), _wanted())), mimetype=media, headers=headers)


@pages.get("/responses/<string:response_id>")
def response(response_id: str) -> Any:
    """Show one answer: how it came to be and where it went."""
    seen = admin.response_of(hub(), response_id)
    names = names_of(hub(), {seen.given.person_id})
    return show(
        "response.html",
        seen=seen,
        one=seen.given,
        person=names.get(seen.given.person_id, seen.given.person_id),
        surveys=_surveys(),
        sync_words=SYNC_WORDS,
        longest=LONGEST_SHOWN,
        offered=admin.tags(hub()),
    )


@pages.post("/responses/<string:response_id>/tags")
@guard.needs("editor")
def tag_response(response_id: str) -> Any:
    """Put a tag on an answer."""
    try:
        admin.tag(hub(), response_id, request.form.get("tag", ""))
    except NotThere:
        raise
    except ConfigError as error:
        flash(f"{error.problems[0].partition(': ')[2].capitalize()}.", "attention")
    return redirect(url_for("console.response", response_id=response_id), 303)


@pages.post("/responses/<string:response_id>/tags/remove")
@guard.needs("editor")
def untag_response(response_id: str) -> Any:
    """Take a tag off an answer."""
    admin.untag(hub(), response_id, request.form.get("tag", ""))
    return redirect(url_for("console.response", response_id=response_id), 303)


def _more(tags: Sequence[str], wanted: Wanted) -> list[Field]:
    """Return the filters that are folded away until somebody wants one."""
    configuration = hub().registry.current()
    surveys = list(configuration.surveys)
    ratings = _ratings(rating_names(configuration, surveys), wanted.rated)
    return [
        *segment_fields(segments.values(hub(), surveys)),
        *([queries.select("rated", "Rating", [Choice(value="", label="Any"), *ratings])] if ratings else []),
        *([queries.select("tag", "Tag", _choices("Any", tags))] if tags or wanted.tag else []),
        queries.select("comment", "Comment", _COMMENTS),
    ]


def _ratings(names: Sequence[str], wanted: Rated | None) -> list[Choice]:
    choices = [Rated(name=name, score=score) for name in names for score in range(BEST_RATING, 0, -1)]
    choices += [wanted] if wanted is not None and wanted not in choices else []
    return [Choice(value=str(one), label=f"{one.name}: {one.score} of {BEST_RATING}") for one in choices]


def _export_of(form: str) -> str:
    """Return where the file is of what the address asks for."""
    filters = {name: value for name, value in request.args.items() if value and name != "cursor"}
    address = url_for("console.export_responses", form=form)
    return f"{address}?{urlencode(filters)}" if filters else address


def _wanted() -> Wanted:
    """Return which answers the address asks for. Raises ConfigError."""
    first, last = days_in()
    score = queries.one_of("score", [choice.value for choice in _SCORES if choice.value])
    comment = queries.one_of("comment", ["yes", "no"])
    rated = queries.text("rated")
    return Wanted(
        survey=queries.text("survey"),
        person=queries.text("person"),
        since=None if first is None else _start(first),
        until=None if last is None else _start(last + timedelta(days=1)),
        band=Band(score) if score in list(Band) else None,
        score=int(score) if score and score.isdecimal() else None,
        tag=queries.text("tag"),
        segment=asked_segment(),
        rated=None if rated is None else rated_in(rated, "rated"),
        has_comment=None if comment is None else comment == "yes",
        said=queries.text("said"),
    )


def _surveys() -> set[str]:
    """Return the names of the surveys that can be looked at."""
    return {one.name for one in hub().registry.current().surveys.values()}


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _choices(nothing: str, values: Any) -> list[Choice]:
    return [Choice(value="", label=nothing), *(Choice(value=str(one), label=str(one)) for one in values)]


_MORE = ("among", "rated", "tag", "comment", "from", "to")
_COMMENTS = [
    Choice(value="", label="With or without"),
    Choice(value="yes", label="With a comment"),
    Choice(value="no", label="Without one"),
]
_SCORES = [
    Choice(value="", label="Any score"),
    Choice(value=Band.PROMOTER, label="Promoters, 9 and 10"),
    Choice(value=Band.PASSIVE, label="Passives, 7 and 8"),
    Choice(value=Band.DETRACTOR, label="Detractors, 0 to 6"),
    *(Choice(value=str(score), label=str(score)) for score in range(10, -1, -1)),
]
