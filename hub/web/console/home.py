"""Home: what customers say, how sure that is, and whether the hub is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import url_for

from hub.admin.people.people import names_of
from hub.admin.reporting import dashboard as admin
from hub.admin.reporting.dashboard import Looked, Span
from hub.admin.reporting.overview import overview
from hub.admin.reporting.score_parts import parts
from hub.admin.reporting.score_words import (
    UNITS,
    change_words,
    interval_words,
    many,
    no_rate_words,
    range_of,
    reach_words,
    score_words,
    share_words,
    signed,
)
from hub.admin.scoring import segments
from hub.admin.scoring.scores import Segment, segment_in
from hub.config import ConfigError
from hub.store.score_counts import LANGUAGE
from hub.web.backing import hub
from hub.web.console import charts, queries
from hub.web.console.forms import Choice, Field
from hub.web.console.frame import pages, show

DAYS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "A year", "all": "All time"}
USUAL = "90"
EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)
"""What a day is looked for between: as far before and after again there still are days."""

for _name, _function in (("signed", signed), ("range_of", range_of), ("many", many)):
    pages.add_app_template_filter(_function, _name)


@dataclass(frozen=True, kw_only=True)
class Period:
    """A choice of days, as a link: what it asks for in the address."""

    label: str
    asked: Mapping[str, str | None]
    is_current: bool


@pages.get("/")
def home() -> Any:
    """What needs attention, then the score with all that belongs to it, then the hub's parts."""
    period, span = asked_span()
    known = overview(hub())
    looked = Looked(survey=queries.text("survey"), span=span, segment=asked_segment())
    seen = admin.dashboard(hub(), looked)
    values = segments.values(hub(), list(hub().registry.current().surveys))
    by = _by(looked, values)
    return show(
        "home.html",
        overview=known,
        states_of={one.name: one.state for one in known.surveys},
        seen=seen,
        looked=looked,
        periods=_periods(period, span),
        is_custom=period == "",
        filters=_filters(values),
        parts=parts(hub(), looked, by, values[by] if by else []),
        by=by,
        segments=[name for name, found in values.items() if found],
        names=names_of(hub(), {one.person_id for one in seen.comments}),
        words=score_words(seen.counts, seen.interval),
        interval_words=interval_words(seen.counts),
        change=change_words(seen, span),
        charts=charts,
        unit=UNITS[seen.unit],
        share_words=share_words,
        no_rate_words=no_rate_words,
        reach_words=reach_words,
        answers_url=f"{url_for('console.responses')}?{urlencode(_for_responses(looked))}",
    )


def asked_span() -> tuple[str, Span]:
    """Return the period of the address and its days; "" for one that was typed. Raises ConfigError."""
    first, last = days_in()
    if first is not None or last is not None:
        return "", Span(first=first, last=last)
    period = queries.one_of("period", DAYS) or USUAL
    if period == "all":
        return period, Span()
    first, last = _days_until_today(int(period))
    return period, Span(first=first, last=last)


def _days_until_today(number: int) -> tuple[date, date]:
    today = hub().now().date()
    return today - timedelta(days=number - 1), today


def asked_segment() -> Segment | None:
    """Return the language or the trait's value of the address. Raises ConfigError."""
    among = queries.text("among")
    return None if among is None else segment_in(among, "among")


def segment_fields(values: Mapping[str, Sequence[str]]) -> list[Field]:
    """Return the filter by language and by the traits that were chosen, when there are any values."""
    choices = [
        Choice(value=f"{name}={one}", label=f"{'Language' if name == LANGUAGE else name}: {one}")
        for name, found in values.items()
        for one in found
    ]
    return [queries.select("among", "Among", [Choice(value="", label="Everybody"), *choices])] if choices else []


def _periods(period: str, span: Span) -> list[Period]:
    """Return the choices of days; the last one offers those that are shown, to be changed."""
    fixed = [
        Period(label=label, asked={"period": key, "from": None, "to": None}, is_current=key == period)
        for key, label in DAYS.items()
    ]
    first, last = span.first, span.last
    if first is None and last is None:
        first, last = _days_until_today(int(USUAL))
    other = {"period": None, "from": _text_of(first), "to": _text_of(last)}
    return [*fixed, Period(label="Other days", asked=other, is_current=period == "")]


def _text_of(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _by(looked: Looked, values: Mapping[str, Sequence[str]]) -> str | None:
    """Return by what scores are compared: as asked, else the first that has more than one value. Raises ConfigError."""
    asked = queries.one_of("by", values)
    if asked is None and looked.segment is not None:
        asked = looked.segment.name
    return asked or next((name for name, found in values.items() if len(found) > 1), None)


def _filters(values: Mapping[str, Sequence[str]]) -> list[Field]:
    surveys = hub().registry.current().surveys
    of_surveys = [queries.survey_field()] if len(surveys) > 1 else []
    return [*of_surveys, *segment_fields(values)]


def days_in() -> tuple[date | None, date | None]:
    """Return the first and the last day of the address, None for one that is left empty. Raises ConfigError."""
    first, last = _day_in("from"), _day_in("to")
    if first is not None and last is not None and first > last:
        raise ConfigError(["to: lies before from; no day could lie between"])
    return first, last


def _day_in(name: str) -> date | None:
    text = queries.text(name)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not EARLIEST <= day <= LATEST:
        raise ConfigError([f"{name}: {text[:40]!r} is no day; write one such as 2026-03-01"])
    return day


def _for_responses(looked: Looked) -> dict[str, str]:
    segment, span = looked.segment, looked.span
    asked = {
        "survey": looked.survey,
        "from": _text_of(span.first),
        "to": _text_of(span.last),
        "among": segment and f"{segment.name}={segment.value}",
    }
    return {name: value for name, value in asked.items() if value}


@pages.get("/settings/components")
def components() -> Any:
    """Every component, for whoever adds a page."""
    return show("components.html", fields=_EXAMPLES)


_EXAMPLES = [
    Field(name="host", label="Host", is_required=True, help="Name or address of the mail server."),
    Field(name="port", label="Port", kind="number", value="x", problem="Write a whole number."),
    Field(name="min_delay_days", label="Wait", kind="number", value="3", unit="days"),
    Field(name="password", label="Password", kind="secret", placeholder="kept as it is"),
    Field(name="note", label="Note", kind="text area"),
    Field(name="role", label="Role", kind="select", choices=[Choice(value="viewer", label="Viewer")]),
    Field(name="enabled", label="Automation", kind="switch", value=True, help="Whether it asks anybody."),
    Field(
        name="sources",
        label="Sources",
        kind="choices",
        value=["app"],
        choices=[Choice(value="app", label="app"), Choice(value="site", label="site")],
    ),
]
