"""What stands in a weekly report: scores of the week and of the one before, comments, what needs attention."""

from __future__ import annotations

from datetime import datetime

from hub.admin.configuration.weekly import WEEK
from hub.admin.paging import Slice
from hub.admin.reporting.overview import overview
from hub.admin.reporting.score_words import score_words
from hub.admin.responses.responses import Wanted, responses
from hub.admin.scoring.scores import Score, scores
from hub.admin.words import counted
from hub.domain.scores import counts_of, interval_of
from hub.mail.clean import looks_like_a_link, one_line
from hub.mail.report import Quote, ReportMail, SurveyLines, render_report
from hub.pipeline.hub import Hub
from hub.plugin import Message
from hub.store.types import new_id

MOST_QUOTES = 5
_LONGEST_QUOTE = 300


def report_to(hub: Hub, address: str, *, until: datetime) -> Message:
    """Return the report of the seven days before `until`, for one address."""
    base_url = hub.settings.base_url
    week = scores(hub, since=until - WEEK, until=until)
    before = {one.survey: one for one in scores(hub, since=until - 2 * WEEK, until=until - WEEK)}
    answers = sum(one.n for one in week)
    return render_report(
        ReportMail(
            id=f"report-{new_id()}",
            to=address,
            subject=f"Your surveys, the 7 days to {until:%-d %B}: {counted(answers, 'answer')}",
            surveys=[
                SurveyLines(
                    name=one.survey,
                    week=_sentence(one),
                    before=f"The week before: {_sentence(before[one.survey])}",
                    link=f"{base_url}/surveys/{one.survey}",
                )
                for one in week
            ],
            quotes=_quotes(hub, until),
            attention=[hint.sentence for hint in overview(hub).hints],
            link=base_url,
            settings_link=f"{base_url}/settings/report",
            message_id_domain=f"{hub.registry.current().hub_id}.survey-hub",
            sent_at=hub.now(),
        )
    )


def _sentence(score: Score) -> str:
    counts = counts_of(dict(enumerate(score.distribution)))
    return score_words(counts, interval_of(counts)) if score.n else "No answers."


def _quotes(hub: Hub, until: datetime) -> list[Quote]:
    wanted = Wanted(since=until - WEEK, until=until, has_comment=True)
    return [
        Quote(
            survey=one.survey,
            score=one.score,
            comment=_quoted(one.comment),
            link=f"{hub.settings.base_url}/people/{one.person_id}",
        )
        for one in responses(hub, wanted, Slice(limit=MOST_QUOTES)).items
    ]


def _quoted(comment: str) -> str:
    """Return a comment on a line. Nobody follows a stranger's link from a mail of the hub."""
    line = one_line(comment, limit=_LONGEST_QUOTE)
    return "(The comment has a link in it; the hub shows it.)" if looks_like_a_link(line) else line
