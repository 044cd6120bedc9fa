"""Home: the score of what is chosen, how sure it is, whether it changed, and of whom it is."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from html import unescape

import pytest

from hub.admin.reporting import dashboard
from hub.admin.scoring import response_rate, segments
from hub.pipeline import count
from hub.pipeline.respond import answer
from tests.console.answers import give
from tests.console.browsing import visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines

GOOD, FAIR = [10] * 30 + [8] * 20 + [3] * 10, [10] * 20 + [8] * 20 + [3] * 20


def words(text: str) -> str:
    """Return what a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def home(lab: Lab, **query: str) -> str:
    return words(visitor_of(lab.hub).get("/", **query).text)


def test_score_is_told_with_its_interval_and_the_number_of_answers(lab: Lab) -> None:
    give(lab, GOOD)
    assert "NPS +33 (13 to 50) from 60 answers." in home(lab)


def test_other_days_begin_with_those_that_are_shown(lab: Lab) -> None:
    give(lab, GOOD)
    visitor = visitor_of(lab.hub)
    page = visitor.get("/", period="30").text
    found = re.search(r'href="([^"]+)"[^>]*>Other days<', page)
    assert found is not None
    last = lab.clock().date()
    other = visitor.get(unescape(found[1])).text
    assert f'name="from" type="date" value="{last - timedelta(days=29)}"' in other
    assert f'name="to" type="date" value="{last}"' in other
    assert "from 60 answers" in words(other)


def test_survey_of_the_table_leads_to_its_score(lab: Lab) -> None:
    give(lab, GOOD)
    visitor = visitor_of(lab.hub)
    found = re.search(r'<th scope="row"><a href="([^"]+)">onboarding<', visitor.get("/", period="all").text)
    assert found is not None
    assert unescape(found[1]) == "/?period=all&survey=onboarding"
    assert "onboarding shown above" in words(visitor.get(unescape(found[1])).text)


def test_change_within_its_uncertainty_is_called_so(lab: Lab) -> None:
    give(lab, GOOD, at=lab.clock() - timedelta(hours=2))
    give(lab, [10] * 26 + [8] * 20 + [3] * 14, at=lab.clock() - timedelta(days=40))
    assert "Up 13 on the 30 days before: the change is within its uncertainty" in home(lab, period="30")


def test_change_beyond_its_uncertainty_is_called_so(lab: Lab) -> None:
    give(lab, FAIR, at=lab.clock() - timedelta(hours=2))
    give(lab, [10] * 60, at=lab.clock() - timedelta(days=40))
    assert "Down 100 on the 30 days before: more than chance alone explains" in home(lab, period="30")


def test_fewer_than_ten_answers_before_tell_no_trend(lab: Lab) -> None:
    give(lab, GOOD, at=lab.clock() - timedelta(hours=2))
    give(lab, [10] * 9, at=lab.clock() - timedelta(days=40))
    assert "In the 30 days before there were 9 answers: fewer than 10 tell no trend." in home(lab, period="30")


def test_one_answer_before_is_told_of_as_one(lab: Lab) -> None:
    give(lab, GOOD, at=lab.clock() - timedelta(hours=2))
    give(lab, [10], at=lab.clock() - timedelta(days=40))
    assert "In the 30 days before there was 1 answer: fewer than 10" in home(lab, period="30")


@pytest.mark.parametrize(
    ("asked", "said", "leads_on"),
    [
        ({"to": "2020-01-01"}, "Nobody answered in the days you chose.", True),
        ({"from": "2099-01-01"}, "Nobody answered in the days you chose.", True),
        ({"from": "2020-01-01", "to": "2020-01-01"}, "Nobody answered on this day.", True),
        ({"from": "2020-01-01", "to": "2020-01-07"}, "Nobody answered in these 7 days.", True),
        ({"period": "all", "survey": "quiet"}, "Nobody answered yet.", False),
    ],
)
def test_days_without_answers_are_told_from_a_hub_without_any(
    lab: Lab, asked: dict[str, str], said: str, leads_on: bool
) -> None:
    lab.configure(SETUP + survey_lines() + '[surveys.quiet]\nsources = ["product"]\n' + survey_lines())
    give(lab, GOOD)
    page = home(lab, **asked)
    assert (said in page, "Look at all answers" in page) == (True, leads_on)


def test_few_answers_are_said_to_be_few(lab: Lab) -> None:
    give(lab, [10, 10, 3])
    page = home(lab)
    assert "NPS +33 from 3 answers: too few to say much" in page
    assert "the score of all of them lies between those two numbers" in page
    assert "in brackets" not in page


def test_interval_of_one_answer_holds_its_score(lab: Lab) -> None:
    give(lab, [0])
    assert "NPS −100 from 1 answer: too few to say much; it may as well be −100 to 48." in home(lab)


