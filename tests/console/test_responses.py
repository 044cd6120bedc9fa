"""Responses in the console."""

from __future__ import annotations

from datetime import timedelta

from hub.pipeline.respond import answer
from tests.console.browsing import visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines


def test_answers_are_listed_newest_first_with_band_and_person(lab: Lab) -> None:
    lab.decide(identify("ada", firstName="Ada"), identify("bob", firstName="Bob"))
    lab.deliver()
    for place, (score, comment) in enumerate([(3, "<b>slow</b>"), (10, "")]):
        answer(lab.hub, lab.token(place), score, comment or None)
        lab.clock.advance(timedelta(minutes=1))
    page = visitor_of(lab.hub).get("/responses").text
    assert page.index("promoter") < page.index("detractor")
    assert "&lt;b&gt;slow&lt;/b&gt;" in page
    assert (">Ada</a>" in page, ">Bob</a>" in page) == (True, True)


def test_answers_are_those_of_the_survey_that_is_asked_for(lab: Lab) -> None:
    lab.configure(SETUP + survey_lines() + '[surveys.second]\nsources = ["product"]\n' + survey_lines())
    lab.decide(identify("ada"))
    lab.deliver()
    answer(lab.hub, lab.token(lab.states().index("sent")), 9, "the only one")
    visitor = visitor_of(lab.hub)
    shown = [visitor.get("/responses", survey=name).text.count("the only one") for name in ("onboarding", "second")]
    assert sorted(shown) == [0, 1]


def test_survey_that_is_not_there_is_said_to_be_missing(lab: Lab) -> None:
    page = visitor_of(lab.hub).get("/responses", survey="onbording")
    assert page.status_code == 404
    assert "did you mean onboarding?" in page.text


def test_hub_without_answers_points_to_the_queue(lab: Lab) -> None:
    assert "No answers yet" in visitor_of(lab.hub).get("/responses").text