def test_answers_outside_the_chosen_days_do_not_count(lab: Lab) -> None:
    give(lab, [10] * 12, at=lab.clock() - timedelta(days=20))
    assert "No answers in this time" in home(lab, period="7")
    day = (lab.clock() - timedelta(days=20)).date()
    visitor = visitor_of(lab.hub, "viewer")
    chosen = {"from": day.isoformat(), "to": day.isoformat()}
    assert "from 12 answers" in words(visitor.get("/", **chosen).text)
    chosen = {"from": (day + timedelta(days=1)).isoformat()}
    assert "from 12 answers" not in words(visitor.get("/", **chosen).text)


def test_score_of_a_language_and_of_a_trait_is_of_these_answers_alone(lab: Lab) -> None:
    segments.choose(lab.hub, ["plan"])
    give(lab, [10] * 12, language="de", plan="pro")
    give(lab, [3] * 11, language="fr", plan="free")
    visitor = visitor_of(lab.hub)
    shown = [
        words(visitor.get("/", **query).text)
        for query in ({}, {"among": "language=de"}, {"among": "plan=free"}, {"among": "plan=gone"})
    ]
    said = ["from 23 answers", "NPS +100 (54 to 100) from 12", "NPS −100 (−100 to −51) from 11"]
    said += ["No answers in this time"]
    assert [sentence in page for sentence, page in zip(said, shown, strict=True)] == [True] * 4
    assert "plan: free" in shown[0]


def test_scores_of_languages_and_traits_stand_side_by_side_and_lead_to_each(lab: Lab) -> None:
    segments.choose(lab.hub, ["plan"])
    give(lab, [10] * 12, language="de", plan="pro")
    give(lab, [3] * 11, language="fr", plan="free & easy")
    give(lab, [3] * 2, language="fr", at=lab.clock() - timedelta(days=60))
    visitor = visitor_of(lab.hub)
    page = visitor.get("/", period="30").text
    assert "By language" in page
    assert rows_of(page, "values") == ["de +100 54 to 100 12", "fr −100 −100 to −51 11"]
    page = visitor.get("/", period="30", by="plan").text
    assert rows_of(page, "values") == ["pro +100 54 to 100 12", "free &amp; easy −100 −100 to −51 11"]
    [address] = re.findall(r'href="([^"]+)">free &amp; easy</a>', page)
    page = visitor.client.get(unescape(address)).text
    assert "NPS −100 (−100 to −51) from 11" in words(page)
    assert [row.split("shown above")[0].strip() for row in rows_of(page, "values") if "shown" in row] == [
        "free &amp; easy"
    ]
    assert visitor.get("/", by="country").status_code == 422


def test_of_many_values_those_with_most_answers_are_shown(lab: Lab) -> None:
    for number in range(12):
        give(lab, [9] * (number + 1), language=f"l{number:02}")
    page = visitor_of(lab.hub).get("/").text
    assert [row.split()[0] for row in rows_of(page, "values")] == [f"l{number:02}" for number in range(11, 1, -1)]
    assert "And 2 more with fewer answers." in page


def test_of_very_many_values_the_first_by_name_are_looked_at(lab: Lab) -> None:
    for number in range(51):
        give(lab, [9], language=f"l{number:02}")
    page = visitor_of(lab.hub).get("/").text
    assert "And 40 more with fewer answers. There are very many values; these are of the first fifty by name." in page
    assert page.count('<option value="language=l') == 50


def test_ratings_beside_the_score_are_shown_with_mean_and_distribution(lab: Lab) -> None:
    give(lab, [9] * 3, ratings={"support": 5, "value": 1})
    give(lab, [9], ratings={"support": 2}, language="de")
    give(lab, [9], ratings={"support": 1}, at=lab.clock() - timedelta(days=60))
    visitor = visitor_of(lab.hub)
    page = visitor.get("/", period="30").text
    counts = "1: 0, 2: 1, 3: 0, 4: 0, 5: 3"
    assert [(row.split()[:2], counts in row, row[-1]) for row in rows_of(page, "ratings")] == [
        (["support", "4.2"], True, "4"),
        (["value", "1.0"], False, "3"),
    ]
    assert [row.split()[:2] for row in rows_of(visitor.get("/", among="language=de").text, "ratings")] == [
        ["support", "2.0"]
    ]
    assert rows_of(visitor.get("/", period="7", among="language=fr").text, "ratings") == []


def rows_of(page: str, id: str) -> list[str]:
    """Return the rows of the table below a heading, as words."""
    _, _, section = page.partition(f'<h2 id="{id}">')
    body = section.partition("</tbody>")[0].partition("<tbody>")[2]
    return [words(row) for row in body.split("</tr>") if words(row)]


def test_surveys_are_compared_on_one_scale(lab: Lab) -> None:
    lab.configure(SETUP + survey_lines() + "[surveys.renewal]\n")
    give(lab, GOOD)
    page = home(lab)
    assert "renewal Off: asks nobody." in page
    assert "no answers in this time" in page


def test_response_rate_and_coverage_come_with_their_time(lab: Lab) -> None:
    lab.decide(*(identify(f"u{n}") for n in range(4)))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, "so <b>good</b>")
    lab.set(enabled=False)
    lab.decide(identify("u9"))
    page = home(lab)
    assert "1 of 4 mails were answered (5 to 70 %). Mails" in page
    assert "1 person with an address was never asked, of 5." in page
    assert page.count("As of just now") == 2
    assert "so &lt;b&gt;good&lt;/b&gt;" in page


def test_answers_to_few_mails_are_in_their_rate_at_once(lab: Lab) -> None:
    lab.decide(*(identify(f"u{n}") for n in range(3)))
    count.drain(lab.hub, until=time.monotonic() + 60)
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    assert "1 of 3 mails were answered" in home(lab)


def test_of_many_people_it_is_told_who_had_been_asked_when_they_were_counted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "COUNTED_AT_ONCE", 2)
    lab.decide(*(identify(f"u{n}") for n in range(3)))
    lab.deliver()
    count.drain(lab.hub, until=time.monotonic() + 60)
    lab.clock.advance(timedelta(minutes=4))
    assert "Everybody with an address was asked: 3. Since the hub began. As of 4 minutes ago" in home(lab)


def test_no_rate_is_told_while_the_mails_of_the_answers_are_not_counted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_rate, "COUNTED_AT_ONCE", 2)
    visitor = visitor_of(lab.hub)
    lab.decide(*(identify(f"u{n}") for n in range(3)))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    assert "those of this answer are not counted yet" in words(visitor.get("/").text)
    count.drain(lab.hub, until=time.monotonic() + 60)
    lab.clock.advance(timedelta(minutes=4))
    page = words(visitor.get("/").text)
    assert "1 of 3 mails were answered" in page
    assert "did not bounce. As of 4 minutes ago" in page
    answer(lab.hub, lab.token(1), 9, None)
    answer(lab.hub, lab.token(2), 9, None)
    page = words(visitor.get("/").text)
    assert "those of these 3 answers are not counted yet" in page
    assert "mails were answered" not in page


def test_no_rate_is_told_of_fewer_mails_than_answers(lab: Lab) -> None:
    lab.decide(identify("ada"))
    lab.deliver()
    give(lab, [9] * 15)
    visitor = visitor_of(lab.hub)
    page = words(visitor.get("/").text)
    assert "15 answers came in this time, and 1 mail fell due in it" in page
    assert "mails were answered" not in page
    assert "15 answers came, more than there are mails that the hub knows of: 1." in words(
        visitor.get("/", period="all").text
    )


def test_rate_beside_the_score_of_a_language_is_said_to_be_everybodys(lab: Lab) -> None:
    lab.decide(identify("ada"))
    lab.deliver()
    answer(lab.hub, lab.token(), 9, None)
    visitor = visitor_of(lab.hub)
    assert "Response rate of everybody, in all languages" in words(visitor.get("/", among="language=en").text)
    assert "of everybody, in all" not in words(visitor.get("/").text)


@pytest.mark.parametrize(
    ("query", "status", "problem"),
    [
        ({"period": "8"}, 422, "period: 8 is none of"),
        ({"from": "yesterday"}, 422, "from: &#39;yesterday&#39; is no day"),
        ({"to": "9999-12-31"}, 422, "to: &#39;9999-12-31&#39; is no day"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, 422, "to: lies before from"),
        ({"among": "plan"}, 422, "among: is written as a name and a value"),
        ({"among": "plan=pro"}, 404, "Scores are not counted by"),
        ({"survey": "onbording"}, 404, "did you mean onboarding?"),
    ],
)
def test_what_cannot_be_looked_at_is_said(lab: Lab, query: dict[str, str], status: int, problem: str) -> None:
    page = visitor_of(lab.hub).get("/", **query)
    assert page.status_code == status
    assert problem in page.text


def test_trend_joins_periods_with_enough_answers_alone(lab: Lab) -> None:
    for days, scores in [(5, GOOD), (4, FAIR), (3, [10]), (2, GOOD)]:
        give(lab, scores, at=lab.clock() - timedelta(days=days), apart=timedelta(seconds=1))
    page = visitor_of(lab.hub).get("/", period="7").text
    assert (page.count('class="dot"'), page.count('class="hole"')) == (4, 1)
    assert page.count('class="line"') == 2
    assert "A hollow dot stands for fewer than ten answers" in page


@pytest.mark.parametrize("typed", ["a\nb\nc\nd\ne\nf", "x" * 65, "language"])
def test_traits_that_scores_cannot_be_counted_by_are_refused(lab: Lab, typed: str) -> None:
    page = visitor_of(lab.hub).post("/settings/scores", traits=typed)
    assert page.status_code == 422
    assert lab.hub.registry.current().segment_traits == ()


def test_traits_are_chosen_by_an_admin_alone_and_written_down(lab: Lab) -> None:
    assert visitor_of(lab.hub, "editor").post("/settings/scores", traits="plan").status_code == 403
    visitor = visitor_of(lab.hub)
    assert "by language, plan, country" in visitor.post("/settings/scores", traits=" plan\ncountry \n\nplan").text
    assert lab.hub.registry.current().segment_traits == ("plan", "country")
    assert "chose the traits" in visitor.get("/settings/audit").text
